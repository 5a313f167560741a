"""Works with Trello: cards, lists, boards."""

from typing import Any, ClassVar, Union

from pydantic import RootModel

from nodes.credentials.credential import CredentialSlot
from nodes.external_action.trello_api.boards import CreateBoard, GetBoard, ListBoards, UpdateBoard
from nodes.external_action.trello_api.cards import CommentCard, CreateCard, DeleteCard, GetCard, MoveCard, UpdateCard
from nodes.external_action.trello_api.client import TRELLO_KEY, TrelloApi
from nodes.external_action.trello_api.lists import CreateList, GetList, ListCards, ListLists, UpdateList
from nodes.external_action.vendor import Operation, VendorExecutor, by_name, unchosen

AnyOperation = Union[  # noqa: UP007 - listed one a line
    CreateCard,
    GetCard,
    UpdateCard,
    MoveCard,
    CommentCard,
    DeleteCard,
    ListCards,
    CreateList,
    GetList,
    ListLists,
    UpdateList,
    CreateBoard,
    GetBoard,
    ListBoards,
    UpdateBoard,
]


class TrelloParameters(RootModel[AnyOperation]):
    """Parameters of TRELLO: those of one operation."""


OPERATIONS = by_name(TrelloParameters)


class Trello(VendorExecutor[Operation[Any]]):
    """Calls Trello's REST API, and emits what it answers; a list gives an item for each entry."""

    subtype = "TRELLO"
    model = TrelloParameters
    api = TrelloApi
    operations = OPERATIONS
    unchosen = unchosen(OPERATIONS)
    credentials: ClassVar = {"auth": CredentialSlot((TRELLO_KEY,))}

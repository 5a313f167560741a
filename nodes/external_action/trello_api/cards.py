"""Operations on cards: create, get, update, move, comment, delete."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from nodes.base import PermanentError
from nodes.external_action.api import segment
from nodes.external_action.trello_api.client import Id, Position, TrelloApi, TrelloOperation
from nodes.parameters import STRUCTURAL, misuse
from nodes.values import shown

_LONGEST_TEXT = 16_384
_NAMES = {
    "list_id": "idList",
    "name": "name",
    "desc": "desc",
    "pos": "pos",
    "due": "due",
    "start": "start",
    "due_complete": "dueComplete",
    "member_ids": "idMembers",
    "label_ids": "idLabels",
    "url_source": "urlSource",
    "closed": "closed",
}


def _moment(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise misuse(f'is {shown(text)}; expected a time such as "2026-11-24T15:00:00Z", or a date') from None
    return text


def _day(text: str) -> str:
    return datetime.fromisoformat(_moment(text)).date().isoformat()


Moment = Annotated[str, AfterValidator(_moment)]
Day = Annotated[str, AfterValidator(_day)]


class CardOperation(TrelloOperation):
    """An operation on one card."""

    card_id: Id = Field(description="The card's id, or the short one of its address.")

    @property
    def path(self) -> str:
        """Where the card is."""
        return f"/cards/{segment(self.card_id, 'card_id')}"

    @property
    def what(self) -> str:
        """How messages name it."""
        return f'the card "{self.card_id}"'


class CardFields(TrelloOperation):
    """What a card is made of."""

    desc: str = Field(default="", max_length=_LONGEST_TEXT, description="The description, in Markdown.")
    pos: Position | None = Field(default=None, description="Where in the list: `top`, `bottom` or a number.")
    due: Moment | None = Field(default=None, description="When it is due; null takes it off.")
    start: Day | None = Field(default=None, description="The day it begins; null takes it off.")
    due_complete: bool = Field(default=False, description="Whether it was done in time.")
    member_ids: list[Id] = Field(default_factory=list, description="The ids of its members.")
    label_ids: list[Id] = Field(default_factory=list, description="The ids of its labels.")


class CreateCard(CardFields):
    """Makes a card, and emits it."""

    operation: Annotated[Literal["create_card"], STRUCTURAL] = Field(description="Make a card.")
    list_id: Id = Field(description="The id of the list to put it in.")
    name: str = Field(min_length=1, max_length=_LONGEST_TEXT, description="The title.")
    url_source: str | None = Field(default=None, description="A URL to attach.")

    async def perform(self, api: TrelloApi) -> dict[str, Any]:
        """Posts the card."""
        body = {name: value for name, value in self.body(_NAMES).items() if value is not None}
        return await api.call("POST", "/cards", what=f'a new card of the list "{self.list_id}"', json=body)


class GetCard(CardOperation):
    """Emits one card."""

    operation: Annotated[Literal["get_card"], STRUCTURAL] = Field(description="Emit one card.")

    async def perform(self, api: TrelloApi) -> dict[str, Any]:
        """Gets the card."""
        return await api.call("GET", self.path, what=self.what)


class UpdateCard(CardOperation, CardFields):
    """Changes what is given of a card, and emits it."""

    operation: Annotated[Literal["update_card"], STRUCTURAL] = Field(description="Change a card.")
    name: str = Field(default="", min_length=1, max_length=_LONGEST_TEXT, description="The title.")
    closed: bool = Field(default=False, description="Whether it is archived.")

    async def perform(self, api: TrelloApi) -> dict[str, Any]:
        """Puts the changes."""
        body = self.body(_NAMES)
        if not body:
            raise PermanentError(
                "no parameter says what to change in the card",
                code="MISSING_PARAMETER",
                hint='set "name", "desc", "due" or another field',
            )
        return await api.call("PUT", self.path, what=self.what, json=body)


class MoveCard(CardOperation):
    """Moves a card to another list, and emits it."""

    operation: Annotated[Literal["move_card"], STRUCTURAL] = Field(description="Move a card.")
    list_id: Id = Field(description="The id of the list to move it to.")
    board_id: Id | None = Field(default=None, description="The id of the list's board, if it is another one.")
    pos: Position = Field(default="bottom", description="Where in the list: `top`, `bottom` or a number.")

    async def perform(self, api: TrelloApi) -> dict[str, Any]:
        """Puts the new place."""
        body = {"idList": self.list_id, "pos": self.pos, **({"idBoard": self.board_id} if self.board_id else {})}
        return await api.call("PUT", self.path, what=f'{self.what} or the list "{self.list_id}"', json=body)


class CommentCard(CardOperation):
    """Comments on a card, and emits the comment."""

    operation: Annotated[Literal["comment_card"], STRUCTURAL] = Field(description="Comment on a card.")
    text: str = Field(min_length=1, max_length=_LONGEST_TEXT, description="The comment, in Markdown.")

    async def perform(self, api: TrelloApi) -> dict[str, Any]:
        """Posts the comment."""
        return await api.call("POST", f"{self.path}/actions/comments", what=self.what, json={"text": self.text})


class DeleteCard(CardOperation):
    """Deletes a card for good; `update_card` with `closed` archives it."""

    operation: Annotated[Literal["delete_card"], STRUCTURAL] = Field(description="Delete a card for good.")

    async def perform(self, api: TrelloApi) -> dict[str, Any]:
        """Deletes the card."""
        await api.send("DELETE", self.path, what=self.what)
        return {"deleted": True, "card_id": self.card_id}

"""Operations on lists: create, get, list, update; and the cards in them."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nodes.base import PermanentError
from nodes.external_action.api import segment, taken
from nodes.external_action.trello_api.client import Id, Position, TrelloApi, TrelloOperation
from nodes.external_action.vendor import PagedOperation
from nodes.parameters import STRUCTURAL, absent, misuse

MOST_A_PAGE = 1000
_NAMES = {"name": "name", "board_id": "idBoard", "pos": "pos", "closed": "closed"}
Filter = Literal["open", "closed", "all"]


class ListOperation(TrelloOperation):
    """An operation on one list."""

    list_id: Id = Field(description="The list's id.")

    @property
    def path(self) -> str:
        """Where the list is."""
        return f"/lists/{segment(self.list_id, 'list_id')}"

    @property
    def what(self) -> str:
        """How messages name it."""
        return f'the list "{self.list_id}"'


class CreateList(TrelloOperation):
    """Makes a list on a board, and emits it."""

    operation: Annotated[Literal["create_list"], STRUCTURAL] = Field(description="Make a list.")
    board_id: Id = Field(description="The board's id.")
    name: str = Field(min_length=1, max_length=16_384, description="The name.")
    pos: Position = Field(default="bottom", description="Where on the board: `top`, `bottom` or a number.")

    async def perform(self, api: TrelloApi) -> dict[str, Any]:
        """Posts the list."""
        body = {"name": self.name, "idBoard": self.board_id, "pos": self.pos}
        return await api.call("POST", "/lists", what=f'a new list of the board "{self.board_id}"', json=body)


class GetList(ListOperation):
    """Emits one list."""

    operation: Annotated[Literal["get_list"], STRUCTURAL] = Field(description="Emit one list.")

    async def perform(self, api: TrelloApi) -> dict[str, Any]:
        """Gets the list."""
        return await api.call("GET", self.path, what=self.what)


class ListLists(PagedOperation[TrelloApi]):
    """Emits the lists of a board."""

    operation: Annotated[Literal["list_lists"], STRUCTURAL] = Field(description="Emit a board's lists.")
    board_id: Id = Field(description="The board's id.")
    state: Filter = Field(default="open", description="Which ones; closed ones are archived.")

    async def perform(self, api: TrelloApi) -> list[dict[str, Any]]:
        """Gets the lists; Trello has no pages of them."""
        path = f"/boards/{segment(self.board_id, 'board_id')}/lists"
        answer = await api.send("GET", path, what=f'the board "{self.board_id}"', query={"filter": self.state})
        return api.objects_of(answer)[: self.most]


class UpdateList(ListOperation):
    """Changes what is given of a list, and emits it."""

    operation: Annotated[Literal["update_list"], STRUCTURAL] = Field(description="Change or archive a list.")
    name: str = Field(default="", min_length=1, max_length=16_384, description="The name.")
    pos: Position | None = Field(default=None, description="Where on the board: `top`, `bottom` or a number.")
    closed: bool = Field(default=False, description="Whether it is archived.")
    board_id: Id | None = Field(default=None, description="The id of the board to move it to.")

    async def perform(self, api: TrelloApi) -> dict[str, Any]:
        """Puts the changes."""
        body = {name: value for name, value in self.body(_NAMES).items() if value is not None}
        if not body:
            raise PermanentError(
                "no parameter says what to change in the list",
                code="MISSING_PARAMETER",
                hint='set "name", "pos", "closed" or "board_id"',
            )
        return await api.call("PUT", self.path, what=self.what, json=body)


class ListCards(PagedOperation[TrelloApi]):
    """Emits the cards of a list or of a whole board."""

    operation: Annotated[Literal["list_cards"], STRUCTURAL] = Field(description="Emit the cards of a list or board.")
    list_id: Id | None = Field(default=None, description="The list's id.")
    board_id: Id | None = Field(default=None, description="The board's id, instead of `list_id`.")
    state: Filter = Field(default="open", description="Which ones; closed ones are archived.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.list_id is None and self.board_id is None:
            raise absent("list_id", "give the list's id, or a board's in \"board_id\"")
        if self.list_id is not None and self.board_id is not None:
            raise misuse('has both "list_id" and "board_id"; give one of them')
        return self

    async def perform(self, api: TrelloApi) -> list[dict[str, Any]]:
        """Gets as many pages as it takes."""
        return await taken(self._pages(api), self.most)

    async def _pages(self, api: TrelloApi) -> AsyncIterator[Sequence[dict[str, Any]]]:
        kind, found = ("lists", self.list_id) if self.list_id is not None else ("boards", self.board_id)
        path, what = f"/{kind}/{segment(found, f'{kind[:-1]}_id')}/cards", f'the {kind[:-1]} "{found}"'
        size = MOST_A_PAGE if self.most is None else min(self.most, MOST_A_PAGE)
        before: str | None = None
        while True:
            query = {"filter": self.state, "limit": size, "before": before}
            cards = api.objects_of(await api.send("GET", path, what=what, query=query))
            yield cards
            # Trello's pages go back in time: the next one holds what was made before this one's oldest card.
            oldest = min((str(card.get("id", "")) for card in cards), default="")
            if len(cards) < size or not oldest or oldest == before:
                return
            before = oldest

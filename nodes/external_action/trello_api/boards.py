"""Operations on boards: create, get, list, update."""

from typing import Annotated, Any, Literal

from pydantic import Field

from nodes.base import PermanentError
from nodes.external_action.api import segment
from nodes.external_action.trello_api.client import Id, TrelloApi, TrelloOperation
from nodes.external_action.vendor import PagedOperation
from nodes.parameters import STRUCTURAL

_NAMES = {
    "name": "name",
    "desc": "desc",
    "organization_id": "idOrganization",
    "default_lists": "defaultLists",
    "closed": "closed",
}


class BoardOperation(TrelloOperation):
    """An operation on one board."""

    board_id: Id = Field(description="The board's id, or the short one of its address.")

    @property
    def path(self) -> str:
        """Where the board is."""
        return f"/boards/{segment(self.board_id, 'board_id')}"

    @property
    def what(self) -> str:
        """How messages name it."""
        return f'the board "{self.board_id}"'


class CreateBoard(TrelloOperation):
    """Makes a board, and emits it."""

    operation: Annotated[Literal["create_board"], STRUCTURAL] = Field(description="Make a board.")
    name: str = Field(min_length=1, max_length=16_384, description="The name.")
    desc: str = Field(default="", max_length=16_384, description="The description.")
    organization_id: Id | None = Field(default=None, description="The id of the workspace it belongs to.")
    default_lists: bool = Field(default=True, description="Put Trello's usual lists on it.")

    async def perform(self, api: TrelloApi) -> dict[str, Any]:
        """Posts the board."""
        body = {name: value for name, value in self.body(_NAMES).items() if value is not None}
        return await api.call("POST", "/boards", what=f'the board "{self.name}"', json=body)


class GetBoard(BoardOperation):
    """Emits one board."""

    operation: Annotated[Literal["get_board"], STRUCTURAL] = Field(description="Emit one board.")

    async def perform(self, api: TrelloApi) -> dict[str, Any]:
        """Gets the board."""
        return await api.call("GET", self.path, what=self.what)


class ListBoards(PagedOperation[TrelloApi]):
    """Emits the boards of a member: by default of whom the token is for."""

    operation: Annotated[Literal["list_boards"], STRUCTURAL] = Field(description="Emit a member's boards.")
    member_id: str = Field(default="me", min_length=1, max_length=100, description="The member's id or user name.")
    state: Literal["open", "closed", "all", "starred"] = Field(default="open", description="Which ones.")

    async def perform(self, api: TrelloApi) -> list[dict[str, Any]]:
        """Gets the boards; Trello has no pages of them."""
        path = f"/members/{segment(self.member_id, 'member_id')}/boards"
        answer = await api.send("GET", path, what=f'the member "{self.member_id}"', query={"filter": self.state})
        return api.objects_of(answer)[: self.most]


class UpdateBoard(BoardOperation):
    """Changes what is given of a board, and emits it."""

    operation: Annotated[Literal["update_board"], STRUCTURAL] = Field(description="Change or archive a board.")
    name: str = Field(default="", min_length=1, max_length=16_384, description="The name.")
    desc: str = Field(default="", max_length=16_384, description="The description.")
    closed: bool = Field(default=False, description="Whether it is closed.")

    async def perform(self, api: TrelloApi) -> dict[str, Any]:
        """Puts the changes."""
        body = self.body(_NAMES)
        if not body:
            raise PermanentError(
                "no parameter says what to change in the board",
                code="MISSING_PARAMETER",
                hint='set "name", "desc" or "closed"',
            )
        return await api.call("PUT", self.path, what=self.what, json=body)

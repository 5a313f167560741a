"""Operations on issues: create, get, list, update, comment."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from nodes.base import PermanentError
from nodes.external_action.api import taken
from nodes.external_action.github_api.client import GitHubApi, Number, RepositoryList, RepositoryOperation
from nodes.parameters import STRUCTURAL

_LONGEST_BODY = 65_536
Body = Annotated[str, Field(max_length=_LONGEST_BODY)]


class IssueOperation(RepositoryOperation):
    """An operation on one issue."""

    issue_number: Number = Field(description="The issue's number.")

    @property
    def issue_path(self) -> str:
        """Where the issue is."""
        return f"{self.root}/issues/{self.issue_number}"

    @property
    def what(self) -> str:
        """How messages name it."""
        return f"the issue {self.issue_number} of {self.repository}"


class CreateIssue(RepositoryOperation):
    """Opens an issue, and emits it."""

    operation: Annotated[Literal["create_issue"], STRUCTURAL] = Field(description="Open an issue.")
    title: str = Field(min_length=1, max_length=1024, description="The title.")
    body: Body = Field(default="", description="The text, in Markdown.")
    labels: list[str] = Field(default_factory=list, max_length=100, description="Names of labels.")
    assignees: list[str] = Field(default_factory=list, max_length=10, description="Login names of who should do it.")
    milestone: Number | None = Field(default=None, description="The milestone's number.")

    async def perform(self, api: GitHubApi) -> dict[str, Any]:
        """Posts the issue."""
        body = {"title": self.title, **self.given("body", "labels", "assignees", "milestone")}
        return await api.call("POST", f"{self.root}/issues", what=f"a new issue of {self.repository}", json=body)


class GetIssue(IssueOperation):
    """Emits one issue."""

    operation: Annotated[Literal["get_issue"], STRUCTURAL] = Field(description="Emit one issue.")

    async def perform(self, api: GitHubApi) -> dict[str, Any]:
        """Gets the issue."""
        return await api.call("GET", self.issue_path, what=self.what)


class ListIssues(RepositoryList):
    """Emits a repository's issues; GitHub counts pull requests among them."""

    operation: Annotated[Literal["list_issues"], STRUCTURAL] = Field(description="Emit issues.")
    state: Literal["open", "closed", "all"] = Field(default="open", description="Which ones.")
    labels: list[str] = Field(default_factory=list, description="Only those with all of these labels.")
    assignee: str | None = Field(default=None, description="Only those of this assignee; `none` or `*` for any.")
    creator: str | None = Field(default=None, description="Only those that this user opened.")
    mentioned: str | None = Field(default=None, description="Only those that mention this user.")
    milestone: str | None = Field(
        default=None, coerce_numbers_to_str=True, description="Only those of this milestone's number; `none` or `*`."
    )
    since: datetime | None = Field(default=None, description="Only those that changed since this time.")
    sort: Literal["created", "updated", "comments"] = Field(default="created", description="What the order is by.")
    direction: Literal["asc", "desc"] = Field(default="desc", description="Smallest or greatest first.")
    pull_requests: bool = Field(default=True, description="Emit pull requests, too.")

    async def perform(self, api: GitHubApi) -> list[dict[str, Any]]:
        """Gets as many pages as it takes."""
        query = {
            **{name: getattr(self, name) for name in ("state", "assignee", "creator", "mentioned", "milestone")},
            "labels": ",".join(self.labels) or None,
            "since": self.since.isoformat() if self.since else None,
            "sort": self.sort,
            "direction": self.direction,
        }
        pages = api.pages(f"{self.root}/issues", query, self.repository, self.most if self.pull_requests else None)
        return await taken(pages if self.pull_requests else _without_pull_requests(pages), self.most)


async def _without_pull_requests(pages: AsyncIterator[Sequence[dict[str, Any]]]) -> AsyncIterator[list[dict[str, Any]]]:
    async for page in pages:
        yield [entry for entry in page if "pull_request" not in entry]


class UpdateIssue(IssueOperation):
    """Changes what is given of an issue, and emits it."""

    operation: Annotated[Literal["update_issue"], STRUCTURAL] = Field(description="Change an issue.")
    title: str | None = Field(default=None, min_length=1, max_length=1024, description="The new title.")
    body: Body | None = Field(default=None, description="The new text, in Markdown.")
    state: Literal["open", "closed"] | None = Field(default=None, description="Whether it is open.")
    state_reason: Literal["completed", "not_planned", "duplicate", "reopened"] | None = Field(
        default=None, description="Why its state changes."
    )
    labels: list[str] = Field(default_factory=list, max_length=100, description="All its labels; an empty list clears.")
    assignees: list[str] = Field(default_factory=list, max_length=10, description="All who should do it.")
    milestone: Number | None = Field(default=None, description="The milestone's number; null takes it off.")

    async def perform(self, api: GitHubApi) -> dict[str, Any]:
        """Patches the issue."""
        body = self.given("title", "body", "state", "state_reason", "labels", "assignees", "milestone")
        if not body:
            raise PermanentError(
                "no parameter says what to change in the issue",
                code="MISSING_PARAMETER",
                hint='set "title", "body", "state" or another field',
            )
        if body.get("state", "") is None:
            del body["state"]
        return await api.call("PATCH", self.issue_path, what=self.what, json=body)


class CommentIssue(IssueOperation):
    """Comments on an issue or a pull request, and emits the comment."""

    operation: Annotated[Literal["comment_issue"], STRUCTURAL] = Field(
        description="Comment on an issue or a pull request."
    )
    body: Body = Field(min_length=1, description="The comment, in Markdown.")

    async def perform(self, api: GitHubApi) -> dict[str, Any]:
        """Posts the comment."""
        return await api.call("POST", f"{self.issue_path}/comments", what=self.what, json={"body": self.body})

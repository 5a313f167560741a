"""Operations on pull requests: list, get, create a review."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nodes.base import Parameters
from nodes.external_action.api import taken
from nodes.external_action.github_api.client import GitHubApi, Number, RepositoryList, RepositoryOperation
from nodes.external_action.github_api.issues import Body
from nodes.parameters import STRUCTURAL, absent


class PullRequestOperation(RepositoryOperation):
    """An operation on one pull request."""

    pull_number: Number = Field(description="The pull request's number.")

    @property
    def pull_path(self) -> str:
        """Where the pull request is."""
        return f"{self.root}/pulls/{self.pull_number}"

    @property
    def what(self) -> str:
        """How messages name it."""
        return f"the pull request {self.pull_number} of {self.repository}"


class ListPullRequests(RepositoryList):
    """Emits a repository's pull requests."""

    operation: Annotated[Literal["list_pull_requests"], STRUCTURAL] = Field(description="Emit pull requests.")
    state: Literal["open", "closed", "all"] = Field(default="open", description="Which ones.")
    head: str | None = Field(default=None, description="Only those from this branch: `user:branch`.")
    base: str | None = Field(default=None, description="Only those into this branch.")
    sort: Literal["created", "updated", "popularity", "long-running"] = Field(
        default="created", description="What the order is by."
    )
    direction: Literal["asc", "desc"] = Field(default="desc", description="Smallest or greatest first.")

    async def perform(self, api: GitHubApi) -> list[dict[str, Any]]:
        """Gets as many pages as it takes."""
        query = {name: getattr(self, name) for name in ("state", "head", "base", "sort", "direction")}
        return await taken(api.pages(f"{self.root}/pulls", query, self.repository, self.most), self.most)


class GetPullRequest(PullRequestOperation):
    """Emits one pull request."""

    operation: Annotated[Literal["get_pull_request"], STRUCTURAL] = Field(description="Emit one pull request.")

    async def perform(self, api: GitHubApi) -> dict[str, Any]:
        """Gets the pull request."""
        return await api.call("GET", self.pull_path, what=self.what)


class ReviewComment(Parameters):
    """A comment on a line of the change."""

    path: str = Field(min_length=1, description="The file.")
    body: Body = Field(min_length=1, description="The comment, in Markdown.")
    line: Number = Field(description="The line in the file.")
    side: Literal["LEFT", "RIGHT"] = Field(default="RIGHT", description="Its old or its new state.")


class CreateReview(PullRequestOperation):
    """Reviews a pull request, and emits the review."""

    operation: Annotated[Literal["create_review"], STRUCTURAL] = Field(description="Review a pull request.")
    event: Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"] = Field(
        default="COMMENT", description="What the review says."
    )
    body: Body = Field(default="", description="The text, in Markdown; only APPROVE goes without.")
    comments: list[ReviewComment] = Field(default_factory=list, max_length=100, description="Comments on lines.")
    commit_id: str | None = Field(default=None, description="The commit that was looked at; by default the latest.")

    @model_validator(mode="after")
    def _text(self) -> Self:
        if self.event in ("REQUEST_CHANGES", "COMMENT") and not self.body:
            raise absent("body", f"a review with the event {self.event} needs a text")
        return self

    async def perform(self, api: GitHubApi) -> dict[str, Any]:
        """Posts the review."""
        body: dict[str, Any] = {"event": self.event}
        if self.body:
            body["body"] = self.body
        if self.comments:
            body["comments"] = [comment.model_dump() for comment in self.comments]
        if self.commit_id:
            body["commit_id"] = self.commit_id
        return await api.call("POST", f"{self.pull_path}/reviews", what=self.what, json=body)

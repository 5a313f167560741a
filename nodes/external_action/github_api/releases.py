"""Operations on releases: create, list."""

from typing import Annotated, Any, Literal

from pydantic import Field

from nodes.external_action.api import taken
from nodes.external_action.github_api.client import GitHubApi, RepositoryList, RepositoryOperation
from nodes.parameters import STRUCTURAL


class CreateRelease(RepositoryOperation):
    """Makes a release, and emits it."""

    operation: Annotated[Literal["create_release"], STRUCTURAL] = Field(description="Make a release.")
    tag_name: str = Field(min_length=1, max_length=255, description="The tag; it is made if there is none.")
    target_commitish: str | None = Field(default=None, description="The branch or commit that a new tag is put on.")
    name: str | None = Field(default=None, description="The title.")
    body: str | None = Field(default=None, max_length=125_000, description="The text, in Markdown.")
    draft: bool = Field(default=False, description="Don't publish it yet.")
    prerelease: bool = Field(default=False, description="Mark it as not for everybody.")
    generate_release_notes: bool = Field(default=False, description="Let GitHub write name and text.")
    make_latest: Literal["true", "false", "legacy"] | None = Field(
        default=None, description="Whether it becomes the latest; legacy goes by date and version."
    )

    async def perform(self, api: GitHubApi) -> dict[str, Any]:
        """Posts the release."""
        names = (
            "tag_name",
            "target_commitish",
            "name",
            "body",
            "draft",
            "prerelease",
            "generate_release_notes",
            "make_latest",
        )
        body = {name: value for name, value in self.given(*names).items() if value is not None}
        what = f'the release "{self.tag_name}" of {self.repository}'
        return await api.call("POST", f"{self.root}/releases", what=what, json=body)


class ListReleases(RepositoryList):
    """Emits a repository's releases, the latest first."""

    operation: Annotated[Literal["list_releases"], STRUCTURAL] = Field(description="Emit releases.")

    async def perform(self, api: GitHubApi) -> list[dict[str, Any]]:
        """Gets as many pages as it takes."""
        return await taken(api.pages(f"{self.root}/releases", {}, self.repository, self.most), self.most)

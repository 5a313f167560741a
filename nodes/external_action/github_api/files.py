"""Operations on a repository's files: get, put."""

import base64
import binascii
import hashlib
import mimetypes
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from nodes.base import Output, PermanentError, Returned
from nodes.errors import NodeError
from nodes.external_action.api import segment
from nodes.external_action.github_api.client import GitHubApi, RepositoryOperation
from nodes.files.item_file import read_item_file
from nodes.parameters import STRUCTURAL, absent, misuse
from nodes.values import shown

LARGEST_FILE = 50 * 1024 * 1024
_RAW = "application/vnd.github.raw+json"


def _file_path(text: str) -> str:
    path = text.strip("/")
    if "{{" not in path and any(part in ("", ".", "..") for part in path.split("/")) and path:
        raise misuse(f"is {shown(text)}; expected a path within the repository")
    return path


Path = Annotated[str, AfterValidator(_file_path)]


class FileOperation(RepositoryOperation):
    """An operation on a path of a repository."""

    def contents(self, path: str) -> str:
        """Where the path's contents are."""
        return f"{self.root}/contents/{'/'.join(segment(part, 'path') for part in path.split('/') if part)}"


class GetFile(FileOperation):
    """Emits a file with its content, or an item for each entry of a folder."""

    operation: Annotated[Literal["get_file"], STRUCTURAL] = Field(description="Emit a file or a folder's entries.")
    path: Path = Field(default="", max_length=4096, description="The path; empty for the top.")
    ref: str | None = Field(default=None, description="A branch, tag or commit; by default the default branch.")
    as_file: bool = Field(
        default=False, description="Emit the content as the item's file `file`, instead of the text `content`."
    )

    async def perform(self, api: GitHubApi) -> Returned:
        """Gets the contents; GitHub gives a large file's only on its own."""
        what = f'"{self.path}" of {self.repository}'
        query = {"ref": self.ref}
        answer = await api.send("GET", self.contents(self.path), what=what, query=query)
        found = api.json_of(answer)
        if isinstance(found, list):
            return api.objects_of(answer)
        entry = api.object_of(answer)
        if entry.get("type") != "file":
            return entry
        content = _decoded(api, entry)
        if content is None:
            path = self.contents(self.path)
            content = (await api.send("GET", path, what=what, query=query, headers={"accept": _RAW})).body
        entry = {name: value for name, value in entry.items() if name not in ("content", "encoding")}
        return await self._emitted(api, entry, content)

    async def _emitted(self, api: GitHubApi, entry: dict[str, Any], content: bytes) -> Returned:
        if self.as_file:
            name = str(entry.get("name") or self.path.rpartition("/")[2])
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            file = await api.context.files.create(name, kind, content)
            return Output({"main": [{"json": entry, "files": {"file": file}}]})
        try:
            return {**entry, "content": content.decode("utf-8")}
        except UnicodeDecodeError:
            raise PermanentError(
                f'"{self.path}" of {self.repository} is no UTF-8 text', code="NOT_TEXT", hint='set "as_file": true'
            ) from None


class PutFile(FileOperation):
    """Makes or replaces a file in a commit of its own; one with the same content already gives no commit."""

    operation: Annotated[Literal["put_file"], STRUCTURAL] = Field(description="Make or replace a file.")
    path: Path = Field(min_length=1, max_length=4096, description="The path.")
    message: str = Field(min_length=1, max_length=65_536, description="The commit's message.")
    content: str | None = Field(default=None, description="The content, as text.")
    file: str | None = Field(default=None, description="The name of the item's file to put, instead of `content`.")
    branch: str | None = Field(default=None, description="The branch; by default the default branch.")
    sha: str | None = Field(
        default=None,
        description="The blob that is replaced, so that a change in between is a conflict; by default the present one.",
    )

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if self.content is None and self.file is None:
            raise absent("content", 'give the text, or name an item\'s file in "file"')
        if self.content is not None and self.file is not None:
            raise misuse('has both "content" and "file"; give one of them')
        return self

    async def perform(self, api: GitHubApi) -> dict[str, Any]:
        """Puts the content, unless it is there."""
        what = f'"{self.path}" of {self.repository}'
        content = (self.content or "").encode()
        if self.file is not None:
            _, content = await read_item_file(api.context, self.file, "file", limit=LARGEST_FILE)
        present = await self._present(api, what)
        if self.sha is None and present.get("sha") == _blob_sha(content):
            return {"content": present, "commit": None, "unchanged": True}
        replaced = self.sha or present.get("sha")
        body = {
            "message": self.message,
            "content": base64.b64encode(content).decode("ascii"),
            **({"branch": self.branch} if self.branch else {}),
            **({"sha": replaced} if replaced else {}),
        }
        answer = await api.call("PUT", self.contents(self.path), what=what, json=body)
        return {**answer, "unchanged": False}

    async def _present(self, api: GitHubApi, what: str) -> dict[str, Any]:
        """The file as it is, without its content; an empty object if there is none."""
        if self.sha is not None:
            return {}
        try:
            answer = await api.send("GET", self.contents(self.path), what=what, query={"ref": self.branch})
        except NodeError as error:
            if error.code == "NOT_FOUND":
                return {}
            raise
        if isinstance(api.json_of(answer), list):
            raise PermanentError(f"{what} is a folder", code="CONFLICT", hint='name a file in "path"')
        entry = api.object_of(answer)
        return {name: value for name, value in entry.items() if name not in ("content", "encoding")}


def _decoded(api: GitHubApi, entry: dict[str, Any]) -> bytes | None:
    if entry.get("encoding") != "base64":
        return None
    try:
        return base64.b64decode(str(entry.get("content", "")), validate=False)
    except binascii.Error:
        raise api.malformed("a content that is no base64") from None


def _blob_sha(content: bytes) -> str:
    """The name that git gives the content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()

"""Operations that look: read, list, info."""

import base64
from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from nodes.action.filing.operation import (
    PATH,
    Desk,
    Encoding,
    EncodingField,
    FileName,
    FileTask,
    PathText,
    described,
)
from nodes.base import Item, PermanentError
from nodes.fields import put
from nodes.files.glob import find, is_pattern
from nodes.files.path import Segments, given, printable
from nodes.files.storage import Entry, not_a_file, shown, too_large
from nodes.parameters import STRUCTURAL
from orchestrator import exact_json
from orchestrator.items import OUTPUT_LIMIT


class Read(FileTask):
    """Reads a file."""

    model_config = ConfigDict(populate_by_name=False)

    operation: Annotated[Literal["read"], STRUCTURAL] = Field(description="Read a file.")
    path: PathText = Field(description=PATH)
    form: Literal["file", "text", "json", "base64"] = Field(
        default="file",
        alias="as",
        description="What to make of it: a file that the item carries, text, the JSON in it, or text in base64.",
    )
    into: FileName | None = Field(
        default=None,
        description='The name of the item\'s file, or the field that gets what was read; by default "data". JSON '
        "without it becomes the item itself, a list of objects many items.",
    )
    encoding: Encoding = EncodingField

    def carry_out(self, desk: Desk) -> Sequence[Item]:
        """An item with the file or what is in it."""
        path = given(self.path, "path")
        entry = desk.storage.entry(path)
        if entry.is_folder:
            raise not_a_file(path)
        facts = described(entry)
        if self.form == "file":
            return [self._carried(desk, entry, facts)]
        content = _content(desk, path, entry)
        if self.form == "base64":
            return [{"json": put(facts, self.into or "data", base64.b64encode(content).decode("ascii"))}]
        text = _decoded(content, self.encoding, path)
        if self.form == "text":
            return [{"json": put(facts, self.into or "data", text)}]
        value = _parsed(text, path)
        return [{"json": put(facts, self.into, value)}] if self.into else _items(value)

    def _carried(self, desk: Desk, entry: Entry, facts: dict[str, Any]) -> Item:
        if entry.size > desk.run.limit:
            raise too_large(shown(entry.path), desk.run.limit)
        with desk.storage.open(entry.path) as source, desk.run.storing_now(facts["name"]) as incoming:
            for piece in desk.pieces(source, facts["path"]):
                incoming.write(piece)
        reference = incoming.reference()
        facts |= {"size": reference["size"], "content_type": reference["content_type"]}
        return {"json": facts, "files": {self.into or "data": reference}}


class List(FileTask):
    """Lists files."""

    operation: Annotated[Literal["list"], STRUCTURAL] = Field(description="List files.")
    path: PathText = Field(
        default=".",
        description="A folder, or a pattern such as reports/*.csv or **/*.pdf; ? and [a-z] stand for one character.",
    )
    recursive: bool = Field(default=False, description="Look into the folders inside, too.")
    kind: Literal["files", "folders", "all"] = Field(default="all", description="What to list.")
    limit: int = Field(default=1000, ge=1, le=100_000, description="How many to list at most.")

    def carry_out(self, desk: Desk) -> Sequence[Item]:
        """An item for each file and folder, by path."""
        path = given(self.path, "path", folder=True)
        if path and not is_pattern(path):
            desk.storage.entry(path)  # says so if the folder isn't there
        found = find(desk.storage, path, recursive=self.recursive, check=desk.check)
        wanted = (entry for entry in found if self.kind == "all" or entry.is_folder == (self.kind == "folders"))
        return [{"json": described(entry)} for entry in islice(wanted, self.limit)]


class Info(FileTask):
    """Looks a file or folder up."""

    operation: Annotated[Literal["info"], STRUCTURAL] = Field(description="Look a file or folder up.")
    path: PathText = Field(description="The path of a file or folder.")
    must_exist: bool = Field(default=True, description="Fail if nothing is there; otherwise `exists` is false.")

    def carry_out(self, desk: Desk) -> Sequence[Item]:
        """An item that describes it."""
        path = given(self.path, "path", folder=True)
        try:
            return [{"json": {"exists": True, **described(desk.storage.entry(path))}}]
        except PermanentError as error:
            if self.must_exist or error.code != "FILE_NOT_FOUND":
                raise
            return [{"json": {"exists": False, "path": shown(path)}}]


def _content(desk: Desk, path: Segments, entry: Entry) -> bytes:
    limit = min(desk.run.limit, OUTPUT_LIMIT)
    if entry.size > limit:
        raise too_large(shown(path), limit)
    with desk.storage.open(path) as source:
        content = source.read(limit + 1)
    if len(content) > limit:
        raise too_large(shown(path), limit)
    return content


def _decoded(content: bytes, encoding: str, path: Segments) -> str:
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except ValueError as error:
        raise PermanentError(
            f'"{shown(path)}" is no text in {encoding}: {printable(str(error))}',
            code="NOT_TEXT",
            hint='set "encoding", or read it as file or base64',
        ) from None


def _parsed(text: str, path: Segments) -> Any:
    try:
        return exact_json.loads(text)
    except exact_json.NotJson as error:
        raise PermanentError(f'"{shown(path)}" is no JSON: {str(error)[:200]}', code="NOT_JSON") from None


def _items(value: Any) -> list[Item]:
    if isinstance(value, dict):
        return [{"json": value}]
    if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
        return [{"json": entry} for entry in value]
    return [{"json": {"data": value}}]

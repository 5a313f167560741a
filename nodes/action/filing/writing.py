"""Operations that make content: write, append."""

import base64
import binascii
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any, BinaryIO, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from nodes.action.filing.operation import (
    OVERWRITE,
    PATH,
    Desk,
    FileName,
    FileTask,
    PathText,
    described,
    known_encoding,
    with_files,
)
from nodes.base import Item, PermanentError
from nodes.files.item_file import item_file
from nodes.files.path import Segments, given
from nodes.files.storage import shown, too_large
from nodes.parameters import STRUCTURAL, absent, misuse
from nodes.values import as_text


def _encoding(name: str) -> str:
    return name if name == "base64" else known_encoding(name)


class Writing(FileTask):
    """What write and append share."""

    path: PathText = Field(description=PATH)
    content: Any = Field(
        default=None, description="What to write: text as it is, anything else as JSON. Or name a file of the item."
    )
    file: FileName | None = Field(default=None, description="The name of the item's file to write.")
    encoding: Annotated[str, AfterValidator(_encoding)] = Field(
        default="utf-8",
        max_length=40,
        description="How text is written in bytes; base64 if the content is text in base64 of the bytes to write.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.file is None and self.content is None:
            raise absent("content", "write what the file is to hold, or name a file of the item in `file`")
        if self.file is not None and self.content is not None:
            raise misuse('has both "content" and "file"; only one can be written')
        return self

    def write_to(
        self, desk: Desk, path: Segments, target: AbstractContextManager[BinaryIO], ending: bytes = b""
    ) -> Sequence[Item]:
        """Writes the content or the item's file; an item that describes the file, with the item's files."""
        if self.file is not None:
            carried = item_file(desk.item, self.file, "file")
            with desk.run.open_now(carried) as source, target as written:
                desk.copy(source, written, shown(path))
                written.write(ending)
                _require_small(written, path, desk)
        else:
            content = self._bytes()
            with target as written:
                written.write(content + ending)
                _require_small(written, path, desk)
        return [with_files(desk.item, described(desk.storage.entry(path)))]

    def _bytes(self) -> bytes:
        text = as_text(self.content)
        try:
            if self.encoding == "base64":
                return base64.b64decode("".join(text.split()), validate=True)
            return text.encode(self.encoding)
        except (binascii.Error, ValueError) as error:
            wanted = "is no base64" if self.encoding == "base64" else f"can't be written in {self.encoding}"
            raise PermanentError(
                f'the parameter "content" {wanted}: {str(error)[:200]}', code="INVALID_PARAMETER"
            ) from None


class Write(Writing):
    """Writes a file."""

    operation: Annotated[Literal["write"], STRUCTURAL] = Field(description="Write a file.")
    overwrite: bool = Field(default=True, description=OVERWRITE)

    def carry_out(self, desk: Desk) -> Sequence[Item]:
        """Writes it whole, or not at all."""
        path = given(self.path, "path")
        return self.write_to(desk, path, desk.storage.write(path, overwrite=self.overwrite))


class Append(Writing):
    """Adds to a file."""

    operation: Annotated[Literal["append"], STRUCTURAL] = Field(description="Add to a file, which is made if need be.")
    line_break: bool = Field(default=False, description="Put a line break after what is added.")

    def carry_out(self, desk: Desk) -> Sequence[Item]:
        """Adds to it."""
        path = given(self.path, "path")
        return self.write_to(desk, path, desk.storage.append(path), b"\n" if self.line_break else b"")


def _require_small(written: BinaryIO, path: Segments, desk: Desk) -> None:
    if written.tell() > desk.run.limit:
        raise too_large(shown(path), desk.run.limit)

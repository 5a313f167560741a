"""What an operation on files is, and what it works with."""

import threading
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, BinaryIO

from pydantic import AfterValidator, Field, StringConstraints

from nodes.base import Item, Parameters
from nodes.files.content_type import content_type_of
from nodes.files.path import Segments
from nodes.files.run_files import PIECE, RunFiles
from nodes.files.storage import Entry, Storage, too_large
from nodes.parameters import misuse

PATH = "The file's path in the workspace's folder, such as reports/2026.csv."
OVERWRITE = "Replace a file that is there; otherwise that is an error."
PathText = Annotated[str, StringConstraints(min_length=1)]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class StoppedError(Exception):
    """Nobody waits for the operation any more."""


@dataclass(frozen=True)
class Desk:
    """What an operation works with: the item, the workspace's folder, and the files of the run."""

    item: Item
    storage: Storage
    run: RunFiles
    now: datetime
    stopped: threading.Event

    def check(self) -> None:
        """Raises when the operation is to end."""
        if self.stopped.is_set():
            raise StoppedError

    def pieces(self, source: BinaryIO, name: str) -> Iterator[bytes]:
        """A file's content in pieces; PermanentError if it is larger than files may be."""
        size = 0
        while piece := source.read(PIECE):
            self.check()
            size += len(piece)
            if size > self.run.limit:
                raise too_large(name, self.run.limit)
            yield piece

    def copy(self, source: BinaryIO, target: BinaryIO, name: str) -> None:
        """Copies a file's content."""
        for piece in self.pieces(source, name):
            target.write(piece)


class FileTask(Parameters):
    """Parameters of something that can be done with files, for one item; it blocks."""

    @abstractmethod
    def carry_out(self, desk: Desk) -> Sequence[Item]:
        """Does it; the items that come out."""


def described(entry: Entry) -> dict[str, Any]:
    """What items say of a file or folder."""
    name = entry.path[-1] if entry.path else ""
    facts: dict[str, Any] = {"path": "/".join(entry.path) or ".", "name": name}
    if entry.is_folder:
        return facts | {"type": "folder", "modified": _time(entry.modified)}
    return facts | {
        "type": "file",
        "size": entry.size,
        "content_type": content_type_of(name),
        "modified": _time(entry.modified),
    }


def with_files(item: Item, data: dict[str, Any]) -> Item:
    """An item of the data with the files that the item has."""
    return {"json": data, "files": item["files"]} if item.get("files") else {"json": data}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def known_encoding(name: str) -> str:
    """The name of a text encoding."""
    try:
        "".encode(name)
    except LookupError:
        raise misuse(f'is "{name[:60]}", which is no encoding; expected one such as utf-8, latin-1 or cp1252') from None
    return name


Encoding = Annotated[str, AfterValidator(known_encoding)]
EncodingField = Field(default="utf-8", max_length=40, description="How text is written in bytes.")


def shown_path(path: Segments) -> str:
    """A path as items hold it."""
    return "/".join(path) or "."

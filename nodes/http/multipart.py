"""Bodies that hold items' files: one file as it is, or fields and files as multipart/form-data."""

import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nodes.base import Item
from nodes.errors import PermanentError
from nodes.files.files import FileRef, Files
from nodes.files.item_file import item_file
from nodes.values import as_text, kind, listed, shown

_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:; ?[\w-]+=[\w./+-]+)*", re.ASCII)
Piece = bytes | FileRef


@dataclass(frozen=True)
class Body:
    """What to send: pieces of bytes and of files, read anew whenever it is sent."""

    files: Files
    pieces: Sequence[Piece]
    content_type: str

    @property
    def size(self) -> int:
        """The number of its bytes."""
        return sum(len(piece) if isinstance(piece, bytes) else piece["size"] for piece in self.pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            async for part in self.files.open(piece):
                yield part


def file_body(files: Files, item: Item, body: Any) -> Body:
    """A file of the item: the one that `body` names, or the only one."""
    carried = list(item.get("files") or {})
    if body is None and len(carried) == 1:
        body = carried[0]
    if not isinstance(body, str):
        raise _invalid(
            "body",
            f'is {shown(body)}; body_type "file" needs the name of a file of the item, '
            f"which has {listed(carried, 20) or 'none'}",
        )
    file = item_file(item, body, "body")
    return Body(files, (file,), _media_type(file))


def multipart_body(files: Files, item: Item, body: Any) -> Body:
    """Fields by name; a list repeats its name, and `{"file": name}` is a file of the item."""
    if not isinstance(body, Mapping):
        raise _invalid("body", f'is {shown(body)}; body_type "multipart" needs an object')
    boundary = secrets.token_hex(16)
    pieces: list[Piece] = []
    for name, value in body.items():
        for entry in value if isinstance(value, list) else [value]:
            if entry is not None:
                pieces += _part(boundary, item, name, entry)
    pieces.append(f"--{boundary}--\r\n".encode())
    return Body(files, pieces, f"multipart/form-data; boundary={boundary}")


def _part(boundary: str, item: Item, name: str, value: Any) -> list[Piece]:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_escaped(name)}"'
    if kind(value) not in ("list", "object"):
        return [f"{head}\r\n\r\n{as_text(value)}\r\n".encode()]
    if not (isinstance(value, Mapping) and list(value) == ["file"] and isinstance(value["file"], str)):
        raise _invalid(f"body.{name[:60]}", f'holds {shown(value)}; expected text, a number or {{"file": a name}}')
    file = item_file(item, value["file"], f"body.{name[:60]}.file")
    head += f'; filename="{_escaped(file["name"])}"\r\nContent-Type: {_media_type(file)}\r\n\r\n'
    return [head.encode(), file, b"\r\n"]


def _escaped(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _media_type(file: FileRef) -> str:
    # It may come from anywhere, and goes into a header.
    given = file["content_type"]
    return given if _MEDIA_TYPE.fullmatch(given) else "application/octet-stream"


def _invalid(parameter: str, problem: str) -> PermanentError:
    return PermanentError(f'the parameter "{parameter}" {problem}', code="INVALID_PARAMETER")

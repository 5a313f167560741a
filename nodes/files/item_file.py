"""Finds the files that an item carries, by the names that parameters give."""

from collections.abc import Mapping
from typing import Any, cast

from nodes.base import Item, NodeExecutionContext
from nodes.errors import PermanentError
from nodes.files.files import FileRef
from nodes.values import listed, shown

_PARTS = {"name": str, "content_type": str, "size": int, "ref": str}


def item_file(item: Item, name: str, parameter: str) -> FileRef:
    """The file of a name; PermanentError says which parameter names it, and which files the item has."""
    files = item.get("files") or {}
    if name not in files:
        raise PermanentError(
            f'the parameter "{parameter}" names the file "{name[:100]}", which the item lacks; '
            f"it has {listed(list(files), 20) or 'no files'}",
            code="MISSING_FILE",
            hint="let an earlier node make the file, for example HTTP_REQUEST or FILE_OPERATION",
        )
    found = files[name]
    if not isinstance(found, Mapping) or not all(isinstance(found.get(part), kind) for part, kind in _PARTS.items()):
        raise PermanentError(
            f'the file "{name[:100]}" that the parameter "{parameter}" names is {shown(found)}, which is no file',
            code="INVALID_FILE_REFERENCE",
            hint="files are made by nodes; an item can't write them down itself",
        )
    return cast(FileRef, found)


async def read_item_file(
    context: NodeExecutionContext[Any], name: str, parameter: str, *, limit: int
) -> tuple[FileRef, bytes]:
    """The file of a name with its content; PermanentError if it has more than `limit` bytes."""
    file = item_file(context.item, name, parameter)
    return file, await context.files.read(file, limit=limit)

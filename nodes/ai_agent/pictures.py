"""The item's files that an agent is to see."""

from typing import Any

from nodes.base import NodeExecutionContext, PermanentError
from nodes.files.item_file import item_file, read_item_file
from nodes.models.chat import Picture

KINDS = ("image/png", "image/jpeg", "image/gif", "image/webp")
MOST_BYTES = 5 * 1024 * 1024
ALL = "*"


async def pictures_of(context: NodeExecutionContext[Any]) -> tuple[Picture, ...]:
    """The pictures that the parameter names; PermanentError if one isn't there, or is no picture."""
    names: dict[str, None] = {}
    for name in context.parameters.pictures:
        names.update(dict.fromkeys(_images(context) if name == ALL else [name]))
    return tuple([await _picture(context, name) for name in names])


async def _picture(context: NodeExecutionContext[Any], name: str) -> Picture:
    file = item_file(context.item, name, "pictures")
    kind = file["content_type"].partition(";")[0].strip().lower()
    if kind not in KINDS:
        raise PermanentError(
            f'the parameter "pictures" names the file "{name[:100]}", which is {kind[:60] or "of no type"}; '
            f"models see {', '.join(KINDS)}",
            code="INVALID_PICTURE",
        )
    _, content = await read_item_file(context, name, "pictures", limit=MOST_BYTES)
    return Picture(kind, content)


def _images(context: NodeExecutionContext[Any]) -> list[str]:
    files = context.item.get("files") or {}
    return [
        name
        for name, file in files.items()
        if isinstance(file, dict) and str(file.get("content_type", "")).partition(";")[0].strip().lower() in KINDS
    ]

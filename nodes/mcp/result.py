"""Makes an item of what an MCP tool answered; images, sounds and resources become its files."""

import base64
import binascii
import mimetypes
from typing import TYPE_CHECKING, Any

from nodes.base import Item, NodeExecutionContext
from nodes.errors import PermanentError
from nodes.files.files import FileRef

if TYPE_CHECKING:
    import mcp_types as types

_LARGEST_FILES = 64 * 1024 * 1024
_MOST_BLOCKS = 1000


class Answer:
    """Collects the blocks of one answer."""

    def __init__(self, context: NodeExecutionContext[Any], tool: str) -> None:
        self._context = context
        self._tool = tool
        self._left = _LARGEST_FILES
        self.references: dict[str, FileRef] = {}

    async def item(self, result: "types.CallToolResult") -> Item:
        """`text` is all its text, `content` its blocks in order, `structured_content` what it has of that."""
        if len(result.content) > _MOST_BLOCKS:
            raise self._unusable(f"has {len(result.content)} blocks; at most {_MOST_BLOCKS} are taken")
        content = [await self._block(block) for block in result.content]
        texts = [block["text"] for block in content if block["type"] == "text"]
        data: dict[str, Any] = {"text": "\n".join(texts), "content": content}
        if "structured_content" in result.model_fields_set:
            data["structured_content"] = result.structured_content
        return {"json": data, "files": dict(self.references)} if self.references else {"json": data}

    async def _block(self, block: "types.ContentBlock") -> dict[str, Any]:
        if block.type == "text":
            return {"type": "text", "text": block.text}
        if block.type == "image" or block.type == "audio":
            file = await self._file(block.type, "", block.mime_type, self._decoded(block.data))
            return {"type": block.type, "content_type": block.mime_type, "file": file}
        if block.type == "resource_link":
            link = block.model_dump(include={"uri", "name", "title", "description", "mime_type"}, exclude_none=True)
            return {"type": "resource_link", **link}
        return await self._resource(block.resource)

    async def _resource(self, resource: "types.TextResourceContents | types.BlobResourceContents") -> dict[str, Any]:
        text = getattr(resource, "text", None)
        content = text.encode() if text is not None else self._decoded(getattr(resource, "blob", ""))
        kind = resource.mime_type or ("text/plain" if text is not None else "application/octet-stream")
        file = await self._file("resource", _last_step(resource.uri), kind, content)
        shown = {} if text is None else {"text": text}
        return {"type": "resource", "uri": resource.uri, "content_type": kind, "file": file, **shown}

    async def _file(self, kind: str, name: str, content_type: str, content: bytes) -> str:
        self._left -= len(content)
        if self._left < 0:
            raise self._unusable(f"has more than {_LARGEST_FILES >> 20} MiB of files", "RESPONSE_TOO_LARGE")
        key = f"{kind}_{len(self.references) + 1}"
        file_name = name or f"{key}{_extension(content_type)}"
        self.references[key] = await self._context.files.create(file_name, content_type, content)
        return key

    def _decoded(self, text: str) -> bytes:
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise self._unusable("has a file that is no base64") from None

    def _unusable(self, what: str, code: str = "INVALID_RESPONSE") -> PermanentError:
        return PermanentError(f'the answer of the tool "{self._tool[:100]}" {what}', code=code)


def _extension(content_type: str) -> str:
    subtype = content_type.partition(";")[0].partition("/")[2].strip().lower()
    known = mimetypes.guess_extension(content_type.partition(";")[0].strip())
    return known or (f".{subtype}" if subtype.isalnum() and len(subtype) < 6 else ".bin")


def _last_step(uri: str) -> str:
    name = uri.split("?")[0].split("#")[0].rstrip("/").rsplit("/", 1)[-1]
    safe = "".join(letter for letter in name if letter.isalnum() or letter in "._- ").strip(". ")
    return safe[:100]

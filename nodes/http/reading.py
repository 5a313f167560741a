"""Reads an answer as its parameters say: as JSON, as text, or as a file of the item."""

import mimetypes
import re
from dataclasses import dataclass
from email.message import Message
from typing import Any, Literal
from urllib.parse import unquote

from nodes.base import NodeExecutionContext
from nodes.errors import PermanentError
from nodes.files.files import FileRef
from nodes.http.exchange import Answer
from nodes.http.incoming import Incoming
from orchestrator import exact_json
from orchestrator.items import OUTPUT_LIMIT

How = Literal["auto", "json", "text", "file"]
# How large a file may be is the file store's to say.
FILE_LIMIT = 1 << 50
_BINARY = re.compile(
    r"(image/(?!svg)|audio/|video/|font/|model/)|application/(octet-stream|pdf|zip|gzip|x-gzip|x-tar|x-7z-compressed"
    r"|vnd\.rar|x-bzip2?|java-archive|msword|wasm|epub\+zip|x-sqlite3|vnd\.(openxmlformats|oasis|ms-)[^+]*)"
)
_UNFIT = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]+")


@dataclass(frozen=True)
class Received:
    """An answer's data, or its file."""

    body: Any = None
    file: FileRef | None = None
    size: int = 0


async def read(incoming: Incoming, how: How, context: NodeExecutionContext[Any], what: str) -> Received:
    """The data or the file; PermanentError if the answer can't be read so."""
    if incoming.is_empty:
        return Received("" if how == "text" else None)
    if how == "file" or (how == "auto" and _BINARY.match(incoming.content_type)):
        kind = incoming.content_type or "application/octet-stream"
        return Received(file=await context.files.create(file_name(incoming), kind, incoming.chunks()))
    answer = await incoming.read(OUTPUT_LIMIT)
    text = answer.text()
    if how == "auto" and answer.body and text is None:
        kind = incoming.content_type or "application/octet-stream"
        return Received(file=await context.files.create(file_name(incoming), kind, answer.body))
    return Received(_data(answer, text, how, what), size=len(answer.body))


def file_name(incoming: Incoming) -> str:
    """The name that the server gives the file, or the last part of the URL; with an ending."""
    message = Message()
    message["content-disposition"] = incoming.headers.get("content-disposition", "")
    try:
        given = message.get_filename() or ""
    except (LookupError, ValueError):
        given = ""
    name = _UNFIT.sub("_", re.split(r"[/\\]", given or unquote(incoming.url.path))[-1]).strip(". ")[-150:] or "file"
    ending = "" if "." in name[1:] else mimetypes.guess_extension(incoming.content_type) or ""
    return name + ending


def _data(answer: Answer, text: str | None, how: How, what: str) -> Any:
    if not answer.body:
        return "" if how == "text" else None
    if text is None:
        raise PermanentError(
            f"{what}: the answer ({answer.content_type or 'of no stated type'}) is neither JSON nor text",
            code="INVALID_RESPONSE",
            hint='set "response": "file"',
        )
    if how == "text" or (how == "auto" and not answer.is_json):
        return text
    try:
        return exact_json.loads(text)
    except exact_json.NotJson as error:
        if how == "auto":
            return text
        raise PermanentError(
            f"{what}: the answer is no JSON: {str(error)[:200]}", code="INVALID_RESPONSE", hint='set "response": "text"'
        ) from None

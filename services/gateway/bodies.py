"""Reads the bodies of requests from anybody: limited, and parsed as what they say they are, or refused."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from nodes.files.content_type import cleaned
from nodes.files.files import FileRef, Files
from orchestrator import exact_json
from services.gateway.refusals import Refusal

MAX_BODY = 32 << 20
MOST_FIELDS = 1000
MOST_FILES = 100
# A body that takes longer is given up.
SECONDS = 60.0
_PIECE = 256 * 1024


@dataclass(frozen=True)
class Upload:
    """A file in a body, by the name of its field."""

    field: str
    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Body:
    """What a body says: JSON, a form's fields, or text; files beside or instead of it."""

    value: Any = None
    # Of a form: each field's texts, in order.
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    uploads: Sequence[Upload] = ()


async def read(request: Request) -> bytes:
    """The bytes as they were sent; Refusal if there are too many, too slowly, or packed."""
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed != "identity":
        raise Refusal(415, "UNSUPPORTED_ENCODING", f"the body is packed by {packed[:40]!r}; send it as it is")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and len(length) < 20 and int(length) > MAX_BODY:
        raise _too_large()
    pieces, size = [], 0
    try:
        async with asyncio.timeout(SECONDS):
            async for piece in request.stream():
                size += len(piece)
                if size > MAX_BODY:
                    raise _too_large()
                pieces.append(piece)
    except TimeoutError:
        raise Refusal(408, "BODY_TOO_SLOW", f"the body didn't come within {SECONDS:g} seconds") from None
    except ClientDisconnect:
        raise Refusal(400, "BODY_BROKEN", "the connection broke before the body's end") from None
    return b"".join(pieces)


async def parse(request: Request, raw: bytes) -> Body:
    """What the bytes say, by the request's one content type; Refusal if they are no such thing."""
    declared = request.headers.getlist("content-type")
    if len(declared) > 1:
        raise Refusal(400, "BAD_CONTENT_TYPE", "the request has several Content-Type headers; send one")
    written = declared[0] if declared else ""
    kind, charset = cleaned(written), _parameter(written, "charset") or "utf-8"
    if written.strip() and not kind:
        raise Refusal(400, "BAD_CONTENT_TYPE", "the Content-Type is no media type")
    if not raw:
        return Body()
    if kind == "application/json" or kind.endswith("+json"):
        return Body(_json(raw, charset))
    if kind == "application/x-www-form-urlencoded":
        fields = urlencoded(_text(raw, "utf-8"))
        return Body(as_object(fields), fields)
    if kind == "multipart/form-data":
        return await _multipart(request, raw)
    if kind.startswith("text/") or kind in ("application/xml", "application/x-ndjson") or kind.endswith("+xml"):
        return Body(_text(raw, charset))
    return Body(None, {}, (Upload("body", "body", kind or "application/octet-stream", raw),))


def urlencoded(text: str) -> dict[str, list[str]]:
    """The fields of a query or a form, each with its texts in order."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        message = f"the fields aren't UTF-8, or more than {MOST_FIELDS:,}"
        raise Refusal(400, "BAD_BODY", message) from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def as_object(fields: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The fields as an item shows them: a text, or a list where a name comes several times."""
    return {name: texts[0] if len(texts) == 1 else list(texts) for name, texts in fields.items()}


async def stored(uploads: Sequence[Upload], files: Files) -> dict[str, FileRef]:
    """The files as an item carries them: by field, and by field and number where a field has several."""
    found: dict[str, FileRef] = {}
    for upload in uploads:
        name, number = upload.field, 1
        while name in found:
            name, number = f"{upload.field}_{number}", number + 1
        found[name] = await files.create(upload.name, upload.content_type, upload.content)
    return found


async def _multipart(request: Request, raw: bytes) -> Body:
    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(raw), _PIECE):
            yield raw[start : start + _PIECE]

    if not _parameter(request.headers["content-type"], "boundary"):
        raise Refusal(400, "BAD_BODY", "the Content-Type multipart/form-data names no boundary")
    parser = MultiPartParser(
        request.headers,
        stream(),  # type: ignore[arg-type]
        max_files=MOST_FILES,
        max_fields=MOST_FIELDS,
        max_part_size=MAX_BODY,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refusal(400, "BAD_BODY", f"the body is no multipart form: {error.message}"[:300]) from None
    except (UnicodeDecodeError, LookupError, KeyError):
        raise Refusal(400, "BAD_BODY", "the body is no multipart form: a name or text in it isn't UTF-8") from None
    fields: dict[str, list[str]] = {}
    uploads: list[Upload] = []
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                content = await value.read()
                # What a browser sends for a file that wasn't chosen.
                if value.filename or content:
                    uploads.append(Upload(name, value.filename or name, value.content_type or "", content))
            else:
                fields.setdefault(name, []).append(value)
    finally:
        await form.close()
    return Body(as_object(fields), fields, uploads)


def _json(raw: bytes, charset: str) -> Any:
    if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise Refusal(400, "BAD_BODY", "JSON is UTF-8; the Content-Type names another charset")
    try:
        return exact_json.loads(raw)
    except exact_json.NotJson as error:
        raise Refusal(400, "BAD_BODY", f"the body says that it is JSON, but {error}"[:300]) from None


def _text(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset)
    except (UnicodeDecodeError, LookupError):
        raise Refusal(400, "BAD_BODY", f"the body isn't text in {charset[:40]!r}") from None


def _parameter(content_type: str, name: str) -> str:
    for part in content_type.split(";")[1:]:
        key, _, value = part.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"')
    return ""


def _too_large() -> Refusal:
    return Refusal(413, "BODY_TOO_LARGE", f"the body has more than {MAX_BODY:,} bytes")

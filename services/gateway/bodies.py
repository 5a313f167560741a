"""Reads the bodies of requests: limited, and parsed as what they verifiably are, or refused."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from nodes.files.files import FileRef, Files
from orchestrator import exact_json
from services.gateway.answers import Code, Refused, invalid
from services.gateway.content_type import FORM, JSON, MULTIPART, content_type, unsupported

# What a gRPC message may have, an event, and a form of our own pages.
MAX_CALL, MAX_EVENT, MAX_FORM = 72 << 20, 32 << 20, 1 << 20
MOST_FIELDS, MOST_FILES = 1000, 100
# A body that takes longer is given up.
SECONDS = 60.0
_PIECE = 256 * 1024
_TEXTS = ("application/xml", "application/x-ndjson")


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

    def text(self, name: str) -> str:
        """The first text of a form's field; empty without one."""
        return next(iter(self.fields.get(name, ())), "")


async def read(request: Request, limit: int = MAX_EVENT) -> bytes:
    """The bytes as they were sent, up to `limit`; refused if there are more, or they come packed or too slowly."""
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed != "identity":
        message = f"the body is packed by {packed[:40]!r}; send it as it is"
        raise Refused(Code.UNIMPLEMENTED, "UNSUPPORTED_ENCODING", message, 415)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise too_large(limit)
    pieces, size = [], 0
    try:
        # Where more may come, it may take longer.
        async with asyncio.timeout(SECONDS * max(limit / MAX_EVENT, 1)):
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    raise too_large(limit)
                pieces.append(piece)
    except TimeoutError:
        raise Refused(Code.DEADLINE_EXCEEDED, "BODY_TOO_SLOW", "the body didn't come in time", 408) from None
    except ClientDisconnect:
        raise Refused(Code.CANCELLED, "CLIENT_GONE", "the client went away") from None
    return b"".join(pieces)


async def parse(request: Request, raw: bytes) -> Body:
    """What the bytes say, by the request's one content type; refused if they are no such thing."""
    given = content_type(request)
    kind = given.media_type
    if not raw:
        return Body()
    if kind == JSON or kind.endswith("+json"):
        return Body(_json(raw, given.charset))
    if kind == FORM:
        fields = urlencoded(_text(raw, "utf-8"))
        return Body(as_object(fields), fields)
    if kind == MULTIPART:
        return await _multipart(request, raw)
    if kind.startswith("text/") or kind in _TEXTS or kind.endswith("+xml"):
        return Body(_text(raw, given.charset or "utf-8"))
    return Body(None, {}, (Upload("body", "body", kind or "application/octet-stream", raw),))


async def read_form(request: Request, limit: int = MAX_FORM) -> Body:
    """A posted form of up to `limit` bytes."""
    if content_type(request).media_type not in (FORM, MULTIPART):
        raise unsupported(f"{FORM} or {MULTIPART}")
    return await parse(request, await read(request, limit))


def urlencoded(text: str) -> dict[str, list[str]]:
    """The fields of a query or a form, each with its texts in order."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise invalid("BAD_BODY", f"the fields aren't UTF-8, or more than {MOST_FIELDS:,}") from None
    return _by_name(pairs)


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


def too_large(limit: int) -> Refused:
    """For a body above a limit."""
    message = f"the body has more than {limit:,} bytes"
    return Refused(Code.RESOURCE_EXHAUSTED, "BODY_TOO_LARGE", message, 413)


async def _multipart(request: Request, raw: bytes) -> Body:
    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(raw), _PIECE):
            yield raw[start : start + _PIECE]

    parser = MultiPartParser(
        request.headers,
        stream(),  # type: ignore[arg-type]
        max_files=MOST_FILES,
        max_fields=MOST_FIELDS,
        max_part_size=len(raw),
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise invalid("BAD_BODY", f"the body is no multipart form: {error.message}"[:300]) from None
    except (UnicodeDecodeError, LookupError, KeyError):
        raise invalid("BAD_BODY", "the body is no multipart form: a name or text in it isn't UTF-8") from None
    texts: list[tuple[str, str]] = []
    uploads: list[Upload] = []
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                content = await value.read()
                # What a browser sends for a file that wasn't chosen.
                if value.filename or content:
                    uploads.append(Upload(name, value.filename or name, value.content_type or "", content))
            else:
                texts.append((name, value))
    finally:
        await form.close()
    fields = _by_name(texts)
    return Body(as_object(fields), fields, uploads)


def _by_name(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, text in pairs:
        found.setdefault(name, []).append(text)
    return found


def _json(raw: bytes, charset: str) -> Any:
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise invalid("BAD_BODY", "JSON is UTF-8; the Content-Type names another charset")
    try:
        return exact_json.loads(raw)
    except exact_json.NotJson as error:
        raise invalid("BAD_BODY", f"the body says that it is JSON, but {error}"[:300]) from None


def _text(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset)
    except (UnicodeDecodeError, LookupError):
        raise invalid("BAD_BODY", f"the body isn't text in {charset[:40]!r}") from None

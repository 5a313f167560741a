"""Reads the bodies of requests: within limits, and as what they verifiably are."""

import re
from dataclasses import dataclass
from email.message import Message
from typing import Any

import msgspec
from starlette.datastructures import FormData
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from services.gateway.answers import Code, Refused, invalid

# What a gRPC message may have; a form's files have limits of their own.
MAX_BODY = 72 << 20
MAX_FORM = 1 << 20
MAX_FILES, MAX_FIELDS = 32, 500
MAX_DEPTH = 64
JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", re.ASCII)
_STRUCTURE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class ContentType:
    """What a body says that it is; lower case, its parameters apart."""

    media_type: str = ""
    boundary: str = ""
    charset: str = ""


def content_type(request: Request) -> ContentType:
    """The body's type; refused where headers contradict each other: every reader must see the same body."""
    given = request.headers.getlist("content-type")
    if len(given) > 1:
        raise invalid("CONTENT_TYPE_TWICE", "the request has several Content-Type headers; send one")
    if not given or not given[0].strip():
        return ContentType()
    parsed = Message()
    parsed["content-type"] = given[0]
    media_type = given[0].partition(";")[0].strip().lower()
    # A comma is where a proxy has joined two headers into one.
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise invalid("BAD_CONTENT_TYPE", f"the Content-Type {given[0][:80]!r} is none; an example is {JSON}")
    names = [str(name).lower() for name, _ in parsed.get_params(failobj=[])[1:]]
    if len(names) != len(set(names)):
        raise invalid("BAD_CONTENT_TYPE", "the Content-Type gives a parameter twice")
    boundary = str(parsed.get_param("boundary", "") or "")
    if media_type == MULTIPART and not re.fullmatch(r"[\x20-\x7e]{0,69}[\x21-\x7e]", boundary):
        raise invalid("BAD_CONTENT_TYPE", f"{MULTIPART} needs a boundary of 1 to 70 characters")
    return ContentType(media_type, boundary, str(parsed.get_param("charset", "") or "").lower())


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """The raw bytes; refused with 413 as soon as they are too many."""
    check_length(request, limit)
    pieces, size = [], 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            pieces.append(piece)
    except ClientDisconnect:
        raise Refused(Code.CANCELLED, "CLIENT_GONE", "the client went away") from None
    return b"".join(pieces)


async def read_json(request: Request, limit: int = MAX_BODY) -> Any:
    """The JSON value of a body that says that it is JSON."""
    if content_type(request).media_type != JSON:
        raise unsupported(JSON)
    return parse_json(await read_body(request, limit))


def parse_json(data: bytes) -> Any:
    """A JSON value, of at most 64 levels."""
    check_depth(data)
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid("BAD_JSON", f"the body isn't JSON: {error}") from None


async def read_form(request: Request, *, limit: int = MAX_FORM, file_limit: int = 0) -> FormData:
    """The fields of a posted form; with a `file_limit` (bytes in all) also its files, which the caller closes."""
    kind = content_type(request)
    if kind.media_type not in (FORM, MULTIPART):
        raise unsupported(f"{FORM} or {MULTIPART}")
    total = limit + file_limit
    check_length(request, total)
    stream = _limited(request, total)
    try:
        if kind.media_type == FORM:
            return await FormParser(request.headers, stream, max_fields=MAX_FIELDS).parse()
        files = MAX_FILES if file_limit else 0
        return await MultiPartParser(
            request.headers, stream, max_files=files, max_fields=MAX_FIELDS, max_part_size=limit
        ).parse()
    except MultiPartException as error:
        raise invalid("BAD_FORM", f"the form can't be read: {error.message}") from None
    except ClientDisconnect:
        raise Refused(Code.CANCELLED, "CLIENT_GONE", "the client went away") from None
    except (ValueError, LookupError, KeyError) as error:
        raise invalid("BAD_FORM", f"the form can't be read: {type(error).__name__}") from None


def check_length(request: Request, limit: int) -> None:
    """Refuses by what the request says of its length, before anything is read."""
    given = request.headers.get("content-length", "")
    if given.isdecimal() and int(given[:20]) > limit:
        raise too_large(limit)


def check_depth(data: bytes, limit: int = MAX_DEPTH) -> None:
    """Refuses JSON that nests deeper, in one pass, before any parser sees it."""
    depth = 0
    for token in _STRUCTURE.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            depth += 1
            if depth > limit:
                raise invalid("TOO_DEEP", f"the JSON nests deeper than {limit} levels")
        elif first in b"]}":
            depth -= 1


def too_large(limit: int) -> Refused:
    """For a body above a limit."""
    message = f"the body is larger than {limit:,} bytes"
    return Refused(Code.RESOURCE_EXHAUSTED, "BODY_TOO_LARGE", message, 413, {"connection": "close"})


def unsupported(wanted: str) -> Refused:
    """For a body of a type that can't be read here."""
    return Refused(Code.INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE", f"the body must be {wanted}", 415)


async def _limited(request: Request, limit: int) -> Any:
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        yield piece

"""Turns what users write into the parts of a request; PermanentError says which part can't be sent."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from nodes.errors import PermanentError
from nodes.values import as_text, kind, shown
from orchestrator import exact_json

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_UNSENDABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
# These frame the message: a second opinion on them is how requests are smuggled.
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
Pairs = list[tuple[str, str]]


def target(url: str, query: Pairs) -> httpx.URL:
    """The URL with the query added to its own."""
    authority = _AUTHORITY.match(url.strip())
    if authority and ("\\" in authority[1] or authority[1].count("@") > 1):
        raise _invalid("url", "can be read in two ways: its host has a backslash or several @ before it")
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError) as error:
        raise _invalid("url", f"is no URL: {error}") from None
    if parsed.scheme not in ("http", "https"):
        raise _invalid("url", f'must begin with http:// or https://, not "{parsed.scheme[:40] or url[:40]}"')
    if not parsed.host:
        raise _invalid("url", "names no host")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise _invalid("url", f"names the port {parsed.port}; ports are 1 to 65535")
    if not query:
        return parsed
    # The URL's own query stays as written, byte for byte: it may be signed.
    own = f"{parsed.query.decode('ascii')}&" if parsed.query else ""
    return parsed.copy_with(query=f"{own}{urlencode(query, quote_via=quote)}".encode("ascii"))


def query_list(query: Mapping[str, Any]) -> Pairs:
    """Names and values of a query; null is left out, a list repeats its name."""
    return _pairs(query, "query")


def header_list(headers: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """Headers as bytes; null is left out."""
    result = []
    for name, value in headers.items():
        if value is None:
            continue
        if problem := header_problem(name):
            raise _invalid("headers", problem)
        if kind(value) in ("list", "object"):
            raise _invalid(f"headers.{name}", f"is {shown(value)}; expected text")
        text = as_text(value)
        if _UNSENDABLE.search(text):
            raise _invalid(f"headers.{name}", "has a line break or another control character")
        result.append((name.encode("ascii"), text.strip().encode("utf-8")))
    return result


def header_problem(name: str) -> str:
    """Why a header can't have a name; empty if it can."""
    if not _TOKEN.fullmatch(name):
        return f'has the name "{name[:60]}", which is no header name'
    return f'sets "{name}", which is set by the engine' if name.lower() in _OURS else ""


def body_content(body: Any, body_type: str) -> tuple[bytes | None, bytes]:
    """The bytes to send and their content type; none if there is no body."""
    if body is None:
        return None, b""
    if body_type == "text":
        return as_text(body).encode("utf-8"), b"text/plain; charset=utf-8"
    if body_type == "form":
        if not isinstance(body, Mapping):
            raise _invalid("body", f'is {shown(body)}; body_type "form" needs an object')
        return urlencode(_pairs(body, "body")).encode("ascii"), b"application/x-www-form-urlencoded"
    return _json(body).encode("utf-8"), b"application/json"


def _json(body: Any) -> str:
    try:
        if isinstance(body, str):
            exact_json.loads(body)
            return body
        return exact_json.dumps(body)
    except exact_json.NotJson as error:
        hint = 'write an object instead of text, or set "body_type": "text"' if isinstance(body, str) else ""
        raise _invalid("body", f"is no JSON: {str(error)[:200]}", hint) from None


def _pairs(values: Mapping[str, Any], parameter: str) -> Pairs:
    pairs = []
    for name, value in values.items():
        for entry in value if isinstance(value, list) else [value]:
            if kind(entry) in ("list", "object"):
                raise _invalid(f"{parameter}.{name[:60]}", f"holds {shown(entry)}; expected text or a number")
            if entry is not None:
                pairs.append((name, as_text(entry)))
    return pairs


def _invalid(parameter: str, problem: str, hint: str = "") -> PermanentError:
    return PermanentError(f'the parameter "{parameter}" {problem}', code="INVALID_PARAMETER", hint=hint)

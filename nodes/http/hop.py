"""What holds for every single request, the first and those that redirects lead to, whichever client sends it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote_plus, unquote_plus

import httpx

from nodes.credentials.credential import Credential
from nodes.errors import PermanentError
from nodes.http.exchange import CREDENTIAL
from nodes.http.gate import Gate
from orchestrator.items import OUTPUT_LIMIT

if TYPE_CHECKING:
    import httpx2

    R = TypeVar("R", httpx.Request, httpx2.Request)
    H = TypeVar("H", httpx.Headers, httpx2.Headers)
else:
    R, H = TypeVar("R"), TypeVar("H")

# In a request's extensions, which redirects take along.
LIMIT = "orchestrator.limit"
_ORIGIN, _CONFIDENTIAL = "orchestrator.origin", "orchestrator.confidential"
MOST_HEADERS = 256
_LARGEST_HEAD = 64 * 1024
_LARGEST_REDIRECT = 1024 * 1024
_PORTS = {"http": 80, "https": 443}
_CREDENTIAL_HEADERS = ("authorization", "cookie", "proxy-authorization")
# What another origin may see of a request: what is wanted and what is sent, nothing that says by whom.
_FOR_ALL = frozenset(
    {
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-encoding",
        "content-language",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-unmodified-since",
        "range",
        "transfer-encoding",
        "user-agent",
    }
)
Origin = tuple[str, str, int]


def prepare(request: R, gate: Gate) -> None:
    """Checks where a request goes, and takes from it what isn't for there; PermanentError if it may not go."""
    scheme, host, port = origin = _origin(request)
    gate.check_literal(host, port)
    if host.endswith("."):
        request.extensions["sni_hostname"] = host.rstrip(".")
    else:
        request.extensions.pop("sni_hostname", None)
    first: Origin | None = request.extensions.get(_ORIGIN)
    if first is None:
        request.extensions[_ORIGIN] = origin
        request.extensions[_CONFIDENTIAL] = CREDENTIAL in request.extensions or any(
            name in request.headers for name in _CREDENTIAL_HEADERS
        )
        return
    if first[0] == "https" and scheme == "http" and request.extensions[_CONFIDENTIAL]:
        raise PermanentError(
            f"a redirect leads from https://{first[1]} to http://{host}, and the request carries a credential",
            code="REDIRECT_REFUSED",
            hint='call the final address, or set "follow_redirects": false',
        )
    if origin != first and not _is_upgrade(first, origin):
        _strip(request)


def check_head(headers: H, what: str) -> None:
    """PermanentError if an answer has more headers than anybody needs."""
    raw = headers.raw
    if len(raw) > MOST_HEADERS or sum(len(name) + len(value) for name, value in raw) > _LARGEST_HEAD:
        raise PermanentError(
            f"{what}: the answer's headers are more than {MOST_HEADERS} or larger than {_LARGEST_HEAD >> 10} KiB",
            code="RESPONSE_TOO_LARGE",
        )


def body_limit(request: R, *, redirects: bool) -> int:
    """The most bytes that an answer's body may have; the clients read a redirect's into memory."""
    limit: int = request.extensions.get(LIMIT, OUTPUT_LIMIT)
    return min(limit, _LARGEST_REDIRECT) if redirects else limit


def require_host(credential: Credential, host: str) -> None:
    """PermanentError unless the credential may be sent to a host."""
    if not credential.allows(host):
        known = ", ".join(credential.hosts[:10]) or "none"
        raise PermanentError(
            f'the credential "{credential.name}" may not be sent to {host[:255]}; its hosts are: {known}',
            code="CREDENTIAL_HOST",
            hint="correct the URL, or add the host to the integration",
        )


def _origin(request: R) -> Origin:
    url = request.url
    if url.scheme not in _PORTS:
        raise PermanentError(
            f'the URL can\'t be sent: it must begin with http:// or https://, not "{url.scheme[:40]}"',
            code="INVALID_REQUEST",
        )
    if not url.host:
        raise PermanentError("the URL can't be sent: it names no host", code="INVALID_REQUEST")
    port = _PORTS[url.scheme] if url.port is None else url.port
    return url.scheme, url.raw_host.decode("ascii").lower(), port


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether two URLs lead to the same scheme, host and port."""
    return (one.scheme, one.raw_host, one.port) == (other.scheme, other.raw_host, other.port)


def for_another(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers that another origin may see."""
    return {name: value for name, value in headers.items() if name.lower() in _FOR_ALL}


def _is_upgrade(first: Origin, now: Origin) -> bool:
    return first == ("http", now[1], 80) and now == ("https", first[1], 443)


def _strip(request: R) -> None:
    """Takes whatever is for the first origin only from a request to another one."""
    for name in list(request.headers):
        if name.lower() not in _FOR_ALL:
            del request.headers[name]
    credential: Credential | None = request.extensions.get(CREDENTIAL)
    secrets = list(credential.secrets()) if credential else []
    if not secrets:
        return
    parts = request.url.query.decode("ascii").split("&")
    kept = "&".join(part for part in parts if not _holds(unquote_plus(part), secrets))
    if kept != "&".join(parts):
        request.url = request.url.copy_with(query=kept.encode("ascii") or None)
    headers = " ".join(request.headers.values())
    if _holds(f"{unquote_plus(str(request.url))} {headers} {_body(request)}", secrets):
        raise PermanentError(
            f"a redirect leads to {request.url.host}, and the request would take a credential's value there",
            code="CREDENTIAL_HOST",
            hint='call the final address, or set "follow_redirects": false',
        )


def _body(request: R) -> str:
    """A body that is in memory, as text; its encoded values decoded."""
    if not isinstance(request.stream, Iterable):
        return ""
    text = b"".join(request.stream).decode("utf-8", "replace")
    return f"{text} {unquote_plus(text)}"


def _holds(text: str, secrets: list[str]) -> bool:
    return any(secret in text or quote_plus(secret) in text for secret in secrets)

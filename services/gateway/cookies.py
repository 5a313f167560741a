"""The cookies of a session: the browser keeps the tokens where no script can read them."""

import base64
import ipaddress
import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response

_ACCESS, _REFRESH = "orchestrator_access", "orchestrator_refresh"


@dataclass(frozen=True)
class Tokens:
    """A session's tokens, and for how many seconds the second is good."""

    access: str
    refresh: str
    seconds: int


@dataclass(frozen=True)
class Claims:
    """What an access token says of itself; the API, not we, checks that it is true."""

    session_id: str = ""
    expires: float = 0.0


def is_secure(request: HTTPConnection) -> bool:
    """Whether cookies are for HTTPS alone: always, but for plain HTTP on this very machine."""
    if request.url.scheme != "http":
        return True
    host = request.url.hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def names(request: HTTPConnection) -> tuple[str, str]:
    """What the cookies are called: browsers let no other host and no plain HTTP set names with this prefix."""
    prefix = "__Host-" if is_secure(request) else ""
    return prefix + _ACCESS, prefix + _REFRESH


def read(request: HTTPConnection) -> tuple[str, str]:
    """The access and the refresh token that the browser sent."""
    access, refresh = names(request)
    return request.cookies.get(access, ""), request.cookies.get(refresh, "")


def keep(request: HTTPConnection, response: Response, tokens: Tokens) -> None:
    """Has the browser keep a session."""
    values = zip(names(request), (tokens.access, tokens.refresh), strict=True)
    for name, value in values:
        response.set_cookie(
            name, value, max_age=tokens.seconds, path="/", secure=is_secure(request), httponly=True, samesite="lax"
        )


def forget(request: HTTPConnection, response: Response) -> None:
    """Has the browser forget it."""
    for name in names(request):
        response.delete_cookie(name, path="/", secure=is_secure(request), httponly=True, samesite="lax")


def claims_of(token: str) -> Claims:
    """What a JWT claims; nothing for what is none."""
    try:
        part = token.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return Claims(str(claims.get("sid", "")), float(claims.get("exp", 0)))
    except (IndexError, ValueError, AttributeError, TypeError, RecursionError):
        return Claims()

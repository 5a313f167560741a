"""Limits how many requests a client makes: a bucket for each address that fills up with time."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.answers import Code, Refused, answer, failure_of
from services.gateway.clients import address_of

# Beyond this the addresses that were quiet for longest are forgotten.
_MOST_CLIENTS = 50_000
_EXEMPT = frozenset({"/healthz", "/readyz"})


class Rates(Protocol):
    """Counts requests; in this process' memory, or wherever several processes share it."""

    async def take(self, client: str) -> float:
        """Counts one request: 0 if there is room for it, else how many seconds to wait."""


class Buckets:
    """In memory: a client may make a quarter of a minute's requests at once."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_minute / 60
        self._size = max(per_minute / 4, 1.0)
        self._clock = clock
        # What is left, and when that was so.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def take(self, client: str) -> float:
        """Takes one out of the client's bucket."""
        now = self._clock()
        left, at = self._left.pop(client, (self._size, now))
        left = min(left + (now - at) * self._per_second, self._size)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_second
        self._left[client] = (left if wait else left - 1, now)
        if len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return wait


class RateLimit:
    """Middleware: 429 for clients that ask too often, with how long to wait."""

    def __init__(self, app: ASGIApp, rates: Rates) -> None:
        self._app = app
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts the request."""
        if scope["type"] == "http" and scope["path"] not in _EXEMPT:
            request = HTTPConnection(scope)
            wait = await self._rates.take(_client(address_of(request)))
            if wait:
                headers = {"retry-after": str(math.ceil(wait))}
                refused = Refused(
                    Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", "too many requests; wait a little", 0, headers
                )
                await answer(request, failure_of(refused))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _client(address: str) -> str:
    """An IPv6 client has a whole network to itself."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is None:
        return str(ipaddress.ip_network((known, 64), strict=False))
    return address

"""One line in the log for each request, without queries, bodies and whatever else may be secret."""

import time

import structlog
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.clients import address_of
from services.gateway.paths import shown

_log = structlog.get_logger(__name__)
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class AccessLog:
    """Middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Notes how a request ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            write = _log.debug if scope["path"] in _QUIET else _log.info
            write(
                "http request",
                method=scope["method"][:20],
                path=shown(scope["path"]),
                status=status,
                duration_ms=round((time.perf_counter() - begun) * 1000, 2),
                address=address_of(HTTPConnection(scope)),
            )

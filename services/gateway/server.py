"""Runs the gateway inside a role's process."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from services.tls import Certificate
from temporal.server_process import ServerError

_log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Leaves signals to the process: it stops its parts in order."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class HttpServer:
    """Listens from `start` to `stop`; `port` is the real one where any free one was asked for."""

    def __init__(
        self, *, host: str, port: int, certificate: Certificate | None = None, settings: str = "HTTP_HOST and HTTP_PORT"
    ) -> None:
        self._host = host
        self._certificate = certificate
        self._socket = _bound(host, port, settings)
        self.port: int = self._socket.getsockname()[1]
        self._server: uvicorn.Server | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where clients on this machine reach it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host, self._host)
        return f"{'https' if self._certificate else 'http'}://{host}:{self.port}"

    async def start(self, app: ASGIApp) -> None:
        """Begins to answer."""
        certificate = self._certificate
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                # Whose word counts about a client's address is decided in one place, not here.
                proxy_headers=False,
                lifespan="off",
                ws="none",
                ssl_context_factory=(lambda *_: certificate.context()) if certificate else None,
            )
        )
        self._running = asyncio.create_task(self._server.serve([self._socket]), name="http server")
        _log.info("HTTP server listens", host=self._host, port=self.port)

    async def stop(self, seconds: float) -> None:
        """Takes no new requests, lets those under way finish for so long, then ends them."""
        if self._server and self._running:
            self._server.config.timeout_graceful_shutdown = max(int(seconds), 1)
            self._server.should_exit = True
            await self._running
        self.close()

    def close(self) -> None:
        """Gives the port back, where it was never started."""
        self._socket.close()


def _bound(host: str, port: int, settings: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host.strip("[]"), port))
    except OSError as error:
        listening.close()
        raise ServerError(f"can't listen on {host}:{port}: {error.strerror}; set {settings}") from None
    return listening

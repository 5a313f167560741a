"""A real HTTP server on this machine, with or without TLS, and a network on which every address leads to one."""

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpcore


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def host(self) -> str:
        return self.headers["host"]


@dataclass
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    delay: float = 0
    # Whether less comes than was announced.
    cut: bool = False
    # The time between two bytes of the body.
    drip: float = 0
    # What is written instead of an answer.
    raw: bytes | Callable[[], Iterator[bytes]] | None = None


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[Received] = []
        self.replies: dict[str, Reply | Callable[[Received], Reply]] = {}
        self.scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def clear(self) -> None:
        self.received.clear()
        self.replies.clear()

    def handle_error(self, *arguments: Any) -> None:
        """A client that hangs up is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def handle_any(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.command, self.path, headers, self.rfile.read(int(headers.get("content-length", 0))))
        self.server.received.append(received)
        path = self.path.partition("?")[0]
        found = self.server.replies.get(headers["host"].partition(":")[0] + path, self.server.replies.get(path))
        reply = found(received) if callable(found) else found or Reply()
        time.sleep(reply.delay)
        if reply.raw is not None:
            self.write(reply.raw)
        else:
            self.answer(reply)

    def write(self, raw: bytes | Callable[[], Iterator[bytes]]) -> None:
        for piece in [raw] if isinstance(raw, bytes) else raw():
            self.wfile.write(piece)
        self.close_connection = True

    def answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body) + (100 if reply.cut else 0)))
        self.end_headers()
        pieces = [reply.body[at : at + 1] for at in range(len(reply.body))] if reply.drip else [reply.body]
        for piece in pieces if self.command != "HEAD" else []:
            self.wfile.write(piece)
            time.sleep(reply.drip)
        self.close_connection = self.close_connection or reply.cut

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_any

    def log_message(self, *arguments: Any) -> None:
        """Keeps the test's output clean."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that answers until it is left."""
    server = Server(tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


class Network(httpcore.AsyncNetworkBackend):
    """Leads every address to a server of this machine, by the port; `connected` are the addresses asked for."""

    def __init__(self, ports: dict[int, int]) -> None:
        self.connected: list[tuple[str, int]] = []
        self.ports = ports
        self._real = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.connected.append((host, port))
        return await self._real.connect_tcp("127.0.0.1", self.ports[port], timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._real.sleep(seconds)

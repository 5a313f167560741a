"""A web server that answers as a test tells it, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from orchestrator import exact_json


@dataclass
class Reply:
    """One answer."""

    status: int = 200
    body: bytes | Any = field(default_factory=dict)
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0

    def written(self) -> bytes:
        body = self.body if isinstance(self.body, bytes) else exact_json.dumps(self.body).encode()
        lines = [f"HTTP/1.1 {self.status} Said", f"content-length: {len(body)}", "connection: close"]
        lines += [f"content-type: {self.content_type}"] if self.content_type else []
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Asked:
    """One request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return exact_json.loads(self.body)


class Web:
    """The server: `reply` is what it answers next, `asked` what it was asked so far."""

    def __init__(self) -> None:
        self.reply = Reply()
        self.asked: list[Asked] = []
        self.url = ""

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    def answers(self, *values: Any, **named: Any) -> None:
        self.reply = Reply(*values, **named)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:] if line}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, target, _ = head[0].split(" ")
            self.asked.append(Asked(method, target, headers, body))
            await asyncio.sleep(self.reply.delay)
            writer.write(self.reply.written())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Web]:
    """A running server."""
    web = Web()
    server = await asyncio.start_server(web.serve, "127.0.0.1", 0)
    async with server:
        web.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield web

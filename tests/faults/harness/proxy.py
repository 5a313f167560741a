"""A wire between two processes that can be cut, slowed down, or go dead without telling either of them."""

import asyncio
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

_CHUNK = 64 * 1024
_DELAY = 0.15


class Wire(StrEnum):
    """How a wire behaves."""

    GOOD = "good"
    CUT = "cut"  # every connection is reset, new ones are refused
    SLOW = "slow"  # every chunk waits
    DEAD = "dead"  # connections stay, and nothing arrives: half-open


class Proxy:
    """Forwards a TCP port of this machine to another port, or to a Unix socket."""

    def __init__(self, name: str, target: tuple[str, int] | Path) -> None:
        self.name = name
        self.port = 0
        self._target = target
        self._wire = Wire.GOOD
        self._good = asyncio.Event()
        self._good.set()
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listens on the port it had before, or on a free one."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuses and resets everything."""
        if self._server:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def set(self, wire: Wire) -> None:
        """Changes how it behaves, for connections old and new."""
        before, self._wire = self._wire, wire
        if wire is Wire.DEAD:
            self._good.clear()
        else:
            self._good.set()
        if wire is Wire.CUT:
            await self.stop()
        elif before is Wire.CUT:
            await self.start()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.create_task(self._join(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        ends = {writer}
        try:
            if isinstance(self._target, Path):
                far_reader, far_writer = await asyncio.open_unix_connection(str(self._target))
            else:
                far_reader, far_writer = await asyncio.open_connection(*self._target)
            ends.add(far_writer)
            self._writers.add(far_writer)
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        except OSError:
            pass  # one side is gone: so is the other, below
        finally:
            for end in ends:
                self._writers.discard(end)
                end.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(_CHUNK):
            await self._good.wait()
            if self._wire is Wire.SLOW:
                await asyncio.sleep(_DELAY)
            sink.write(chunk)
            await sink.drain()
        with suppress(OSError, NotImplementedError):
            sink.write_eof()

"""A real Redis that tests kill and start again."""

import asyncio
import contextlib
import signal
import time

from temporal.dev_server import free_port


class RedisServer:
    """Debian's redis-server, keeping nothing on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Starts it and waits until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = await asyncio.create_subprocess_exec(
            "redis-server", *options, stdout=asyncio.subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            assert time.monotonic() < deadline, "redis-server doesn't answer"
            await asyncio.sleep(0.02)

    def freeze(self) -> None:
        """It accepts connections and answers nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    async def kill(self) -> None:
        """Ends it at once."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

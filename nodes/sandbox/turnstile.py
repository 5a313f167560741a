"""Admits so many at a time, and knows how many are in and who had to wait."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turnstile:
    """A semaphore that counts."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.busy = 0
        self.waits = 0
        self.waited = 0.0
        self._free = asyncio.Semaphore(size)

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """In there, as soon as there is room."""
        if self._free.locked():
            begun = time.monotonic()
            self.waits += 1
            try:
                await self._free.acquire()
            finally:
                self.waited += time.monotonic() - begun
        else:
            await self._free.acquire()
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1
            self._free.release()

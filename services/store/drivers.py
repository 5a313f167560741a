"""Keeps psycopg's own connections: SQLAlchemy's layers cost more than a small statement does.

psycopg's own pool waits for a server that is away; here whoever asks is told at once, and decides how long to try.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

Driver = psycopg.AsyncConnection[Any]


class Drivers:
    """At most `size` connections in autocommit mode, each in one hand at a time; the last one used goes first."""

    def __init__(self, connect: Callable[[], Awaitable[Driver]], size: int, patience: float) -> None:
        self._connect = connect
        self._free = asyncio.Semaphore(size)
        self._patience = patience
        self._idle: list[Driver] = []
        self._closed = False
        self.size = size
        self.busy = 0
        self.waits = 0
        self.waited = 0.0

    def use(self) -> "Use":
        """A connection; psycopg.OperationalError if there is none, or none within the patience, in seconds."""
        return Use(self)

    async def take(self) -> Driver:
        """See `use`; whoever takes a connection gives it back."""
        await self._admit()
        self.busy += 1
        try:
            return self._idle.pop() if self._idle else await self._connect()
        except BaseException:
            self.busy -= 1
            self._free.release()
            raise

    async def give_back(self, connection: Driver) -> None:
        """Ends the use of a connection that was taken."""
        try:
            await self._keep(connection)
        finally:
            self.busy -= 1
            self._free.release()

    async def close(self) -> None:
        """Closes every connection; those in use when they come back."""
        self._closed = True
        await self._close_idle()

    async def _admit(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        begun = time.monotonic()
        self.waits += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise psycopg.OperationalError("every connection is in use") from None
        finally:
            self.waited += time.monotonic() - begun

    async def _keep(self, connection: Driver) -> None:
        if connection.broken or connection.closed:
            # The server went away: the others are as dead.
            await self._close_idle()
        elif self._closed or connection.info.transaction_status is not TransactionStatus.IDLE:
            # A statement was cut off half way.
            await connection.close()
        else:
            self._idle.append(connection)

    async def _close_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()


class Use(AbstractAsyncContextManager[Driver]):
    """Lends one connection. A class, as a generator would cost as much as a small statement's preparation."""

    def __init__(self, drivers: Drivers) -> None:
        self._drivers = drivers

    async def __aenter__(self) -> Driver:
        self._connection = await self._drivers.take()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._drivers.give_back(self._connection)

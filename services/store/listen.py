"""Hears of committed records by PostgreSQL's notifications and wakes whoever waits for them."""

import asyncio
import json
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import psycopg
import structlog

from services.store.engine import CONNECT_TIMEOUT, connection_string
from services.store.recording import CHANNEL, OF_RUN, PROGRESS

FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0
# Pieces of text that a watcher may be behind.
_MOST_SAID = 1000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Said:
    """A piece of what a model is saying."""

    node: str
    run_index: int
    text: str


@dataclass(frozen=True)
class Standing:
    """How a run stands, as the record that changed it says."""

    status: str
    status_sequence: int | None
    status_at: datetime | None
    finished_at: datetime | None
    error: str | None
    last_sequence: int


class Watcher:
    """Somebody who waits for news of one execution: of its nodes, too, or what models are saying, if asked for.

    `standing` is the latest that was told of the run itself; None where it must be read.
    """

    def __init__(self, *, nodes: bool = True, progress: bool = False) -> None:
        self.nodes = nodes
        self.progress = progress
        self.standing: Standing | None = None
        self._said: deque[Said] = deque(maxlen=_MOST_SAID)
        self._news = asyncio.Event()

    def wake(self, standing: Standing | None = None) -> None:
        """There is, or may be, news."""
        self.standing = standing
        self._news.set()

    def hear(self, said: Said) -> None:
        """A model is saying something; a watcher who is slow misses the oldest."""
        self._said.append(said)
        self._news.set()

    def heard(self) -> Iterator[Said]:
        """What models have said since the last time."""
        while self._said:
            yield self._said.popleft()

    async def wait(self, seconds: float) -> bool:
        """Whether there was news since the last call that said so, waiting for some if need be."""
        try:
            # Not wait_for, which would have the news come to a task of its own first.
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True


_decoder = msgspec.json.Decoder(Standing)


class Listener:
    """The process's one listening connection; it reconnects by itself and then wakes everybody once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._watchers: dict[str, set[Watcher]] = {}
        self._others: dict[str, Callable[[str], object]] = {}
        self._task: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        # Whether the process is about to end: who can wait elsewhere should.
        self.draining = False

    def hear(self, channel: str, tell: Callable[[str], object]) -> None:
        """Has another channel's notices told, from the next connection on; an empty one when some may be missing."""
        self._others[channel] = tell

    async def start(self) -> None:
        """Connects; raises if PostgreSQL can't be reached now."""
        connection = await self._connect()
        self._task = asyncio.create_task(self._run(connection), name="listener")

    async def stop(self) -> None:
        """Disconnects."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    @contextmanager
    def watch(self, execution_id: str, *, nodes: bool = True, progress: bool = False) -> Iterator[Watcher]:
        """A watcher that is woken by every record of the execution from now on, or only by those of the run itself."""
        watcher = Watcher(nodes=nodes, progress=progress)
        self._watchers.setdefault(execution_id, set()).add(watcher)
        try:
            yield watcher
        finally:
            others = self._watchers[execution_id]
            others.discard(watcher)
            if not others:
                del self._watchers[execution_id]

    async def listening(self) -> None:
        """Returns once connected."""
        await self._listening.wait()

    def drain(self) -> None:
        """Tells every watcher that the process is about to end."""
        self.draining = True
        self.wake_all()

    def wake_all(self) -> None:
        """Makes every watcher look for itself."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.wake()
        for tell in self._others.values():
            tell("")

    async def _connect(self) -> "psycopg.AsyncConnection[tuple[Any, ...]]":
        connection = await psycopg.AsyncConnection.connect(
            connection_string(self._url),
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT,
            application_name="orchestrator listener",
            # A peer that vanished without a word is noticed after about a minute.
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )
        await connection.execute(f"LISTEN {CHANNEL}")
        await connection.execute(f"LISTEN {PROGRESS}")
        for channel in self._others:
            await connection.execute(f"LISTEN {channel}")
        self._listening.set()
        return connection

    async def _run(self, connection: "psycopg.AsyncConnection[tuple[Any, ...]]") -> None:
        while True:
            try:
                async for notice in connection.notifies():
                    self._tell(notice)
            except psycopg.Error as error:
                _log.warning("listening connection lost", error=type(error).__name__)
            finally:
                await connection.close()
            self._listening.clear()
            connection = await self._reconnect()
            # What was committed meanwhile was announced to nobody.
            self.wake_all()

    def _tell(self, notice: psycopg.Notify) -> None:
        if notice.channel == PROGRESS:
            said = json.loads(notice.payload)
            for watcher in self._watchers.get(said.pop("id"), ()):
                if watcher.progress:
                    watcher.hear(Said(**said))
            return
        if notice.channel in self._others:
            self._others[notice.channel](notice.payload)
            return
        execution_id, of_run, told = notice.payload.partition(OF_RUN)
        watchers = self._watchers.get(execution_id)
        if not watchers:
            return
        standing = _decoder.decode(told) if told else None
        for watcher in watchers:
            if of_run or watcher.nodes:
                watcher.wake(standing)

    async def _reconnect(self) -> "psycopg.AsyncConnection[tuple[Any, ...]]":
        delay = FIRST_DELAY
        while True:
            try:
                return await self._connect()
            except psycopg.Error:
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))
                delay = min(2 * delay, LONGEST_DELAY)

"""Keeps worker processes ready, lends each to one job at a time and replaces those that were killed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nodes.sandbox.process import Isolation, Program, SandboxUnavailable, Worker, launch
from nodes.sandbox.turnstile import Turnstile


class Pool:
    """A bounded number of equal workers, started when first needed."""

    def __init__(self, program: Program, *, size: int, isolation: Isolation = "auto") -> None:
        self._program = program
        self._isolation = isolation
        self.turnstile = Turnstile(size)
        self.kills = 0
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self.closed = False

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Worker]:
        """Lend a worker for one job; if the job fails in any way, the worker is killed."""
        async with self.turnstile.admitted():
            if self.closed:
                raise SandboxUnavailable("the sandbox is closed")
            worker = await self._take()
            self._busy.add(worker)
            try:
                yield worker
            except BaseException:
                worker.kill()
                self.kills += 1
                self._replace()
                raise
            else:
                self._return(worker)
            finally:
                self._busy.discard(worker)

    async def start(self) -> None:
        """Start a worker ahead of the first job; SandboxUnavailable if none can start."""
        async with self.worker():
            pass

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers that run."""
        return [worker.pid for worker in [*self._idle, *self._busy]]

    async def close(self) -> None:
        """Kill all workers; the pool lends none any more."""
        self.closed = True
        for task in list(self._starting):
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        for worker in [*self._idle, *self._busy]:
            worker.kill()
        self._idle.clear()

    async def _take(self) -> Worker:
        while self._starting and not self._idle:
            await asyncio.wait(self._starting)
        while self._idle:
            worker = self._idle.pop(0)  # the one that had most time to prepare
            if worker.alive:
                return worker
            worker.kill()
        return await launch(self._program, self._isolation)

    def _return(self, worker: Worker) -> None:
        if self.closed or not worker.alive:
            worker.kill()
        else:
            self._idle.append(worker)

    def _replace(self) -> None:
        """Start a worker in the place of a killed one, so that the next job needn't wait for it."""
        if self.closed:
            return
        task = asyncio.get_running_loop().create_task(self._start())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start(self) -> None:
        try:
            self._idle.append(await launch(self._program, self._isolation))
        except SandboxUnavailable:
            return  # the next job tries again, and reports it

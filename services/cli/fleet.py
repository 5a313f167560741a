"""`orchestrator worker --processes`: several workers under one process, which starts again what dies."""

import asyncio
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import structlog

from services.cli.console import on_stop_signals
from services.cli.failure import Exit, Failure
from services.cli.lifeline import VARIABLE, Lifeline
from services.cli.process import current_settings
from services.observability.gathering import Gathering
from services.settings import Settings
from temporal.server_process import ServerError

# What a worker that is one of several does with, where the environment doesn't say.
SMALL: Mapping[str, str] = {
    "DATABASE_POOL_SIZE": "4",
    "ORCHESTRATOR_MAX_ACTIVITIES": "25",
    "ORCHESTRATOR_MAX_WORKFLOW_TASKS": "10",
    "ORCHESTRATOR_MAX_POLLERS": "4",
    "ORCHESTRATOR_EXPRESSION_PROCESSES": "1",
    "ORCHESTRATOR_CODE_PROCESSES": "1",
}
_COMMAND = (sys.executable, "-P", "-c", "from services.cli import main; main()", "worker")
# How long a process that died waits for its successor: ever longer, until one has lived for a while.
_FIRST_PAUSE, _LONGEST_PAUSE, _A_WHILE = 0.5, 30.0, 60.0
# What a process may take beyond ORCHESTRATOR_SHUTDOWN_SECONDS to end.
_GRACE = 8.0
_log = structlog.get_logger(__name__)


async def fleet(queues: Sequence[str], processes: int) -> Exit:
    """So many workers on these queues, or on all."""
    try:
        return await Fleet(current_settings("worker"), queues, processes).run()
    except ServerError as error:
        raise Failure(str(error), "PORT_TAKEN") from None


class Fleet:
    """So many processes of `orchestrator worker`, and where their metrics are read as one."""

    def __init__(self, settings: Settings, queues: Sequence[str], processes: int) -> None:
        self._seconds = settings.orchestrator_shutdown_seconds
        self._queues = ["--queues", ",".join(queues)] if queues else []
        given = {name.upper() for name in settings.model_fields_set}
        self._preset = {name: value for name, value in SMALL.items() if name not in given}
        self._stopping = asyncio.Event()
        self._numbers = range(processes)
        port = settings.orchestrator_metrics_port
        self._gathering = None if port is None else Gathering(settings.orchestrator_metrics_host, port, processes)

    async def run(self) -> Exit:
        """Works until it is told to stop; ends FAILED if a process ends before it was ready for the first time."""
        on_stop_signals(self._stopping.set)
        starts = [asyncio.Event() for _ in self._numbers]
        keeping = [asyncio.create_task(self._keep(number, starts[number])) for number in self._numbers]
        try:
            if self._gathering:
                await self._gathering.start()
            ready = asyncio.create_task(_all(starts))
            await asyncio.wait([ready, *keeping], return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                _log.info("ready", processes=len(starts))
            ready.cancel()
            await asyncio.wait(keeping, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told = self._stopping.is_set()
            _log.info("stopping")
            self._stopping.set()
            ended = await asyncio.gather(*keeping)
            if self._gathering:
                await self._gathering.stop()
        return Exit.OK if told and all(ended) else Exit.FAILED

    async def _keep(self, number: int, first: asyncio.Event) -> bool:
        """Keeps a process going until we stop; whether the last one ended as it should."""
        pause = _FIRST_PAUSE
        while True:
            begun = time.monotonic()
            code = await self._live(number, first)
            if self._stopping.is_set():
                return code == 0
            _log.error("a process ended", number=number, exit_code=code, seconds=round(time.monotonic() - begun, 1))
            if not first.is_set():
                return False
            pause = _FIRST_PAUSE if time.monotonic() - begun > _A_WHILE else min(pause * 2, _LONGEST_PAUSE)
            if await self._stopped_within(pause):
                return True

    async def _live(self, number: int, first: asyncio.Event) -> int:
        """One process from its start to its end; its exit code."""
        line = Lifeline()
        process = await self._start(line)
        line.handed_over()
        _log.info("a process started", number=number, pid=process.pid)
        watching = asyncio.create_task(self._watch(number, line, first))
        ending = asyncio.create_task(process.wait())
        told = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([ending, told], return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                with suppress(ProcessLookupError):  # it has just ended
                    process.terminate()
                await asyncio.wait([ending], timeout=self._seconds + _GRACE)
            if not ending.done():
                _log.error("a process doesn't end, and is killed", number=number, pid=process.pid)
                with suppress(ProcessLookupError):
                    process.kill()
            return await ending
        finally:
            told.cancel()
            watching.cancel()
            await asyncio.wait([watching])
            line.close()
            if self._gathering:
                self._gathering.forget(number)

    async def _start(self, line: Lifeline) -> asyncio.subprocess.Process:
        environment = {**os.environ, **self._preset, VARIABLE: str(line.theirs.fileno())}
        if self._gathering:
            self._gathering.started()
            environment |= {"ORCHESTRATOR_METRICS_HOST": "127.0.0.1", "ORCHESTRATOR_METRICS_PORT": "0"}
        return await asyncio.create_subprocess_exec(
            *_COMMAND, *self._queues, env=environment, pass_fds=[line.theirs.fileno()]
        )

    async def _watch(self, number: int, line: Lifeline, first: asyncio.Event) -> None:
        port = await line.ready()
        if port is None:
            return
        first.set()
        if self._gathering:
            self._gathering.ready(number, port)

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True


async def _all(events: Iterable[asyncio.Event]) -> None:
    for event in events:
        await event.wait()

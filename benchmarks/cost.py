"""The CPU time that a run takes, beside its latency: a loaded machine changes it less."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import psutil

from benchmarks.subjects import Run

RUNS = 40
# What a run leaves behind for later, such as the closing of its workflow, is its own.
REST = 0.3

Processes = Callable[[], Sequence[psutil.Process]]


def engine(pid: int) -> Processes:
    """The API, the worker and PostgreSQL of a stack; not its Temporal server, which all subjects share."""

    def processes() -> list[psutil.Process]:
        own = psutil.Process(pid)
        return [own, *(child for child in own.children(recursive=True) if "temporal" not in child.name())]

    return processes


def program(pid: int) -> Processes:
    """One process alone."""
    return lambda: [psutil.Process(pid)]


async def cpu_ms(run: Run, processes: Processes) -> float:
    """Milliseconds of CPU time that one run takes of the processes."""
    await run()
    await asyncio.sleep(REST)
    before = _spent(processes())
    for _ in range(RUNS):
        await run()
    await asyncio.sleep(REST)
    return (_spent(processes()) - before) / RUNS * 1000


def _spent(processes: Sequence[psutil.Process]) -> float:
    seconds = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds

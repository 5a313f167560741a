"""What sealing Temporal's payloads costs: `python -m benchmarks.codec` measures two stacks in turns, prints ratios."""

import asyncio
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc.aio
import psutil
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from benchmarks.__main__ import RUNS_AT_ONCE, process, throughput
from benchmarks.subjects import Ours, Run, effectful, linear
from services.store.keyring import new_key, read_keys
from temporal.codec import SealingCodec

ROUNDS = 3
KEYS = "ORCHESTRATOR_TEMPORAL_KEYS"


@dataclass(frozen=True)
class _Stack:
    """A stack, a client of its Temporal, and the process that is the API and the worker."""

    ours: Ours
    client: Client
    process: psutil.Process


@asynccontextmanager
async def _stack(keys: str) -> AsyncIterator[_Stack]:
    os.environ[KEYS] = keys  # for the process that starts now
    async with AsyncExitStack() as entered:
        data = entered.enter_context(tempfile.TemporaryDirectory(prefix="orchestrator-bench-"))
        command = (sys.executable, "-m", "benchmarks.stack", "--data", data, "--grpc-port", "0", "--no-ui")
        said, _ = await entered.enter_async_context(process(*command, ready="Ctrl-C"))
        addresses = dict(re.findall(r"^ +(API|Temporal) +(\S+)$", said, re.MULTILINE))
        channel = await entered.enter_async_context(grpc.aio.insecure_channel(addresses["API"]))
        (started,) = [child for child in psutil.Process().children() if data in child.cmdline()]
        yield _Stack(Ours(channel), await Client.connect(addresses["Temporal"]), started)


async def _events(client: Client) -> int:
    """How many events a run of what ran last has."""
    async for run in client.list_workflows("ExecutionStatus = 'Completed'", limit=1):
        return run.history_length or 0
    raise RuntimeError("nothing has run")


async def _measured(stacks: dict[str, tuple[_Stack, Run]]) -> dict[str, tuple[float, float]]:
    """Runs a second, and CPU milliseconds a run, of each: the medians of interleaved rounds after one to warm up."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in stacks}
    for turn in range(ROUNDS + 1):
        for name, (stack, run) in stacks.items():
            before = stack.process.cpu_times()
            rate = await throughput(run)
            after = stack.process.cpu_times()
            spent = after.user + after.system - before.user - before.system
            if turn:
                found[name].append((rate, spent * 1000 / RUNS_AT_ONCE))
    return {
        name: (statistics.median(rate for rate, _ in pairs), statistics.median(cpu for _, cpu in pairs))
        for name, pairs in found.items()
    }


async def _payloads() -> None:
    codec = SealingCodec(read_keys(new_key()), "default")
    print("payload       seal      open")
    for size, count in ((300, 5000), (3_000, 5000), (30_000, 500), (2_000_000, 20)):
        payloads = [Payload(metadata={"encoding": b"json/plain"}, data=os.urandom(size))]
        began = time.perf_counter()
        for _ in range(count):
            sealed = await codec.encode(payloads)
        middle = time.perf_counter()
        for _ in range(count):
            await codec.decode(sealed)
        seal, opened = (middle - began) / count, (time.perf_counter() - middle) / count
        print(f"{size:>9,} B {seal * 1e6:6.0f} µs {opened * 1e6:6.0f} µs")


async def main() -> None:
    """Measures and prints."""
    await _payloads()
    async with _stack("") as clear, _stack(new_key()) as sealed:
        for name, definition in (("5 pure nodes", linear(5)), ("5 nodes with effects", effectful(5))):
            runs = {which: await stack.ours.subject(name, definition) for which, stack in (("a", clear), ("b", sealed))}
            found = await _measured({"clear": (clear, runs["a"]), "sealed": (sealed, runs["b"])})
            (without, cpu_without), (with_, cpu_with) = found["clear"], found["sealed"]
            events = await _events(clear.client)
            print(
                f"{name}: {without * events:.0f} events/s in clear, {with_ * events:.0f} sealed: "
                f"ratio {with_ / without:.2f}; {cpu_without:.1f} and {cpu_with:.1f} ms CPU a run: "
                f"ratio {cpu_with / cpu_without:.2f}"
            )


if __name__ == "__main__":
    asyncio.run(main())

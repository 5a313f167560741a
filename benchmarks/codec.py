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

import grpc.aio
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from benchmarks.__main__ import process, throughput
from benchmarks.subjects import Ours, Run, effectful, linear
from services.store.keyring import new_key, read_keys
from temporal.codec import SealingCodec

ROUNDS = 3
KEYS = "ORCHESTRATOR_TEMPORAL_KEYS"


@asynccontextmanager
async def _stack(keys: str) -> AsyncIterator[tuple[Ours, Client]]:
    os.environ[KEYS] = keys  # for the process that starts now
    async with AsyncExitStack() as entered:
        data = entered.enter_context(tempfile.TemporaryDirectory(prefix="orchestrator-bench-"))
        command = (sys.executable, "-m", "benchmarks.stack", "--data", data, "--grpc-port", "0", "--no-ui")
        said = await entered.enter_async_context(process(*command, ready="Ctrl-C"))
        addresses = dict(re.findall(r"^ +(API|Temporal) +(\S+)$", said, re.MULTILINE))
        channel = await entered.enter_async_context(grpc.aio.insecure_channel(addresses["API"]))
        yield Ours(channel), await Client.connect(addresses["Temporal"])


async def _events(client: Client) -> int:
    """How many events a run of what ran last has."""
    async for run in client.list_workflows("ExecutionStatus = 'Completed'", limit=1):
        return run.history_length or 0
    raise RuntimeError("nothing has run")


async def _rates(plain: Run, sealed: Run) -> tuple[float, float]:
    """Runs a second of both, the median of interleaved rounds after one to warm up."""
    found: dict[str, list[float]] = {"plain": [], "sealed": []}
    for turn in range(ROUNDS + 1):
        for name, run in (("plain", plain), ("sealed", sealed)):
            rate = await throughput(run)
            if turn:
                found[name].append(rate)
    return statistics.median(found["plain"]), statistics.median(found["sealed"])


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
    async with _stack("") as (plain, client), _stack(new_key()) as (sealed, _):
        for name, definition in (("5 pure nodes", linear(5)), ("5 nodes with effects", effectful(5))):
            a, b = await plain.subject(name, definition), await sealed.subject(name, definition)
            without, with_ = await _rates(a, b)
            events = await _events(client)
            print(
                f"{name}: {without * events:.0f} events/s in clear, {with_ * events:.0f} sealed "
                f"({without:.1f} and {with_:.1f} runs/s), ratio {with_ / without:.2f}"
            )


if __name__ == "__main__":
    asyncio.run(main())

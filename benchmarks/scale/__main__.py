"""`make scale`: fills the dev stack's database, measures it idle and under load, prints percentiles, writes JSON."""

import argparse
import asyncio
import contextlib
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import grpc.aio
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import RESULTS, process
from benchmarks.scale import records
from benchmarks.scale.calls import Call, Calls, define

LIMIT_MS = 100.0
# How long each of the connected clients pauses between two calls, at the most.
PAUSE = 20.0
_SEED = 7


@dataclass(frozen=True)
class Row:
    """What many calls of one kind took, in milliseconds."""

    name: str
    when: str
    calls: int
    p50: float
    p99: float
    target: float | None = None

    @property
    def met(self) -> bool:
        """Whether the slowest of a hundred is fast enough."""
        return self.target is None or self.p99 <= self.target


def row(name: str, when: str, times: Sequence[float], target: float | None = None) -> Row:
    """The percentiles of some times in seconds."""
    ordered = sorted(times)
    return Row(name, when, len(ordered), *(round(_percentile(ordered, p) * 1000, 1) for p in (0.5, 0.99)), target)


def _percentile(ordered: Sequence[float], part: float) -> float:
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


async def timed(call: Call) -> float:
    """The seconds that one call takes."""
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


async def idle(calls: Calls, rounds: int) -> list[Row]:
    """Every call one after the other, nothing else going on."""
    found = []
    for name, call in calls.all().items():
        await call()
        times = [await timed(call) for _ in range(rounds)]
        found.append(row(name, "idle", times, LIMIT_MS if name.startswith(("list", "filter")) else None))
    starts = []
    for _ in range(rounds // 3):
        began = time.perf_counter()
        execution_id = await calls.start()
        starts.append(time.perf_counter() - began)
        await calls.ended(execution_id)
    return [*found, row("start", "idle", starts)]


async def loaded(address: str, calls: Calls, clients: Sequence[Calls], runs_at_once: int, seconds: float) -> list[Row]:
    """All clients call now and then, while so many runs are always under way."""
    times: dict[str, list[float]] = {}
    until = time.perf_counter() + seconds

    async def client(one: Calls, chosen: random.Random) -> None:
        await asyncio.sleep(chosen.uniform(0, PAUSE))
        while time.perf_counter() < until:
            name, call = chosen.choice(list(one.all().items()))
            times.setdefault(name, []).append(await timed(call))
            await asyncio.sleep(chosen.uniform(PAUSE / 2, PAUSE))

    async def lane() -> None:
        while time.perf_counter() < until:
            began = time.perf_counter()
            execution_id = await calls.start()
            times.setdefault("start", []).append(time.perf_counter() - began)
            await calls.ended(execution_id)
            times.setdefault("a run, from start to end", []).append(time.perf_counter() - began)

    lanes = [lane() for _ in range(runs_at_once)]
    crowd = [client(one, random.Random(place)) for place, one in enumerate(clients)]
    await asyncio.gather(*lanes, *crowd)
    when = f"{len(clients):,} clients, {runs_at_once} runs"
    return [row(name, when, found) for name, found in sorted(times.items())]


def channel_to(address: str) -> grpc.aio.Channel:
    """A connection of its own: gRPC would share one among all channels of a process."""
    return grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


def memory(root: int) -> dict[str, float]:
    """The MiB that the server and the servers under it hold, by program."""
    found: dict[str, float] = {}
    for one in (psutil.Process(root), *psutil.Process(root).children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # PostgreSQL's come and go
            name = one.name()
            found[name] = round(found.get(name, 0.0) + one.memory_full_info().uss / 2**20, 1)
    return found


async def measure(
    address: str, database: str, wanted: argparse.Namespace, root: int
) -> tuple[list[Row], dict[str, object]]:
    """Fills, then measures idle and under load."""
    async with channel_to(address) as channel:
        workflows = await define(channel, wanted.workflows)
        seconds = await asyncio.to_thread(records.fill, database, wanted.runs)
        print(f"{wanted.runs:,} runs written in {seconds:.0f} s", flush=True)
        calls = Calls(channel, workflows, wanted.runs, random.Random(_SEED))
        before, scans = memory(root), records.sequential_scans(database)
        rows = await idle(calls, wanted.rounds)
        scanned = {name: count - scans[name] for name, count in records.sequential_scans(database).items()}
        channels = [channel_to(address) for _ in range(wanted.clients)]
        crowd = [Calls(one, workflows, wanted.runs, random.Random(place)) for place, one in enumerate(channels)]
        rows += await loaded(address, calls, crowd, wanted.at_once, wanted.seconds)
        after = memory(root)
        await asyncio.gather(*(one.close() for one in channels))
    return rows, {"memory_mib_before": before, "memory_mib_after": after, "sequential_scans": scanned}


def show(rows: Sequence[Row], facts: dict[str, object]) -> None:
    """The table, and what else was seen."""
    table = Table("what", "when", "calls", "p50 ms", "p99 ms", "target", "met")
    for one in rows:
        target = "" if one.target is None else f"≤ {one.target:g}"
        table.add_row(
            one.name,
            one.when,
            f"{one.calls:,}",
            f"{one.p50:.1f}",
            f"{one.p99:.1f}",
            target,
            "" if not target else ("yes" if one.met else "NO"),
        )
    console = Console()
    console.print(table)
    quiet, busy = (
        next(one for one in rows if one.name == "start" and (one.when == "idle") is still) for still in (True, False)
    )
    console.print(
        f"ExecuteWorkflow under load / idle: p50 {busy.p50 / quiet.p50:.1f} ×, p99 {busy.p99 / quiet.p99:.1f} ×"
    )
    for name, value in facts.items():
        console.print(f"{name}: {value}")


def write(report: dict[str, object]) -> None:
    """Leaves the figures as JSON."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "scale.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")


def arguments() -> argparse.Namespace:
    """How large; the defaults are the real thing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--workflows", type=int, default=1_000)
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=90)
    return parser.parse_args()


async def main() -> int:
    """Starts, fills, measures, reports; 1 if a target isn't met."""
    wanted = arguments()
    with tempfile.TemporaryDirectory(prefix="orchestrator-scale-") as data:
        stack = (
            sys.executable,
            "-m",
            "benchmarks.stack",
            "--data",
            data,
            "--grpc-port",
            "0",
            "--http-port",
            "0",
            "--no-ui",
        )
        async with process(*stack, ready="Ctrl-C") as (said, root):
            addresses = dict(re.findall(r"^ +(API|PostgreSQL) +(\S+)$", said, re.MULTILINE))
            rows, facts = await measure(addresses["API"], addresses["PostgreSQL"], wanted, root)
    show(rows, facts)
    write({"arguments": vars(wanted), "rows": [asdict(one) for one in rows], **facts})
    scanned = facts["sequential_scans"]
    assert isinstance(scanned, dict)
    return 0 if all(one.met for one in rows) and not any(scanned.values()) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

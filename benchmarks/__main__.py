"""`make bench`: starts the dev stack and the peers' worker, measures both in turns, prints ratios, writes JSON."""

import asyncio
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from benchmarks.cost import Processes, cpu_ms, engine, program
from benchmarks.subjects import Ours, Peers, Run, effectful, fan, linear

ROUNDS = 20
WARM_UP = 5
# Seconds until a run has left nothing behind.
REST = 0.03
CONCURRENT = 100
RUNS_AT_ONCE = 200
# Two launches of the same program differ, by where their memory and threads come to lie.
LAUNCHES = 3
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One figure: ours and a peer's in the same unit, and what their ratio should be."""

    name: str
    unit: str
    ours: float
    peer: str
    theirs: float
    target: str
    met: bool

    @property
    def ratio(self) -> float:
        """Ours by theirs."""
        return self.ours / self.theirs


async def latencies(subjects: dict[str, Run], rounds: int = ROUNDS) -> dict[str, float]:
    """The median of each subject's run, in milliseconds; they take turns, so that all see the same machine.

    What a run leaves behind for later, such as the closing of its workflow, is no other's: each waits for that. And
    each has every other before it now and then, as that says whose processes are warm.
    """
    times: dict[str, list[float]] = {name: [] for name in subjects}
    turns, chance = list(subjects.items()), random.Random(0)
    for turn in range(WARM_UP + rounds):
        chance.shuffle(turns)
        for name, run in turns:
            await asyncio.sleep(REST)
            began = time.perf_counter()
            await run()
            if turn >= WARM_UP:
                times[name].append((time.perf_counter() - began) * 1000)
    return {name: statistics.median(found) for name, found in times.items()}


async def throughput(run: Run) -> float:
    """Runs a second with CONCURRENT of them under way."""
    left = iter(range(RUNS_AT_ONCE))

    async def lane() -> None:
        for _ in left:
            await run()

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(CONCURRENT)))
    return RUNS_AT_ONCE / (time.perf_counter() - began)


async def throughputs(subjects: dict[str, Run]) -> dict[str, float]:
    """The median of two interleaved rounds each."""
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(2):
        for name, run in subjects.items():
            found[name].append(await throughput(run))
    return {name: statistics.median(values) for name, values in found.items()}


async def costs(subjects: dict[str, tuple[Run, Processes]]) -> dict[str, float]:
    """The median CPU time of each subject's run, of three interleaved rounds."""
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(3):
        for name, (run, processes) in subjects.items():
            found[name].append(await cpu_ms(run, processes))
    return {name: statistics.median(values) for name, values in found.items()}


@dataclass(frozen=True)
class Launch:
    """The stack and the peers' worker, up together, and their processes."""

    ours: Ours
    peers: Peers
    our_processes: Processes
    their_process: Processes


async def measure(launch: Launch) -> list[Row]:
    """How long single runs take."""
    ours, peers = launch.ours, launch.peers
    ms = await latencies(
        {
            "floor": peers.floor(),
            "five": await ours.subject("five", linear(5)),
            "twenty": await ours.subject("twenty", linear(20)),
            "fan": await ours.subject("fan", fan(10)),
            "by hand 5": peers.chain(5),
            "by hand 20": peers.chain(20),
            "by hand fan": peers.fan(10),
        }
    )
    steps = await latencies(
        {
            "none": await ours.subject("no effect", effectful(0)),
            "ten": await ours.subject("ten effects", effectful(10)),
            "by hand none": peers.chain(0),
            "by hand ten": peers.chain(10),
        },
        # What one node takes is a small difference of two runs: more of them make it steady.
        rounds=2 * ROUNDS,
    )
    node = (steps["ten"] - steps["none"]) / 10
    activity = (steps["by hand ten"] - steps["by hand none"]) / 10
    return [
        at_most("5 pure nodes", "ms", ms["five"], "empty workflow", ms["floor"], 1.3),
        at_most("20 pure nodes", "ms", ms["twenty"], "empty workflow", ms["floor"], 1.5),
        at_most("5 pure nodes", "ms", ms["five"], "by hand", ms["by hand 5"], 0.4),
        at_most("20 pure nodes", "ms", ms["twenty"], "by hand", ms["by hand 20"], 0.15),
        Row("1 → 10 → merge", "ms", ms["fan"], "by hand", ms["by hand fan"], "-", met=True),
        at_most("one effectful node", "ms", node, "by hand", activity, 1.15),
    ]


async def measure_more(launch: Launch) -> list[Row]:
    """Long runs, many at once, and what they take of the CPU."""
    ours, peers = launch.ours, launch.peers
    long = await latencies(
        {
            "hundred": await ours.subject("hundred", linear(100)),
            "three hundred": await ours.subject("three hundred", linear(300)),
        },
        rounds=10,
    )
    five = await ours.subject("five", linear(5))
    cpu = await costs(
        {
            "five": (five, launch.our_processes),
            "twenty": (await ours.subject("twenty", linear(20)), launch.our_processes),
            "none": (await ours.subject("no effect", effectful(0)), launch.our_processes),
            "ten": (await ours.subject("ten effects", effectful(10)), launch.our_processes),
            "by hand 5": (peers.chain(5), launch.their_process),
            "by hand 20": (peers.chain(20), launch.their_process),
            "by hand none": (peers.chain(0), launch.their_process),
            "by hand ten": (peers.chain(10), launch.their_process),
        }
    )
    rate = await throughputs({"five": five, "floor": peers.floor(), "by hand 5": peers.chain(5)})
    return [
        at_most("300 nodes, each", "ms", long["three hundred"] / 300, "100 nodes, each", long["hundred"] / 100, 1.1),
        at_least("5 pure nodes, 100 at once", "runs/s", rate["five"], "empty workflow", rate["floor"], 0.7),
        Row("5 pure nodes, 100 at once", "runs/s", rate["five"], "by hand", rate["by hand 5"], "-", met=True),
        *cpu_rows(cpu),
    ]


def middle(counts: Sequence[Sequence[Row]]) -> list[Row]:
    """Of each row the one whose ratio is the median of all launches."""
    return [sorted(rows, key=lambda row: row.ratio)[len(rows) // 2] for rows in zip(*counts, strict=True)]


def cpu_rows(cpu: dict[str, float]) -> list[Row]:
    """What the API, the worker and PostgreSQL take of the CPU for a run, beside what a worker does by hand."""
    node, activity = (cpu["ten"] - cpu["none"]) / 10, (cpu["by hand ten"] - cpu["by hand none"]) / 10
    figures = [
        ("5 pure nodes", cpu["five"], cpu["by hand 5"]),
        ("20 pure nodes", cpu["twenty"], cpu["by hand 20"]),
        ("one effectful node", node, activity),
    ]
    return [Row(name, "ms CPU", ours, "by hand", theirs, "-", met=True) for name, ours, theirs in figures]


def at_most(name: str, unit: str, ours: float, peer: str, theirs: float, target: float) -> Row:
    """A figure whose ratio should be small."""
    return Row(name, unit, ours, peer, theirs, f"≤ {target}", met=ours / theirs <= target)


def at_least(name: str, unit: str, ours: float, peer: str, theirs: float, target: float) -> Row:
    """A figure whose ratio should be large."""
    return Row(name, unit, ours, peer, theirs, f"≥ {target}", met=ours / theirs >= target)


@asynccontextmanager
async def process(*command: str, ready: str) -> AsyncIterator[tuple[str, int]]:
    """A program, with what it printed up to the line that says `ready`, and its id; stopped at the end."""
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(*command, stdout=pipe)
    assert started.stdout
    printed = ""
    try:
        while not re.search(ready, printed):
            line = await started.stdout.readline()
            if not line:
                raise RuntimeError(f"{command} ended: {printed}")
            printed += line.decode()
        yield printed, started.pid
    finally:
        if started.returncode is None:
            started.terminate()
        await started.communicate()


def show(rows: Sequence[Row]) -> None:
    """The table."""
    table = Table("what", "ours", "beside", "theirs", "unit", "ratio", "target", "met")
    for row in rows:
        met = "" if row.target == "-" else ("yes" if row.met else "NO")
        figures = (f"{row.ours:.1f}", row.peer, f"{row.theirs:.1f}", row.unit, f"{row.ratio:.2f}")
        table.add_row(row.name, *figures, row.target, met)
    Console().print(table)


@asynccontextmanager
async def launched() -> AsyncIterator[Launch]:
    """Both, from their start to their end."""
    with tempfile.TemporaryDirectory(prefix="orchestrator-bench-") as data:
        stack = (sys.executable, "-m", "benchmarks.stack", "--data", data, "--grpc-port", "0", "--no-ui")
        async with process(*stack, ready="Ctrl-C") as (said, pid):
            addresses = dict(re.findall(r"^ +(API|Temporal) +(\S+)$", said, re.MULTILINE))
            worker = (sys.executable, "-m", "benchmarks.peers", addresses["Temporal"])
            async with (
                process(*worker, ready="polling") as (_, worker_pid),
                grpc.aio.insecure_channel(addresses["API"]) as channel,
            ):
                peers = Peers(await Client.connect(addresses["Temporal"]))
                yield Launch(Ours(channel), peers, engine(pid), program(worker_pid))


async def main() -> None:
    """Starts, measures, reports."""
    counts = []
    for _ in range(LAUNCHES - 1):
        async with launched() as launch:
            counts.append(await measure(launch))
    async with launched() as launch:
        counts.append(await measure(launch))
        more = await measure_more(launch)
    rows = [*middle(counts), *more]
    show(rows)
    RESULTS.mkdir(exist_ok=True)
    report = [{**row.__dict__, "ratio": row.ratio} for row in rows]
    (RESULTS / "bench.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    print(f"written to {RESULTS / 'bench.json'}")


if __name__ == "__main__":
    asyncio.run(main())

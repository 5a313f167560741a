"""`python -m benchmarks.scale.retention`: deletes half of many runs while others are written; prints, writes JSON."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from rich.console import Console

from benchmarks.__main__ import RESULTS
from benchmarks.scale import records
from benchmarks.scale.__main__ import Row, row
from benchmarks.subjects import linear
from nodes.factory import get_node_executor_factory
from nodes.files.store import FileStore
from orchestrator import definition
from orchestrator.compiler import compile_plan
from orchestrator.items import ONE_EMPTY_ITEM
from orchestrator.record import ExecutionRecord, Status
from orchestrator.start import RunStart
from services.embedded import EmbeddedPostgres
from services.store import executions, migrate, payloads, recording, workflows
from services.store.engine import Database
from services.store.ids import new_id
from services.usecases.retention import Cleaner, Policy

# Every run has a payload of its own, and one that it shares with others.
_PAYLOADS = """
INSERT INTO payloads (sha256, size, body)
SELECT encode(sha256(id::bytea), 'hex'), 2000, decode(repeat(md5(id), 125), 'hex') FROM workflow_executions
UNION ALL SELECT 'shared' || n, 6, 'shared' FROM generate_series(0, 99) AS n"""
_LINKS = """
INSERT INTO payload_links (execution_id, sha256)
SELECT id, encode(sha256(id::bytea), 'hex') FROM workflow_executions
UNION ALL SELECT id, 'shared' || abs(hashtext(id)) % 100 FROM workflow_executions"""
_WRITERS = 4


async def prepare(url: str, runs: int) -> dict[str, float]:
    """Fills the database; how many bytes a run takes in it."""
    async with Database(url) as database, database.transaction() as session:
        workflow = definition.read({"name": "linear", **linear(5)})
        draft = workflows.Draft(workflow, [], compile_plan(workflow, get_node_executor_factory().catalogue))
        for number in range(100):
            await workflows.create(session, f"w{number}", "", draft, f"scale{number % 20}")
    await asyncio.to_thread(records.fill, url, runs)
    with psycopg.connect(url, autocommit=True) as connection:
        bare = _size(connection)
        connection.execute(_PAYLOADS)
        connection.execute(_LINKS)
        connection.execute("VACUUM ANALYZE")
        return {"bytes_a_run": bare / runs, "bytes_a_run_with_payloads": _size(connection) / runs}


async def writer(database: Database, stopped: asyncio.Event, times: list[float]) -> None:
    """Records runs one after the other: begun, a payload that others have too, ended."""
    async with database.driver() as connection:
        found = await (await connection.execute("SELECT id, version_id FROM workflows LIMIT 1")).fetchone()
    assert found is not None
    while not stopped.is_set():
        start = RunStart(
            execution_id=new_id(),
            version_id=found.version_id,
            workflow_id=found.id,
            workflow_name="linear",
            version=1,
            mode="TRIGGER",
            begin="Start",
            input=ONE_EMPTY_ITEM,
        )
        began = time.perf_counter()
        async with database.driver() as connection:
            await executions.insert(connection, executions.NewExecution(start, datetime.now(UTC)))
        await payloads.put(database, start.execution_id, [b"shared by all"])
        done = ExecutionRecord(Status.COMPLETED, datetime.now(UTC))
        await recording.record(database, start.execution_id, [], done)
        times.append(time.perf_counter() - began)


async def written(database: Database, until: "asyncio.Future[object]") -> list[float]:
    """What writing a run took, by several at once, until something is over."""
    stopped, times = asyncio.Event(), list[float]()
    tasks = [asyncio.create_task(writer(database, stopped, times)) for _ in range(_WRITERS)]
    await asyncio.wait([until])
    stopped.set()
    await asyncio.gather(*tasks)
    return times


async def measure(url: str, seconds: float) -> tuple[list[Row], dict[str, float]]:
    """Writers alone, then the same while half of all is deleted."""
    async with Database(url) as database:
        quiet = await written(database, asyncio.ensure_future(asyncio.sleep(seconds)))
        cleaner = Cleaner(database, FileStore(""))
        before = datetime.now(UTC) - timedelta(days=45)
        began = time.perf_counter()
        purging = asyncio.ensure_future(cleaner.purge(before))
        busy = await written(database, purging)
        took = time.perf_counter() - began
        began = time.perf_counter()
        await cleaner.clean(Policy())
        swept = time.perf_counter() - began
    facts = {"deleted": purging.result(), "seconds": took, "a_second": purging.result() / took, "sweep_seconds": swept}
    return [row("write a run", "alone", quiet), row("write a run", "while deleting", busy)], facts


async def main() -> int:
    """Fills, measures, reports."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.retention", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=20)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="orchestrator-retention-") as folder:
        server = EmbeddedPostgres(Path(folder))
        url = await server.start()
        try:
            await asyncio.to_thread(migrate.upgrade, url)
            sizes = await prepare(url, wanted.runs)
            rows, facts = await measure(url, wanted.seconds)
        finally:
            await server.stop()
    console = Console()
    for one in rows:
        console.print(f"{one.name}, {one.when}: {one.calls:,} times, p50 {one.p50} ms, p99 {one.p99} ms")
    quiet, busy = rows
    facts |= sizes | {"p50_ratio": busy.p50 / quiet.p50, "p99_ratio": busy.p99 / quiet.p99}
    for name, value in facts.items():
        console.print(f"{name}: {value:,.1f}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "retention.json").write_text(json.dumps(vars(wanted) | facts, indent=2) + "\n")
    return 0


def _size(connection: psycopg.Connection) -> float:
    row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return float(row[0])


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

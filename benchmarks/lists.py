"""How long lists take with a million runs and a million entries of the audit log: `python -m benchmarks.lists`."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator.record import Status
from services.embedded import EmbeddedPostgres
from services.store import audit, executions, migrate
from services.store.engine import Database

ROWS, REPEATS, PAGE = 1_000_000, 200, 51
# Half of the runs are of one workflow in one workspace; one in 10,000 failed.
_FILL = (
    "INSERT INTO workflows (id, workspace, name, version, version_id) "
    "SELECT 'w' || i, 'ws' || mod(i, 10), 'w', 1, 'v' || i FROM generate_series(0, 99) i",
    "INSERT INTO workflow_versions (id, workspace, workflow_id, version, definition, valid) "
    "SELECT 'v' || i, 'ws' || mod(i, 10), 'w' || i, 1, '{}', true FROM generate_series(0, 99) i",
    "INSERT INTO workflow_executions (id, workspace, workflow_id, version_id, version, mode, status, started_at) "
    "SELECT 'e' || i, 'ws' || mod(w, 10), 'w' || w, 'v' || w, 1, 'MANUAL', CASE WHEN mod(i, 10000) = 0 THEN 'FAILED' "
    "WHEN mod(i, 50001) = 0 THEN 'CANCELED' WHEN mod(i, 30011) = 0 THEN 'RUNNING' ELSE 'COMPLETED' END, "
    "now() - i * interval '1 s' "
    f"FROM (SELECT i, CASE WHEN mod(i, 2) = 0 THEN 0 ELSE mod(i, 100) END AS w FROM generate_series(1, {ROWS}) i) e",
    "INSERT INTO audit_log (id, at, workspace, actor, action, object_type, object_id) "
    "SELECT 'a' || i, now() - i * interval '1 s', 'ws' || mod(i, 3), 'u' || mod(i, 500), "
    "CASE WHEN mod(i, 100000) = 0 THEN 'workflow.delete' ELSE 'execution.start' END, 'execution', 'e' || i "
    f"FROM generate_series(1, {ROWS}) i",
    "ANALYZE",
)


async def main() -> None:
    """Fills a database in memory, then measures."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder), durable=False)
        url = await server.start()
        try:
            await asyncio.to_thread(migrate.upgrade, url)
            async with Database(url, statement_timeout=600) as database:
                async with database.single() as connection:
                    for statement in _FILL:
                        await connection.exec_driver_sql(statement)
                await _measure(database)
        finally:
            await server.stop()


async def _measure(database: Database) -> None:
    now = datetime.now(UTC)
    runs, told, long_ago = executions.Filters, audit.Filters, (now - timedelta(days=6), "e5")
    ends = [Status.CANCELED, Status.RUNNING]
    between = runs(workspace="ws0", after=now - timedelta(days=9), before=now - timedelta(days=8))
    for name, filters, after in (
        ("runs of a workspace", runs(workspace="ws0"), None),
        ("… of a small one", runs(workspace="ws3"), None),
        ("… far down the list", runs(workspace="ws0"), long_ago),
        ("… that failed", runs(workspace="ws0", statuses=[Status.FAILED]), None),
        ("… of two rare statuses", runs(workspace="ws0", statuses=ends), None),
        ("… between two times", between, None),
        ("… of a workflow", runs(workspace="ws0", workflow_id="w0"), None),
        ("… of a workflow, failed", runs(workspace="ws0", workflow_id="w0", statuses=[Status.FAILED]), None),
        ("… of another's workflow", runs(workspace="ws3", workflow_id="w0"), None),
    ):

        async def page(filters: executions.Filters = filters, after: tuple[datetime, str] | None = after) -> int:
            async with database.reading() as session:
                return len(await executions.listed(session, filters, PAGE, after))

        await _report(name, page)
    for name, wanted in (
        ("audit log of a workspace", told("ws0")),
        ("… by an actor", told("ws0", actor="u3")),
        ("… of a rare action", told("ws1", action="workflow.delete")),
        ("… of an object", told("ws1", object_id="e1000")),
    ):

        async def entries(wanted: audit.Filters = wanted) -> int:
            async with database.reading() as session:
                return len(await audit.listed(session, wanted, PAGE, None))

        await _report(name, entries)


async def _report(name: str, page: Callable[[], Awaitable[int]]) -> None:
    times: list[float] = []
    rows = 0
    for _ in range(REPEATS):
        begun = time.perf_counter()
        rows = await page()
        times.append((time.perf_counter() - begun) * 1000)
    print(f"{name:28} {rows:3} rows  median {_at(times, 0.5):6.1f} ms  p99 {_at(times, 0.99):6.1f} ms", flush=True)


def _at(times: Sequence[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)]


if __name__ == "__main__":
    asyncio.run(main())

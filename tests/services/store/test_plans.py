"""The API's lists and histories read by indices, however many runs there are: PostgreSQL's own plans say so."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.scale import records
from orchestrator.record import Status
from services.store import events, executions, retention, workflows
from services.store.drivers import Driver
from services.store.engine import Database
from services.store.executions import Filters
from services.store.ids import new_id
from services.store.retention import Old
from tests.services.conftest import chain, draft

RUNS = 100_000
RUN = f"scale-{RUNS // 2:012x}"
LARGE = {"workflow_executions", "node_runs", "payloads", "payload_links", "human_tasks"}
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
async def filled(module_postgres_url: str) -> AsyncIterator[Database]:
    """A database with so many runs that a plan by an index is the cheaper one."""
    async with Database(module_postgres_url) as database:
        async with database.transaction() as session:
            for number in range(20):
                await workflows.create(session, new_id(), "ada", draft(chain("A")), f"w{number % 4}")
        records.fill(module_postgres_url, RUNS)
        yield database


LISTS = {
    "all": Filters(),
    "workspace": Filters(workspace="w1"),
    "status": Filters(workspace="w1", statuses=[Status.FAILED]),
    "rare": Filters(workspace="w1", statuses=[Status.TIMED_OUT, Status.RUNNING]),
    "time": Filters(workspace="w1", after=NOW - timedelta(days=40), before=NOW - timedelta(days=39)),
    "open": Filters(statuses=[Status.RUNNING, Status.PAUSED]),
}


@pytest.mark.parametrize("name", [*LISTS, "workflow", "workflow and status"])
@pytest.mark.parametrize("page", ["first", "middle"])
async def test_lists(filled: Database, name: str, page: str) -> None:
    async with filled.driver() as connection:
        row = await (await connection.execute("SELECT id FROM workflows WHERE workspace = 'w1' LIMIT 1")).fetchone()
    assert row is not None
    statuses = [Status.FAILED] if name == "workflow and status" else []
    filters = LISTS.get(name) or Filters(workspace="w1", workflow_id=row.id, statuses=statuses)
    after = (NOW - timedelta(days=45), "scale-1") if page == "middle" else None
    by_index(await plans(filled, lambda session: executions.listed(session, filters, 50, after)))


HISTORIES: dict[str, Callable[[AsyncSession, str], Awaitable[Any]]] = {
    "node runs": lambda session, run: executions.node_runs(session, run, limit=100),
    "node runs, next page": lambda session, run: executions.node_runs(session, run, limit=100, after=3),
    "of a node": lambda session, run: executions.node_runs(session, run, node="S1", limit=100),
    "latest run of a node": lambda session, run: executions.node_run(session, run, "S1"),
    "outputs": lambda session, run: executions.recorded_outputs(session, run, ["Start", "S1"]),
    "the run": executions.get,
}


@pytest.mark.parametrize("name", HISTORIES)
async def test_histories(filled: Database, name: str) -> None:
    by_index(await plans(filled, lambda session: HISTORIES[name](session, RUN)))


async def test_statements_without_the_orm(filled: Database) -> None:
    old = Old("w1", "COMPLETED", NOW - timedelta(days=80))
    async with filled.driver() as connection:
        heard = Overheard(connection)
        driver: Any = heard
        await events.after(driver, RUN, 3)
        await executions.get_brief(driver, RUN)
        await executions.usage(driver, RUN)
        (first, *_) = await retention.candidates(driver, old, None)
        await retention.candidates(driver, old, first)
        assert len(await retention.workspaces(driver)) == 4
    assert len(heard.statements) >= 6
    for statement, values in heard.statements:
        by_index(await explained(filled, statement, values))


async def plans(database: Database, ask: Callable[[AsyncSession], Awaitable[Any]]) -> list[tuple[str, str]]:
    """How PostgreSQL does what is asked."""
    said: list[tuple[str, Any]] = []

    def keep(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        said.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", keep)
    try:
        async with database.reading() as session:
            await ask(session)
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", keep)
    ((statement, parameters),) = said
    return await explained(database, statement, parameters)


class Overheard:
    """A connection that keeps what is executed on it."""

    def __init__(self, connection: Driver) -> None:
        self._connection = connection
        self.statements: list[tuple[Any, Any]] = []

    async def execute(self, statement: Any, values: Any = None) -> Any:
        """Executes and keeps."""
        self.statements.append((statement, values))
        return await self._connection.execute(statement, values)


async def explained(database: Database, statement: str, values: Any) -> list[tuple[str, str]]:
    async with database.driver() as connection:
        row = await (await connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", values)).fetchone()
    assert row is not None
    return reads(row[0][0]["Plan"])


def reads(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """The tables that a plan reads, and how."""
    own = [(plan["Relation Name"], plan["Node Type"])] if "Relation Name" in plan else []
    return own + [read for part in plan.get("Plans", ()) for read in reads(part)]


def by_index(found: list[tuple[str, str]]) -> None:
    """Nothing large is read from end to end."""
    large = [(table, how) for table, how in found if table in LARGE]
    assert large
    assert not [table for table, how in large if how not in ("Index Scan", "Index Only Scan", "Bitmap Heap Scan")], (
        found
    )

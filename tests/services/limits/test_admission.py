"""Limits of runs: exact, whoever starts them at the same time."""

import asyncio
from datetime import UTC, datetime

import pytest

from orchestrator.record import ExecutionRecord, Status
from services.errors import RateLimited
from services.store import executions, limits, recording
from services.store.engine import Database
from services.store.executions import NewExecution
from tests.services.conftest import Store


async def limit(store: Store, workspace: str = "default", workflow: bool = False, **values: float | None) -> None:
    async with store.database.transaction() as session:
        await limits.change(session, workspace, store.workflow.id if workflow else "", values, "test")


async def begin(database: Database, store: Store, **changes: str) -> str:
    new = NewExecution(store.start(), datetime.now(UTC), **changes)  # type: ignore[arg-type]
    async with database.driver() as connection:
        await executions.insert(connection, new)
    return new.start.execution_id


async def outcomes(store: Store, count: int) -> tuple[list[str], list[RateLimited]]:
    """What comes of many starts at once, from two engines."""
    async with Database(store.database.url, pool_size=10) as other:
        starts = (begin(database, store) for _ in range(count // 2) for database in (store.database, other))
        found = await asyncio.gather(*starts, return_exceptions=True)
    refused = [one for one in found if isinstance(one, RateLimited)]
    begun = [one for one in found if isinstance(one, str)]
    assert len(refused) + len(begun) == count, found
    return begun, refused


@pytest.mark.parametrize(
    ("workspace", "workflow"),
    [("default", False), ("default", True), (limits.DEFAULTS, False)],
    ids=["workspace", "workflow", "default"],
)
async def test_no_more_runs_are_open_than_may_be(store: Store, workspace: str, workflow: bool) -> None:
    await limit(store, workspace, workflow, max_runs=7)
    begun, refused = await outcomes(store, 40)
    assert (len(begun), {error.code for error in refused}) == (7, {"TOO_MANY_RUNS"})
    assert all(error.retry_after > 0 for error in refused)
    await recording.record(store.database, begun[0], [], ExecutionRecord(Status.COMPLETED, datetime.now(UTC)))
    await begin(store.database, store)
    with pytest.raises(RateLimited, match="7 open runs"):
        await begin(store.database, store)


async def test_starts_are_spread_over_time(store: Store) -> None:
    await limit(store, starts_per_minute=12)
    begun, refused = await outcomes(store, 30)
    assert (len(begun), {error.code for error in refused}) == (12, {"TOO_MANY_STARTS"})
    assert all(0 < error.retry_after <= 5 for error in refused)


async def test_a_start_that_is_refused_costs_none(store: Store) -> None:
    await limit(store, max_runs=1)
    await limit(store, workflow=True, starts_per_minute=2)
    first = await begin(store.database, store)
    for _ in range(5):
        with pytest.raises(RateLimited, match="open runs"):
            await begin(store.database, store)
    await recording.record(store.database, first, [], ExecutionRecord(Status.FAILED, datetime.now(UTC)))
    await begin(store.database, store)


async def test_what_was_begun_is_not_refused(store: Store) -> None:
    await limit(store, max_runs=1, starts_per_minute=60)
    async with store.database.driver() as connection:
        new = NewExecution(store.start(), datetime.now(UTC), request_id="r")
        assert await executions.insert(connection, new)
        again = NewExecution(store.start(), datetime.now(UTC), request_id="r")
        assert not await executions.insert(connection, again)
        assert not await executions.insert(connection, new)


async def test_children_count_and_are_never_refused(store: Store) -> None:
    await limit(store, max_runs=2)
    parent = await begin(store.database, store)
    for _ in range(3):
        await begin(store.database, store, parent_execution_id=parent)
    with pytest.raises(RateLimited):
        await begin(store.database, store)


async def test_a_workspaces_limit_goes_before_the_default(store: Store) -> None:
    await limit(store, limits.DEFAULTS, max_runs=1, max_run_seconds=60, weight=2)
    await limit(store, max_runs=0, max_run_seconds=None)
    await limit(store, workflow=True, max_run_seconds=90)
    begun, refused = await outcomes(store, 10)
    assert (len(begun), refused) == (10, [])
    async with store.database.reading() as session:
        found = await limits.applying(session, "default", store.workflow.id)
    assert (found.workspace.max_runs, found.max_run_seconds, found.workspace.weight) == (0, 60, 2)


async def test_another_workspace_is_not_touched(store: Store) -> None:
    await limit(store, "babbage", max_runs=1, starts_per_minute=1)
    assert len((await outcomes(store, 10))[0]) == 10

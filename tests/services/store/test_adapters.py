"""The store as activities see it."""

import asyncio
from datetime import UTC, datetime

import pytest

from activities.ports import ChildExecution, StoreUnavailableError, UnrecordedRunError
from orchestrator.errors import DefinitionError, Problem
from orchestrator.record import NodeRecord, NodeStatus
from services.store import executions, workflows
from services.store.adapters import StoredDefinitions, StoredExecutions, StoredPayloads
from services.store.definitions import Definitions
from services.store.engine import Database
from tests.services.conftest import Store, chain, draft

AT = datetime(2026, 1, 1, tzinfo=UTC)


def adapters(database: Database) -> tuple[StoredDefinitions, StoredPayloads, StoredExecutions]:
    definitions = Definitions(database, lambda _: pytest.fail("not needed"))
    return StoredDefinitions(definitions), StoredPayloads(database), StoredExecutions(database, definitions)


async def test_a_child_is_recorded_once(store: Store) -> None:
    _, _, stored = adapters(store.database)
    parent = await store.execution()

    async def create() -> ChildExecution:
        return await stored.create_child("child", parent, store.workflow.id, "SUBWORKFLOW", "MANUAL", AT)

    first, *others = await asyncio.gather(*(create() for _ in range(5)))
    assert others == [first] * 4
    async with store.database.transaction() as session:
        await workflows.update(session, store.workflow.id, draft(chain("A")))
    assert await create() == first
    assert first == ChildExecution("child", store.workflow.version_id, store.workflow.id, "chain", 1, "T")
    async with store.database.reading() as session:
        row = await executions.get(session, "child")
    assert (row.parent_execution_id, row.mode, row.status, row.started_at) == (parent, "SUBWORKFLOW", "RUNNING", AT)


async def test_workflows_that_cannot_be_called(store: Store) -> None:
    _, _, stored = adapters(store.database)
    parent = await store.execution()
    async with store.database.transaction() as session:
        foreign = await workflows.create(session, "foreign", "", draft(chain("A")), "another")
    with pytest.raises(LookupError, match="foreign"):
        await stored.create_child("c", parent, foreign.id, "SUBWORKFLOW", "MANUAL", AT)
    with pytest.raises(LookupError, match="none"):
        await stored.create_child("c", parent, "none", "SUBWORKFLOW", "SUBWORKFLOW", AT)
    with pytest.raises(DefinitionError, match="no SUBWORKFLOW trigger"):
        await stored.create_child("c", parent, store.workflow.id, "SUBWORKFLOW", "SUBWORKFLOW", AT)
    invalid = workflows.Draft(draft(chain("A")).workflow, [Problem("X", "bad")], None)
    async with store.database.transaction() as session:
        await workflows.update(session, store.workflow.id, invalid)
    with pytest.raises(DefinitionError, match="isn't valid"):
        await stored.create_child("c", parent, store.workflow.id, "SUBWORKFLOW", "MANUAL", AT)


async def test_an_outage_has_one_name() -> None:
    async with Database("postgresql://localhost:1/none") as database:
        definitions, payloads, stored = adapters(database)
        for call in (
            definitions.get("v"),
            payloads.get(["x"]),
            payloads.put("e", [b""]),
            stored.record("e", [NodeRecord("A", 0, NodeStatus.COMPLETED)]),
            stored.load_checkpoint("e", "A", 0),
            stored.save_checkpoint("e", "A", 0, 0, {}),
            stored.create_child("c", "parent", "w", "SUBWORKFLOW", "MANUAL", AT),
        ):
            with pytest.raises(StoreUnavailableError):
                await call


async def test_a_cut_connection_is_an_outage_and_then_over(store: Store) -> None:
    _, payloads, _ = adapters(store.database)
    run = await store.execution()
    await payloads.put(run, [b"x"])
    async with Database(store.database.url, pool_size=1) as other, other.single() as connection:
        await connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    failures = 0
    for _ in range(3):
        try:
            await payloads.put(run, [b"y"])
        except StoreUnavailableError:
            failures += 1
    assert failures == 1


async def test_a_run_without_a_record_is_told_of(store: Store) -> None:
    _, _, stored = adapters(store.database)
    with pytest.raises(UnrecordedRunError, match="none"):
        await stored.record("none", [NodeRecord("T", 0, NodeStatus.COMPLETED)])

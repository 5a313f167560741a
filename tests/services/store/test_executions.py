"""Runs: recorded once, listed, paged and removed with all that belongs to them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.items import Items, Part
from orchestrator.record import ExecutionRecord, NodeRecord, NodeStatus, Status
from orchestrator.start import RunStart
from services.errors import NotFound, PreconditionFailed
from services.store import checkpoints, events, executions, payloads, recording, serial, workflows
from services.store.executions import Filters, NewExecution
from services.store.tables import ExecutionRow
from tests.services.conftest import Store, chain, draft

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


async def insert(store: Store, new: NewExecution) -> bool:
    async with store.database.driver() as connection:
        return await executions.insert(connection, new)


async def find(store: Store, execution_id: str) -> ExecutionRow:
    async with store.database.reading() as session:
        return await executions.get(session, execution_id)


async def test_a_request_id_begins_one_run(store: Store) -> None:
    news = [NewExecution(store.start(), BEGUN, request_id="r") for _ in range(8)]
    done = await asyncio.gather(*(insert(store, new) for new in news))
    assert sorted(done) == [False] * 7 + [True]
    winner = news[done.index(True)].start.execution_id
    async with store.database.driver() as connection:
        found = await executions.startable(connection, store.workflow.id, 0, "r")
        other = await executions.startable(connection, store.workflow.id, 1, "other")
    assert (found.version_id, found.earlier_execution_id) == (store.workflow.version_id, winner)
    assert (other.version_id, other.earlier_execution_id) == (store.workflow.version_id, None)


async def test_a_run_of_the_latest_version_is_recorded_only_while_it_is(store: Store) -> None:
    async def inserted(**changes: Any) -> bool:
        async with store.database.driver() as connection:
            return await executions.insert(connection, NewExecution(store.start(**changes), BEGUN), latest=True)

    assert await inserted()
    async with store.database.transaction() as session:
        await workflows.update(session, store.workflow.id, draft(chain("C")))
    assert not await inserted()
    async with store.database.reading() as session:
        second = await workflows.version_id(session, store.workflow.id, 0)
    assert await inserted(version_id=second, version=2)
    async with store.database.transaction() as session:
        await workflows.delete(session, store.workflow.id)
    assert not await inserted(version_id=second, version=2)
    assert await store.count("workflow_executions") == 2


async def test_runs_without_request_ids_are_all_begun(store: Store) -> None:
    assert all([await insert(store, NewExecution(store.start(), BEGUN)) for _ in range(3)])


@pytest.mark.parametrize(("workflow", "version", "message"), [("none", 0, "no workflow"), ("", 7, "no version 7")])
async def test_what_cannot_be_started_is_named(store: Store, workflow: str, version: int, message: str) -> None:
    async with store.database.driver() as connection:
        with pytest.raises(NotFound, match=message):
            await executions.startable(connection, workflow or store.workflow.id, version, "")


async def test_a_large_input_is_stored_with_its_run(store: Store) -> None:
    body = b'[{"json":{"a":1}}]'
    ref = await payloads.content_hash(body)
    start = store.start(input=Items((Part(1, len(body), 0, None, ref),)))
    assert await insert(store, NewExecution(start, BEGUN, body=body, body_ref=ref))
    assert await payloads.get(store.database, [ref]) == [body]
    assert serial.read((await find(store, start.execution_id)).start or "", RunStart) == start
    again = store.start(reused={"T": {"main": start.input}})
    assert await insert(store, NewExecution(again, BEGUN, parent_execution_id=start.execution_id))
    assert await store.count("payload_links") == 2


async def test_a_run_of_nothing_is_complete_at_once(store: Store) -> None:
    start = store.start()
    await insert(store, NewExecution(start, BEGUN, completed=True))
    row = await find(store, start.execution_id)
    assert (row.status, row.outputs, row.finished_at, row.start) == ("COMPLETED", "{}", BEGUN, None)
    async with store.database.driver() as connection:
        found = await events.after(connection, start.execution_id, 0)
    assert [event.kind.value for event in found.events] == ["EXECUTION_STARTED", "EXECUTION_FINISHED"]


async def test_lists_are_filtered_and_paged(store: Store) -> None:
    async with store.database.transaction() as session:
        other = await workflows.create(session, "other", "", draft(chain("A")), "another")
    ids = []
    for index in range(6):
        start = store.start(**({"workflow_id": other.id, "version_id": other.version_id} if index % 3 == 0 else {}))
        await insert(store, NewExecution(start, BEGUN + timedelta(hours=index // 2)))
        ids.append(start.execution_id)
    for index in (1, 3):
        await recording.record(store.database, ids[index], [], ExecutionRecord(Status.FAILED, BEGUN))

    async def listed(filters: Filters) -> list[int]:
        found: list[ExecutionRow] = []
        async with store.database.reading() as session:
            after = None
            while rows := await executions.listed(session, filters, 2, after):
                found += rows
                after = rows[-1].started_at, rows[-1].id
        return [ids.index(row.id) for row in found]

    assert await listed(Filters()) == [5, 4, 3, 2, 1, 0]
    assert await listed(Filters(workflow_id="other")) == [3, 0]
    assert await listed(Filters(statuses=[Status.FAILED])) == [3, 1]
    assert await listed(Filters(statuses=[Status.FAILED, Status.RUNNING], workflow_id=store.workflow.id)) == [
        5,
        4,
        2,
        1,
    ]
    assert await listed(Filters(after=BEGUN)) == [5, 4, 3, 2]
    assert await listed(Filters(after=BEGUN, before=BEGUN + timedelta(hours=2))) == [3, 2]
    assert await listed(Filters(workspace="another")) == [3, 0]
    assert await listed(Filters(workspace="default")) == [5, 4, 2, 1]
    assert await listed(Filters(workspace="default", statuses=[Status.RUNNING], after=BEGUN)) == [5, 4, 2]
    assert await listed(Filters(workspace="another", workflow_id="other")) == [3, 0]
    assert await listed(Filters(workspace="default", workflow_id="other")) == []
    assert await listed(Filters(workspace="none")) == []


async def test_a_run_is_of_its_versions_workspace(store: Store) -> None:
    async with store.database.transaction() as session:
        other = await workflows.create(session, "other", "", draft(chain("A")), "another")
    start = store.start(workflow_id=other.id, version_id=other.version_id)
    await insert(store, NewExecution(start, BEGUN))
    async with store.database.reading() as session:
        assert (await executions.get(session, start.execution_id, "another")).workspace == "another"
        with pytest.raises(NotFound):
            await executions.get(session, start.execution_id, "default")
    async with store.database.driver() as connection:
        with pytest.raises(NotFound):
            await executions.startable(connection, "other", 0, "", "default")


def run_of(node: str, index: int, status: NodeStatus, outputs: dict[str, Items] | None = None) -> NodeRecord:
    return NodeRecord(node, index, status, outputs=outputs)


async def test_node_runs_are_listed_in_the_order_they_began(store: Store) -> None:
    run = await store.execution()
    order = [("B", 0), ("A", 0), ("B", 1), ("A", 1), ("C", 0)]
    await recording.record(store.database, run, [run_of(n, i, NodeStatus.RUNNING) for n, i in order])
    await recording.record(store.database, run, [run_of(n, i, NodeStatus.COMPLETED) for n, i in order[::-1]])
    found: list[tuple[str, int]] = []
    after: int | None = None
    async with store.database.reading() as session:
        while rows := await executions.node_runs(session, run, limit=2, after=after):
            found += [(row.node, row.run_index) for row in rows]
            after = rows[-1].started_sequence
        of_b = await executions.node_runs(session, run, node="B", limit=9)
        latest = await executions.node_run(session, run, "A")
    assert found == order
    assert [row.run_index for row in of_b] == [0, 1]
    assert latest is not None
    assert latest.run_index == 1


async def test_recorded_outputs(store: Store) -> None:
    run = await store.execution()
    items = {"main": Items((Part(1, 4, 0, "[{}]"),))}
    records = [
        run_of("A", 1, NodeStatus.FAILED),
        run_of("A", 0, NodeStatus.COMPLETED, items),
        run_of("B", 0, NodeStatus.RUNNING),
    ]
    await recording.record(store.database, run, records)

    def shown(found: Sequence[executions.RecordedOutput]) -> list[tuple[str, object]]:
        return [(each.status.value, each.outputs) for each in found]

    async with store.database.reading() as session:
        outputs = await executions.recorded_outputs(session, run, ["A", "B", "C"])
    assert {node: shown(found) for node, found in outputs.items()} == {
        "A": [("COMPLETED", items), ("FAILED", None)],
        "B": [("RUNNING", None)],
    }


async def test_deleting_takes_all_of_a_run(store: Store) -> None:
    run = await store.execution()
    with pytest.raises(PreconditionFailed, match="RUNNING"):
        async with store.database.transaction() as session:
            await executions.delete(session, run)
    outputs = {"main": Items((Part(1, 4, 0, "[{}]"),))}
    await recording.record(store.database, run, [run_of("A", 0, NodeStatus.COMPLETED, outputs)])
    await checkpoints.save(store.database, run, "A", 0, 0, outputs)
    await payloads.put(store.database, run, [b"x"])
    await recording.record(store.database, run, [], ExecutionRecord(Status.CANCELED, BEGUN))
    async with store.database.transaction() as session:
        await executions.delete(session, run)
    tables = ("workflow_executions", "node_runs", "checkpoints", "payload_links", "payloads")
    assert [await store.count(table) for table in tables] == [0] * 5
    with pytest.raises(NotFound, match=run):
        async with store.database.transaction() as session:
            await executions.delete(session, run)


async def test_an_unsaved_version_goes_with_its_last_run(store: Store) -> None:
    async with store.database.transaction() as session:
        unsaved = await workflows.add_unsaved_version(session, draft(chain("A")))
    starts = [store.start(workflow_id="", version_id=unsaved.id) for _ in range(2)]
    for start in starts:
        await insert(store, NewExecution(start, BEGUN))
        await recording.record(store.database, start.execution_id, [], ExecutionRecord(Status.COMPLETED, BEGUN))
    for start, left in zip(starts, (2, 1), strict=True):
        async with store.database.transaction() as session:
            await executions.delete(session, start.execution_id)
        assert await store.count("workflow_versions") == left


async def test_pages_of_events(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await store.execution()
    count = events.PAGE
    for first in range(0, count, 500):
        batch = [run_of("A", index, NodeStatus.COMPLETED) for index in range(first, first + 500)]
        await recording.record(store.database, run, batch)
    found: list[int] = []
    async with store.database.driver() as connection:
        while page := (await events.after(connection, run, found[-1] if found else 0)).events:
            assert len(page) <= events.PAGE + 1
            found += [event.sequence for event in page]
    assert found == list(range(1, 2 * count + 2))

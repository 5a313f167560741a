"""The record of a run: idempotent, in order, and faithful to whatever order records come in."""

import asyncio
import itertools
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH

from orchestrator.errors import RunError
from orchestrator.items import ONE_EMPTY_ITEM, Items, Part
from orchestrator.record import ExecutionRecord, NodeRecord, NodeStatus, Status
from services.store import events, executions, payloads, recording, serial
from services.store.tables import ExecutionRow, NodeRunRow
from tests.services.conftest import Store

RUNNING, WAITING, RETRYING = NodeStatus.RUNNING, NodeStatus.WAITING, NodeStatus.RETRYING
COMPLETED, FAILED, CANCELED = NodeStatus.COMPLETED, NodeStatus.FAILED, NodeStatus.CANCELED
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def node(name: str, status: NodeStatus, attempt: int = 1, **more: Any) -> NodeRecord:
    return NodeRecord(name, more.pop("run_index", 0), status, attempt, **more)


async def kinds(store: Store, execution_id: str, after: int = 0) -> list[tuple[int, str, str]]:
    async with store.database.driver() as connection:
        found = await events.after(connection, execution_id, after)
    return [(e.sequence, e.kind.value, e.node_run.node if e.node_run else "") for e in found.events]


async def execution(store: Store, execution_id: str) -> ExecutionRow:
    async with store.database.reading() as session:
        return await executions.get(session, execution_id)


async def node_run(store: Store, execution_id: str, name: str = "A") -> NodeRunRow:
    async with store.database.reading() as session:
        run = await executions.node_run(session, execution_id, name)
    assert run is not None
    return run


async def test_a_whole_run_in_one_call(store: Store) -> None:
    run = await store.execution()
    nodes = [node(name, COMPLETED, inputs=[ONE_EMPTY_ITEM], outputs={"main": ONE_EMPTY_ITEM}) for name in "TAB"]
    await recording.record(
        store.database, run, nodes, ExecutionRecord(Status.COMPLETED, AT, outputs={"B": ONE_EMPTY_ITEM})
    )
    row = await execution(store, run)
    assert (row.status, row.finished_at, row.last_sequence) == ("COMPLETED", AT, 8)
    assert serial.read_optional(row.outputs, dict[str, Items]) == {"B": ONE_EMPTY_ITEM}
    assert await kinds(store, run) == [
        (1, "EXECUTION_STARTED", ""),
        (2, "NODE_STARTED", "T"),
        (3, "NODE_FINISHED", "T"),
        (4, "NODE_STARTED", "A"),
        (5, "NODE_FINISHED", "A"),
        (6, "NODE_STARTED", "B"),
        (7, "NODE_FINISHED", "B"),
        (8, "EXECUTION_FINISHED", ""),
    ]


async def test_the_same_records_again_change_no_event(store: Store) -> None:
    run = await store.execution()
    nodes = [node("A", RUNNING), node("A", COMPLETED, outputs={"main": ONE_EMPTY_ITEM})]
    end = ExecutionRecord(Status.FAILED, AT, RunError("X", "boom", "A"))
    await recording.record(store.database, run, nodes, end)
    before = await kinds(store, run)
    await recording.record(store.database, run, nodes, end)
    assert await kinds(store, run) == before
    assert (await execution(store, run)).status == "FAILED"


@pytest.mark.parametrize(
    ("records", "status", "attempt"),
    [
        ([node("A", RUNNING), node("A", COMPLETED)], "COMPLETED", 1),
        ([node("A", COMPLETED), node("A", RUNNING)], "COMPLETED", 1),
        ([node("A", RETRYING, 1), node("A", RUNNING, 2)], "RUNNING", 2),
        ([node("A", RUNNING, 2), node("A", RUNNING, 1)], "RUNNING", 2),
        ([node("A", RUNNING, 2), node("A", RETRYING, 1)], "RUNNING", 2),
        ([node("A", RUNNING), node("A", WAITING), node("A", COMPLETED)], "COMPLETED", 1),
        ([node("A", FAILED, 2), node("A", RUNNING, 3)], "FAILED", 2),
        ([node("A", CANCELED), node("A", COMPLETED)], "COMPLETED", 1),
        ([node("A", RETRYING, 2), node("A", COMPLETED, 3)], "COMPLETED", 3),
    ],
)
@pytest.mark.parametrize("calls", ["one", "each"])
async def test_what_a_node_run_comes_to(
    store: Store, records: list[NodeRecord], status: str, attempt: int, calls: str
) -> None:
    run = await store.execution()
    if calls == "one" and any(a.attempt > b.attempt for a, b in itertools.pairwise(records)):
        records = sorted(records, key=lambda record: record.attempt)
    for batch in [records] if calls == "one" else [[record] for record in records]:
        await recording.record(store.database, run, batch)
    found = await node_run(store, run)
    assert (found.status, found.attempt) == (status, attempt)
    assert (found.finished_at is not None) == (found.finished_sequence is not None) == NodeStatus(status).ended


async def test_a_later_record_keeps_what_it_does_not_set(store: Store) -> None:
    run = await store.execution()
    await recording.record(
        store.database, run, [node("A", RUNNING, started_at=AT, inputs=[ONE_EMPTY_ITEM], logs=["hello"])]
    )
    await recording.record(store.database, run, [node("A", COMPLETED, outputs={"main": ONE_EMPTY_ITEM})])
    found = await node_run(store, run)
    assert found.started_at == AT
    assert serial.read_optional(found.inputs, list[Items]) == [ONE_EMPTY_ITEM]
    assert serial.read_optional(found.outputs, dict[str, Items]) == {"main": ONE_EMPTY_ITEM}
    assert found.logs == '["hello"]'


async def test_failed_attempts_are_kept_once(store: Store) -> None:
    run = await store.execution()
    first = node("A", RETRYING, 1, failed_attempt=RunError("E", "no 1", attempt=1))
    second = node("A", RETRYING, 2, failed_attempt=RunError("E", "no 2", item=3, attempt=2))
    for batch in ([first], [first, second], [second, node("A", COMPLETED, 3)]):
        await recording.record(store.database, run, batch)
    async with store.database.reading() as session:
        found = await executions.attempts(session, run, [await node_run(store, run)])
    assert [(a.attempt, a.item, serial.read(a.error, RunError).message) for a in found["A", 0]] == [
        (1, -1, "no 1"),
        (2, 3, "no 2"),
    ]


@pytest.mark.parametrize(
    ("records", "status", "error"),
    [
        ([Status.COMPLETED, Status.RUNNING], "COMPLETED", None),
        ([Status.FAILED, Status.PAUSED], "FAILED", "FAILED"),
        ([Status.FAILED, Status.CANCELED], "CANCELED", "CANCELED"),
        ([Status.CANCELED, Status.COMPLETED], "COMPLETED", None),
        ([Status.PAUSED, Status.RUNNING], "RUNNING", None),
    ],
)
async def test_what_a_run_comes_to(store: Store, records: list[Status], status: str, error: str | None) -> None:
    run = await store.execution()
    for each in records:
        why = RunError(each.value, "") if each in (Status.FAILED, Status.CANCELED) else None
        await recording.record(store.database, run, [], ExecutionRecord(each, AT, why))
    row = await execution(store, run)
    found = serial.read_optional(row.error, RunError)
    assert (row.status, found.code if found else None) == (status, error)
    assert (row.finished_at is not None) == Status(status).ended


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELED, Status.TIMED_OUT])
async def test_a_run_that_ends_early_leaves_nothing_open(store: Store, status: Status) -> None:
    run = await store.execution()
    await recording.record(store.database, run, [node("A", COMPLETED), node("B", WAITING), node("C", RETRYING, 2)])
    await recording.record(store.database, run, [node("C", FAILED, 3), node("D", RUNNING)], ExecutionRecord(status, AT))
    async with store.database.reading() as session:
        rows = await executions.node_runs(session, run, limit=9)
    assert [(row.node, row.status) for row in rows] == [
        ("A", "COMPLETED"),
        ("B", "CANCELED"),
        ("C", "FAILED"),
        ("D", "CANCELED"),
    ]
    assert (await kinds(store, run))[-1][1] == "EXECUTION_FINISHED"
    assert all(row.finished_sequence and row.finished_at for row in rows)
    with pytest.raises(LookupError):
        await recording.record(store.database, "nowhere", [], ExecutionRecord(status, AT))


async def test_pause_and_resume_are_events(store: Store) -> None:
    run = await store.execution()
    await recording.record(store.database, run, [], ExecutionRecord(Status.RUNNING, AT))
    assert [kind for _, kind, _ in await kinds(store, run)] == ["EXECUTION_STARTED"]
    await recording.record(store.database, run, [], ExecutionRecord(Status.PAUSED, AT))
    assert [kind for _, kind, _ in await kinds(store, run)] == ["EXECUTION_STARTED", "EXECUTION_PAUSED"]
    await recording.record(store.database, run, [node("A", WAITING)], ExecutionRecord(Status.RUNNING, AT))
    assert [kind for _, kind, _ in await kinds(store, run)][1:] == [
        "NODE_STARTED",
        "NODE_WAITS",
        "EXECUTION_RESUMED",
    ]


async def test_a_run_without_a_row_is_named(store: Store) -> None:
    with pytest.raises(LookupError, match="nowhere"):
        await recording.record(store.database, "nowhere", [node("A", COMPLETED)])
    assert await store.count("node_runs") == 0


async def test_text_of_all_kinds_survives(store: Store) -> None:
    run = await store.execution()
    text = '[{"json":{"z":1,"a":12345678901234567890.123,"nul":"\\u0000","q":"\\"\\\\","e":"π🙂"}}]'
    items = Items((Part(1, len(text), 0, text),))
    error = RunError("X", 'line\nbreak \x00 "quoted" \\ π🙂', "Näme 🙂", item=0)
    await recording.record(
        store.database, run, [node("Näme 🙂", FAILED, outputs={"main": items}, error=error, logs=["\x00\n", ""])]
    )
    found = await node_run(store, run, "Näme 🙂")
    assert serial.read_optional(found.outputs, dict[str, Items]) == {"main": items}
    assert serial.read_optional(found.error, RunError) == error
    assert serial.read_optional(found.logs, list[str]) == ["\x00\n", ""]


async def test_payloads_that_records_refer_to_are_linked(store: Store) -> None:
    first, second = await store.execution(), await store.execution()
    (ref,) = await payloads.put(store.database, first, [b"[{}]"])
    items = Items((Part(1, 4, 0, None, ref),))
    missing = Items((Part(1, 4, 0, None, "0" * 64),))
    await recording.record(store.database, second, [node("A", COMPLETED, inputs=[items, missing])])
    await recording.record(store.database, second, [], ExecutionRecord(Status.COMPLETED, AT, outputs={"A": items}))
    assert await store.count("payload_links") == 2


async def test_sequences_grow_without_a_gap_in_what_watchers_have_seen(store: Store) -> None:
    """Whoever has read up to a sequence number never finds an earlier one later."""
    run = await store.execution()
    seen: list[int] = []
    done = asyncio.Event()

    async def write(writer: int) -> None:
        for index in range(25):
            records = [node(f"W{writer}", RUNNING, run_index=index), node(f"W{writer}", COMPLETED, run_index=index)]
            for batch in ([records[0]], [records[1]]) if index % 2 else (records,):
                await recording.record(store.database, run, batch)

    async def read() -> None:
        while True:
            last = done.is_set()
            seen.extend(sequence for sequence, _, _ in await kinds(store, run, seen[-1] if seen else 0))
            if last:
                return

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(writer) for writer in range(6)))
    done.set()
    await reader
    assert seen == sorted(set(seen))
    assert seen == [sequence for sequence, _, _ in await kinds(store, run)]
    assert len(seen) == 1 + 6 * 25 * 2


@pytest.mark.parametrize("parts", list(itertools.product([False, True], repeat=4)))
def test_statements_are_short_enough_for_psycopg_to_keep_them_as_read(parts: tuple[bool, bool, bool, bool]) -> None:
    assert len(recording._statement(*parts)) <= MAX_CACHED_STATEMENT_LENGTH


async def test_recording_five_nodes_takes_one_short_statement(store: Store) -> None:
    runs = [await store.execution() for _ in range(30)]
    nodes = [node(name, COMPLETED, inputs=[ONE_EMPTY_ITEM], outputs={"main": ONE_EMPTY_ITEM}) for name in "ABCDE"]
    times = []
    for run in runs:
        begun = time.perf_counter()
        await recording.record(store.database, run, nodes, ExecutionRecord(Status.COMPLETED, AT))
        times.append(time.perf_counter() - begun)
    assert sorted(times)[len(times) // 2] < 0.1

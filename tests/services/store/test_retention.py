"""Old runs go with all that belongs to them; what is young, open or held stays, and nobody waits."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from nodes.files.store import FileStore
from orchestrator.record import ExecutionRecord, Status
from services.store import payloads, recording, retention, retention_days
from services.store.retention import Old
from services.store.retention_days import Days
from services.usecases.retention import PARTS, Cleaner, Policy
from tests.services.conftest import Store

NOW = datetime.now(UTC)
# A row of every table that hangs on a run; %(id)s is the run.
BELONGINGS = (
    """INSERT INTO node_runs (execution_id, node, run_index, status, started_sequence, last_sequence)
       VALUES (%(id)s, 'A', 0, 'COMPLETED', 2, 2)""",
    """INSERT INTO node_attempts (execution_id, node, run_index, item, attempt, failed_at, error)
       VALUES (%(id)s, 'A', 0, 0, 1, now(), '{}')""",
    """INSERT INTO conversation_entries (execution_id, agent, run_index, item, position, body)
       VALUES (%(id)s, 'A', 0, 0, 0, '{}')""",
    "INSERT INTO checkpoints (execution_id, node, run_index, item, outputs) VALUES (%(id)s, 'A', 0, 0, '{}')",
    """INSERT INTO human_tasks (id, workspace, execution_id, node, title, status)
       VALUES (%(id)s, 'default', %(id)s, 'A', 't', 'ANSWERED')""",
    "INSERT INTO human_task_events (task_id, key, kind) VALUES (%(id)s, 'k', 'answered')",
    "INSERT INTO task_links (token_hash, task_id, recipient, code_hash) VALUES (%(id)s, %(id)s, 'r', 'c')",
    """INSERT INTO chat_turns (execution_id, workflow_id, session, message) VALUES (%(id)s, 'w', 's', 'm')""",
)
TABLES = (
    "workflow_executions",
    "node_runs",
    "node_attempts",
    "conversation_entries",
    "checkpoints",
    "human_tasks",
    "human_task_events",
    "task_links",
    "chat_turns",
    "payload_links",
    "payloads",
)


async def run(store: Store, days: float, status: Status | None = Status.COMPLETED) -> str:
    """A run that ended so many days ago, with something in every table; None leaves it running."""
    execution_id = await store.execution()
    await payloads.put(store.database, execution_id, [b"shared", execution_id.encode()])
    async with store.database.driver() as connection:
        for statement in BELONGINGS:
            await connection.execute(statement, {"id": execution_id})
    at = NOW - timedelta(days=days)
    if status:
        await recording.record(store.database, execution_id, [], ExecutionRecord(status, at))
    await execute(
        store,
        "UPDATE workflow_executions SET started_at = %s, finished_at = CASE WHEN finished_at IS NULL THEN NULL "
        "ELSE %s::timestamptz END WHERE id = %s",
        at,
        at,
        execution_id,
    )
    return execution_id


async def execute(store: Store, statement: str, *values: object) -> None:
    async with store.database.driver() as connection:
        await connection.execute(statement, values)


async def left(store: Store) -> set[str]:
    async with store.database.driver() as connection:
        return {row.id for row in await (await connection.execute("SELECT id FROM workflow_executions")).fetchall()}


async def test_everything_of_an_old_run_goes(store: Store, tmp_path: Path) -> None:
    files = FileStore(str(tmp_path))
    old = [await run(store, 40) for _ in range(3)]
    folder = tmp_path / "default" / "runs" / old[0]
    folder.mkdir(parents=True)
    (folder / "report.txt").write_text("x")
    before = {table: await store.count(table) for table in TABLES}
    assert before == dict.fromkeys(TABLES, 3) | {"payload_links": 6, "payloads": 4}
    removed = await Cleaner(store.database, files).clean(Policy(days=30))
    assert removed is not None
    assert removed.executions == 3
    assert {table: await store.count(table) for table in TABLES} == dict.fromkeys(TABLES, 0)
    assert not folder.exists()
    assert await store.count("workflow_versions") == 1


async def test_what_is_young_or_open_stays(store: Store) -> None:
    old, young, open_ = await run(store, 31), await run(store, 29), await run(store, 400, None)
    cleaner = Cleaner(store.database, FileStore(""))
    assert await cleaner.purge(NOW - timedelta(days=30), dry_run=True) == 1
    assert await left(store) == {old, young, open_}
    assert await cleaner.purge(NOW - timedelta(days=30)) == 1
    assert await left(store) == {young, open_}
    assert sorted(await payloads.get(store.database, await links(store, young))) == sorted([b"shared", young.encode()])


async def links(store: Store, execution_id: str) -> list[str]:
    async with store.database.driver() as connection:
        query = "SELECT sha256 FROM payload_links WHERE execution_id = %s"
        return [row.sha256 for row in await (await connection.execute(query, [execution_id])).fetchall()]


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (Policy(), {"done", "failed", "other"}),
        (Policy(days=30), set()),
        (Policy(days=30, failed_days=90), {"failed"}),
        (Policy(days=30, failed_days=0), {"failed"}),
        (Policy(days=0, failed_days=30), {"done", "other"}),
        (Policy(days=30, workspaces={"other": 0}), {"other"}),
        (Policy(days=0, workspaces={"other": 7}), {"done", "failed"}),
    ],
)
async def test_days_by_status_and_workspace(store: Store, policy: Policy, kept: set[str]) -> None:
    names = {await run(store, 60): "done", await run(store, 60, Status.FAILED): "failed", await run(store, 60): "other"}
    other = next(id_ for id_, name in names.items() if name == "other")
    await execute(store, "UPDATE workflow_executions SET workspace = 'other' WHERE id = %s", other)
    await Cleaner(store.database, FileStore("")).clean(policy)
    assert {names[id_] for id_ in await left(store)} == kept


@pytest.mark.parametrize(
    ("policy", "own", "kept"),
    [
        (Policy(), Days(days=30), set()),
        (Policy(), Days(days=30, failed_days=90), {"failed"}),
        (Policy(), Days(failed_days=30), {"done"}),
        (Policy(days=30), Days(days=90), set()),
        (Policy(days=90), Days(days=30, failed_days=0), {"failed"}),
        (Policy(workspaces={"default": 90}), Days(days=30), set()),
    ],
)
async def test_a_workspaces_own_days_are_kept_to_where_they_are_fewer(
    store: Store, policy: Policy, own: Days, kept: set[str]
) -> None:
    names = {await run(store, 60): "done", await run(store, 60, Status.FAILED): "failed"}
    async with store.database.transaction() as session:
        await retention_days.change(session, "default", own, "ada")
        await retention_days.change(session, "other", Days(1, 1), "bob")
    await Cleaner(store.database, FileStore("")).clean(policy)
    assert {names[id_] for id_ in await left(store)} == kept


@pytest.mark.parametrize(("days", "kept"), [(0, {1, 40, 100}), (90, {1, 40}), (30, {1})])
async def test_the_audit_log_is_kept_for_its_days(
    store: Store, monkeypatch: pytest.MonkeyPatch, days: int, kept: set[int]
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for age in (1, 40, 100):
        for workspace in ("", "a", "b"):
            for number in range(3):
                values = [f"{age} {workspace} {number}", NOW - timedelta(days=age), workspace]
                await execute(
                    store, "INSERT INTO audit_log (id, at, workspace, action) VALUES (%s, %s, %s, 'x')", *values
                )
    async with store.database.transaction() as session:
        await retention_days.set_audit(session, days, "settings")
    removed = await Cleaner(store.database, FileStore("")).clean(Policy())
    assert removed
    assert removed.audit_events == 9 * (3 - len(kept))
    async with store.database.driver() as connection:
        rows = await (await connection.execute("SELECT id FROM audit_log")).fetchall()
    assert {int(row.id.split()[0]) for row in rows} == kept
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        await execute(store, "DELETE FROM audit_log")


async def test_nobody_waits_for_a_run_that_is_held(store: Store) -> None:
    held, free = await run(store, 40), await run(store, 40)
    cleaner = Cleaner(store.database, FileStore(""))
    async with store.database.transaction() as session:
        connection = await session.connection()
        await connection.exec_driver_sql("SELECT 1 FROM workflow_executions WHERE id = %s FOR UPDATE", (held,))
        async with asyncio.timeout(30):
            assert await cleaner.purge(NOW - timedelta(days=30)) == 1
    assert await left(store) == {held}
    assert free not in await left(store)
    assert await cleaner.purge(NOW - timedelta(days=30)) == 1


async def test_one_cleans_at_a_time(store: Store) -> None:
    await run(store, 40)
    cleaner = Cleaner(store.database, FileStore(""))
    async with store.database.driver() as other:
        assert await retention.lead(other)
        assert await cleaner.clean(Policy(days=30)) is None
        await retention.yield_lead(other)
    removed = await cleaner.clean(Policy(days=30))
    assert removed is not None
    assert removed.executions == 1


async def test_orphans_and_what_is_over_go(store: Store) -> None:
    kept = await run(store, 1)
    await execute(store, "INSERT INTO payloads (sha256, size, body) VALUES ('f00d', 5, 'abcde')")
    await execute(store, "INSERT INTO users (id, email) VALUES ('u', 'u@example.org')")
    for name, age in (("old", "2 days"), ("new", "-1 day")):
        await execute(
            store,
            f"INSERT INTO sessions (id, user_id, expires_at) VALUES ('{name}', 'u', now() - interval '{age}')",
        )
        await execute(
            store,
            "INSERT INTO oidc_logins (state_sha256, redirect_uri, verifier, nonce, expires_at) "
            f"VALUES ('{name}', '', '', '', now() - interval '{age}')",
        )
        for token, used in (("fresh", "NULL"), ("used", "now() - interval '8 days'")):
            await execute(
                store,
                f"INSERT INTO refresh_tokens (sha256, session_id, used_at) VALUES ('{name} {token}', '{name}', {used})",
            )
    for key, age in (("old", "31 days"), ("new", "29 days")):
        await execute(
            store, f"INSERT INTO memory_writes (workspace, key, at) VALUES ('w', '{key}', now() - interval '{age}')"
        )
    removed = await Cleaner(store.database, FileStore("")).clean(Policy())
    assert removed is not None
    assert (removed.executions, removed.payloads, removed.payload_bytes) == (0, 1, 5)
    gone = {"sessions": 1, "refresh_tokens": 2, "oidc_logins": 1, "memory_writes": 1}
    assert {table: many for table, many in removed.rows.items() if many} == gone
    assert await store.count("refresh_tokens") == 1
    assert len(await payloads.get(store.database, await links(store, kept))) == 2


async def test_all_payloads_are_looked_through_in_a_day(store: Store) -> None:
    for number in range(256):
        await execute(
            store, "INSERT INTO payloads (sha256, size, body) VALUES (%s, 1, 'a')", f"{number:02x}" + "0" * 62
        )
    cleaner = Cleaner(store.database, FileStore(""))
    found = [await cleaner.clean(Policy(), part) for part in range(PARTS)]
    each = [one.payloads for one in found if one]
    assert (sum(each), max(each)) == (256, 11)
    assert await store.count("payloads") == 0


async def test_a_payload_that_is_being_linked_stays(store: Store) -> None:
    for _ in range(10):
        old, new = await run(store, 40), await store.execution()
        body = old.encode()

        async def purge() -> int:
            return await Cleaner(store.database, FileStore("")).purge(NOW - timedelta(days=30))

        refs, many = await asyncio.gather(payloads.put(store.database, new, [body]), purge())
        assert many == 1
        assert await payloads.get(store.database, refs) == [body]


async def test_pages_go_through_all(store: Store) -> None:
    ids = [await run(store, 40 + number) for number in range(5)]
    async with store.database.driver() as connection:
        old = Old("default", "COMPLETED", NOW - timedelta(days=30))
        seen, last = [], None
        while page := await retention.candidates(connection, old, last, 2):
            seen += [one.id for one in page]
            last = page[-1]
    assert seen == ids[::-1]

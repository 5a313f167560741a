"""Removes runs that ended long ago, and what nothing refers to any more, in small transactions that wait for nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.store.drivers import Driver

# Runs or rows in one transaction: some tens of milliseconds.
BATCH = 200
# What the advisory lock of the one process that cleans up is called.
_LEADER = 7_305_109_921_544_001
_PAYLOADS = 2_000

# One step of the index for each workspace, instead of a look at every run.
_WORKSPACES = """
WITH RECURSIVE found AS (
  (SELECT workspace FROM {table} ORDER BY workspace LIMIT 1)
  UNION ALL
  SELECT (SELECT workspace FROM {table} WHERE workspace > last.workspace ORDER BY workspace LIMIT 1)
  FROM found AS last WHERE last.workspace IS NOT NULL
)
SELECT workspace FROM found WHERE workspace IS NOT NULL"""
_DELETE_AUDIT = """
DELETE FROM audit_log WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM audit_log WHERE workspace = %s AND at < %s ORDER BY at, id LIMIT %s))"""

_OLD = """
FROM workflow_executions
WHERE workspace = %(workspace)s AND status = %(status)s AND started_at < %(before)s AND finished_at < %(before)s"""

_PAGE = f"""
SELECT id, started_at, version_id {_OLD} AND (started_at, id) > (%(at)s, %(id)s)
ORDER BY started_at, id LIMIT %(limit)s"""

# What somebody holds, such as a late writer, comes next time.
_HOLD = f"SELECT id {_OLD} AND id = ANY (%(ids)s::text[]) ORDER BY started_at, id FOR UPDATE SKIP LOCKED"

_UNLINK = "DELETE FROM payload_links WHERE execution_id = ANY (%s::text[]) RETURNING sha256"
_DELETE = "DELETE FROM workflow_executions WHERE id = ANY (%s::text[])"
_VERSIONS = """
DELETE FROM workflow_versions v WHERE id = ANY (%s::text[]) AND workflow_id IS NULL
  AND NOT EXISTS (SELECT FROM workflow_executions e WHERE e.version_id = v.id)"""

_UNLINKED = "NOT EXISTS (SELECT FROM payload_links l WHERE l.sha256 = p.sha256)"
# Whoever links a payload holds a lock on it: only with ours can be told that nobody does. So it is asked twice.
_HOLD_PAYLOADS = f"SELECT sha256 FROM payloads p WHERE sha256 = ANY (%s::text[]) AND {_UNLINKED} FOR UPDATE SKIP LOCKED"
_DELETE_PAYLOADS = f"DELETE FROM payloads p WHERE sha256 = ANY (%s::text[]) AND {_UNLINKED} RETURNING size"
_NEXT_PAYLOADS = "SELECT sha256 FROM payloads WHERE sha256 > %s AND sha256 < %s ORDER BY sha256 LIMIT %s"

# What is over by itself: the table, and which of its rows.
_OVER = {
    "refresh_tokens": "used_at < now() - interval '7 days'",
    "sessions": "expires_at < now() - interval '1 day' OR revoked_at < now() - interval '30 days'",
    "oidc_logins": "expires_at < now()",
    "oauth_authorizations": "expires_at < now()",
    "memory_values": "expires_at < now()",
    "memory_writes": "at < now() - interval '30 days'",
}


@dataclass(frozen=True)
class Old:
    """Which runs are old enough: those of a workspace that ended in one way before a time."""

    workspace: str
    status: str
    before: datetime


@dataclass(frozen=True)
class Candidate:
    """A run that may go; `started_at` and `id` are its place in the order."""

    id: str
    started_at: datetime
    version_id: str


async def workspaces(connection: Driver) -> list[str]:
    """Those that have runs."""
    return await _workspaces(connection, "workflow_executions")


async def audited_workspaces(connection: Driver) -> list[str]:
    """Those that the audit log tells of; an empty name is that of what is in none."""
    return await _workspaces(connection, "audit_log")


async def count(connection: Driver, old: Old) -> int:
    """How many runs are old enough."""
    row = await (await connection.execute(f"SELECT count(*) AS many {_OLD}", _values(old))).fetchone()
    return int(row.many) if row else 0


async def candidates(connection: Driver, old: Old, after: Candidate | None, limit: int = BATCH) -> list[Candidate]:
    """The next of the old runs, the oldest first."""
    place = {"at": after.started_at if after else "-infinity", "id": after.id if after else "", "limit": limit}
    rows = await (await connection.execute(_PAGE, _values(old) | place)).fetchall()
    return [Candidate(row.id, row.started_at, row.version_id) for row in rows]


async def delete(connection: Driver, old: Old, chosen: Sequence[Candidate]) -> int:
    """Removes the runs, with all that is recorded of them and the payloads that nobody else refers to; how many."""
    async with connection.transaction():
        held = await connection.execute(_HOLD, _values(old) | {"ids": [one.id for one in chosen]})
        ids = [row.id for row in await held.fetchall()]
        links = await connection.execute(_UNLINK, [ids])
        refs = sorted({row.sha256 for row in await links.fetchall()})
        await connection.execute(_DELETE, [ids])
        gone = set(ids)
        versions = sorted({one.version_id for one in chosen if one.id in gone})
        await connection.execute(_VERSIONS, [versions])
    await delete_unlinked(connection, refs)
    return len(ids)


async def delete_unlinked(connection: Driver, refs: Sequence[str]) -> tuple[int, int]:
    """Removes those of the payloads that no run refers to; how many, and their bytes."""
    if not refs:
        return 0, 0
    async with connection.transaction():
        held = [row.sha256 for row in await (await connection.execute(_HOLD_PAYLOADS, [list(refs)])).fetchall()]
        sizes = [row.size for row in await (await connection.execute(_DELETE_PAYLOADS, [held])).fetchall()]
    return len(sizes), sum(sizes)


async def payloads_between(connection: Driver, ref: str, end: str) -> list[str]:
    """The next payloads in the order of their hashes, up to an end."""
    return [row.sha256 for row in await (await connection.execute(_NEXT_PAYLOADS, [ref, end, _PAYLOADS])).fetchall()]


async def delete_over(connection: Driver, limit: int = BATCH) -> dict[str, int]:
    """Removes what is over by itself, such as sessions; how many rows of each table."""
    found: dict[str, int] = {}
    for table, condition in _OVER.items():
        chosen = f"SELECT ctid FROM {table} WHERE {condition} LIMIT {limit} FOR UPDATE SKIP LOCKED"
        while True:
            removed = (await connection.execute(f"DELETE FROM {table} WHERE ctid = ANY (ARRAY({chosen}))")).rowcount
            found[table] = found.get(table, 0) + removed
            if removed < limit:
                break
    return found


async def delete_audit(connection: Driver, workspace: str, before: datetime, limit: int = BATCH) -> int:
    """Removes what the audit log tells of a workspace from before a time; how many entries.

    The database refuses it for those that must be kept longer.
    """
    many = 0
    while True:
        removed = (await connection.execute(_DELETE_AUDIT, [workspace, before, limit])).rowcount
        many += removed
        if removed < limit:
            return many


async def lead(connection: Driver) -> bool:
    """Whether this connection is now the one that cleans up, until `yield_lead` or its end."""
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s) AS won", [_LEADER])).fetchone()
    return bool(row and row.won)


async def yield_lead(connection: Driver) -> None:
    """Lets another clean up."""
    await connection.execute("SELECT pg_advisory_unlock(%s)", [_LEADER])


async def _workspaces(connection: Driver, table: str) -> list[str]:
    rows = await (await connection.execute(_WORKSPACES.format(table=table))).fetchall()
    return [row.workspace for row in rows]


def _values(old: Old) -> dict[str, object]:
    return {"workspace": old.workspace, "status": old.status, "before": old.before}

"""Writes what happened in a run: one statement, however many node runs it tells of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from orchestrator.errors import RunError
from orchestrator.items import Items
from orchestrator.record import ExecutionRecord, NodeRecord, NodeStatus, Status
from services.errors import execution_not_found
from services.store import serial
from services.store.drivers import Driver
from services.store.engine import Database

CHANNEL = "execution_events"
PROGRESS = "execution_progress"
# Follows the execution's id in a notification that tells of the run itself, not of its nodes alone. What comes then is
# how the run stands, as JSON, so that who waits for its end needn't ask; nothing where that is too long.
OF_RUN = "!"
STANDING = ("status", "status_sequence", "status_at", "finished_at", "error", "last_sequence")

_OPEN = "('RUNNING', 'PAUSED')"
_NODE_ENDED = "('COMPLETED', 'FAILED', 'CANCELED')"

_NODES = """
input AS (
  SELECT * FROM json_to_recordset(%(nodes)s::json) AS n (
    node text, run_index int, status text, attempt int, started_at timestamptz, waiting_at timestamptz,
    finished_at timestamptz, inputs text, outputs text, error text, logs text, reused bool, cached bool,
    parent text, usage text, started int, waiting int, finished int)
),
nodes AS (
  INSERT INTO node_runs AS old (
    execution_id, node, run_index, status, attempt, started_at, waiting_at, finished_at, inputs, outputs, error,
    logs, reused, cached, parent, usage, started_sequence, waiting_sequence, finished_sequence, last_sequence)
  SELECT run.id, n.node, n.run_index, n.status, n.attempt, n.started_at, n.waiting_at, n.finished_at, n.inputs,
    n.outputs, n.error, n.logs, n.reused, n.cached, n.parent, n.usage, run.base + n.started, run.base + n.waiting,
    run.base + n.finished, run.base + greatest(n.started, n.waiting, n.finished)
  FROM run CROSS JOIN input n
  ON CONFLICT (execution_id, node, run_index) DO UPDATE SET
    (status, attempt, inputs, outputs, error, logs) = (
      SELECT CASE WHEN takes THEN excluded.status ELSE old.status END,
        CASE WHEN takes THEN excluded.attempt ELSE old.attempt END,
        CASE WHEN takes THEN coalesce(excluded.inputs, old.inputs) ELSE coalesce(old.inputs, excluded.inputs) END,
        CASE WHEN takes THEN coalesce(excluded.outputs, old.outputs) ELSE old.outputs END,
        CASE WHEN takes THEN excluded.error ELSE old.error END,
        CASE WHEN takes THEN coalesce(excluded.logs, old.logs) ELSE coalesce(old.logs, excluded.logs) END
      FROM (SELECT {takes} AS takes) AS new),
    started_at = coalesce(old.started_at, excluded.started_at),
    waiting_at = coalesce(old.waiting_at, excluded.waiting_at),
    finished_at = coalesce(excluded.finished_at, old.finished_at),
    reused = old.reused OR excluded.reused,
    cached = old.cached OR excluded.cached,
    usage = coalesce(excluded.usage, old.usage),
    waiting_sequence = coalesce(old.waiting_sequence, excluded.waiting_sequence),
    finished_sequence = coalesce(old.finished_sequence, excluded.finished_sequence),
    last_sequence = greatest(
      old.started_sequence,
      coalesce(old.waiting_sequence, excluded.waiting_sequence),
      coalesce(old.finished_sequence, excluded.finished_sequence))
)""".format(
    # A finished node run stays finished, and an earlier attempt's late word doesn't replace a later one's.
    takes=f"(excluded.status IN {_NODE_ENDED} OR (old.status NOT IN {_NODE_ENDED} AND excluded.attempt >= old.attempt))"
)

_ATTEMPTS = """
attempts AS (
  INSERT INTO node_attempts (execution_id, node, run_index, item, attempt, failed_at, error)
  SELECT run.id, a.* FROM run CROSS JOIN json_to_recordset(%(attempts)s::json) AS a (
    node text, run_index int, item int, attempt int, failed_at timestamptz, error text)
  ON CONFLICT DO NOTHING
)"""

_LINKS = """
links AS (
  INSERT INTO payload_links (execution_id, sha256)
  SELECT run.id, payload.sha256 FROM run JOIN payloads payload ON payload.sha256 = ANY (%(refs)s::text[])
  ON CONFLICT DO NOTHING
)"""

_LOCK = "SELECT id FROM workflow_executions WHERE id = %(id)s FOR NO KEY UPDATE"
_UNFINISHED = f"""
SELECT node, run_index, attempt FROM node_runs
WHERE execution_id = %(id)s AND status NOT IN {_NODE_ENDED} ORDER BY started_sequence"""

# An execution that has ended keeps its end, unless this record is one too.
_TAKES = f"(%(ends)s::bool OR status IN {_OPEN})"
_STATUS = f""",
    status = CASE WHEN {_TAKES} THEN %(status)s ELSE status END,
    status_sequence = CASE WHEN {_TAKES} AND status <> %(status)s THEN last_sequence + %(count)s
                           ELSE status_sequence END,
    status_at = CASE WHEN {_TAKES} AND status <> %(status)s THEN %(at)s ELSE status_at END,
    finished_at = CASE WHEN %(ends)s::bool THEN %(at)s ELSE finished_at END,
    error = CASE WHEN %(ends)s::bool THEN %(error)s ELSE error END,
    outputs = coalesce(%(outputs)s, outputs)"""

# The number of the latest change of status is that of this record only if it was one.
_TOLD = "status_sequence IS NOT DISTINCT FROM last_sequence AS changed, status, workflow_id, mode, started_at"


@dataclass(frozen=True)
class RunChange:
    """A run's new status, as it was just recorded."""

    execution_id: str
    workflow_id: str
    mode: str
    started_at: datetime
    status: Status
    at: datetime
    error: RunError | None = None


@dataclass(frozen=True)
class Recorded:
    """What came of a record: the run's new status if this changed it, and whether the run has ended.

    Only a record of the run itself is told of its end.
    """

    change: RunChange | None = None
    ended: bool = False


_STANDS = "json_build_object({})::text".format(", ".join(f"'{name}', {name}" for name in STANDING))
# PostgreSQL takes less than 8,000 bytes.
_NEWS = "CASE WHEN octet_length(stands) < 7500 THEN stands ELSE '' END"


@dataclass
class _NodeRow:
    """What one call says of one node run, its several records folded; sequences count from the run's latest."""

    record: NodeRecord
    started: int
    waiting: int | None = None
    finished: int | None = None


async def record(
    database: Database, execution_id: str, nodes: Sequence[NodeRecord], execution: ExecutionRecord | None = None
) -> Recorded:
    """Writes records and tells watchers; NotFound (a LookupError) if the run has no row.

    A run that ends without completing leaves no node run open: those that are become CANCELED.
    """
    if execution is None or not execution.status.ended or execution.status is Status.COMPLETED:
        async with database.driver() as connection:
            return await _write(connection, execution_id, nodes, execution)
    async with database.driver() as connection, connection.transaction():
        # Only a statement that begins after the lock is taken sees all that was written before.
        await connection.execute(_LOCK, {"id": execution_id})
        rows = await (await connection.execute(_UNFINISHED, {"id": execution_id})).fetchall()
        unfinished = {(row.node, row.run_index): row.attempt for row in rows}
        unfinished |= {(node.node, node.run_index): node.attempt for node in nodes}
        for ended in (node for node in nodes if node.status.ended):
            unfinished.pop((ended.node, ended.run_index), None)
        closed = [
            NodeRecord(name, run_index, NodeStatus.CANCELED, attempt, finished_at=execution.at)
            for (name, run_index), attempt in unfinished.items()
        ]
        return await _write(connection, execution_id, [*nodes, *closed], execution)


async def progress(database: Database, execution_id: str, node: str, run_index: int, text: str) -> None:
    """Tells watchers what a model is saying."""
    said = serial.write({"id": execution_id, "node": node, "run_index": run_index, "text": text})
    async with database.driver() as connection:
        await connection.execute("SELECT pg_notify(%s, %s)", [PROGRESS, said])


async def _write(
    connection: Driver,
    execution_id: str,
    nodes: Sequence[NodeRecord],
    execution: ExecutionRecord | None,
) -> Recorded:
    now = datetime.now(UTC)
    refs = _refs(nodes, execution)
    parameters: dict[str, Any] = {"id": execution_id, "count": 2 * len(nodes) + (execution is not None)}
    if nodes:
        # One JSON document: psycopg writes text arrays an order of magnitude slower.
        parameters["nodes"] = serial.write([_node_values(row, now) for row in _fold(nodes)])
    attempts = [_attempt_values(node, node.failed_attempt, now) for node in nodes if node.failed_attempt]
    if attempts:
        parameters["attempts"] = serial.write(attempts)
    if refs:
        parameters["refs"] = refs
    if execution is not None:
        parameters |= _execution_parameters(execution)
    statement = _statement(bool(nodes), bool(attempts), bool(refs), execution is not None)
    cursor = await connection.execute(statement, parameters)
    row = await cursor.fetchone()
    if row is None:
        raise execution_not_found(execution_id)
    if execution is None:
        return Recorded()
    ended = Status(row.status).ended
    if not row.changed:
        return Recorded(ended=ended)
    change = RunChange(
        execution_id, row.workflow_id or "", row.mode, row.started_at, execution.status, execution.at, execution.error
    )
    return Recorded(change, ended)


@lru_cache
def _statement(nodes: bool, attempts: bool, links: bool, execution: bool) -> str:
    ended = f", {_STANDS} AS stands, {_TOLD}" if execution else ""
    run = f"""run AS (
  UPDATE workflow_executions SET last_sequence = last_sequence + %(count)s{_STATUS if execution else ""}
  WHERE id = %(id)s RETURNING id, last_sequence - %(count)s AS base{ended}
)"""
    parts = [run, _NODES if nodes else "", _ATTEMPTS if attempts else "", _LINKS if links else ""]
    news = f"id || '{OF_RUN}' || {_NEWS}" if execution else "id"
    told = "changed, status, workflow_id, mode, started_at, " if execution else ""
    statement = f"WITH {','.join(filter(None, parts))}\nSELECT {told}base, pg_notify('{CHANNEL}', {news}) FROM run"
    # psycopg reads a statement of more than 4,096 characters anew each time.
    return " ".join(statement.split())


def _fold(nodes: Sequence[NodeRecord]) -> list[_NodeRow]:
    """One row a node run; an INSERT … ON CONFLICT can't touch a row twice."""
    rows: dict[tuple[str, int], _NodeRow] = {}
    for position, node in enumerate(nodes):
        row = rows.get((node.node, node.run_index))
        if row is None:
            row = rows[node.node, node.run_index] = _NodeRow(node, 2 * position + 1)
        else:
            row.record = _merge(row.record, node)
        if node.status is NodeStatus.WAITING:
            row.waiting = row.waiting or 2 * position + 2
        elif node.status.ended:
            row.finished = row.finished or 2 * position + 2
    return list(rows.values())


def _merge(old: NodeRecord, new: NodeRecord) -> NodeRecord:
    if old.status.ended and not new.status.ended:
        return old
    return NodeRecord(
        node=new.node,
        run_index=new.run_index,
        status=new.status,
        attempt=new.attempt,
        started_at=old.started_at or new.started_at,
        finished_at=new.finished_at or old.finished_at,
        inputs=old.inputs if new.inputs is None else new.inputs,
        outputs=old.outputs if new.outputs is None else new.outputs,
        error=new.error,
        logs=new.logs or old.logs,
        reused=old.reused or new.reused,
        cached=old.cached or new.cached,
        parent=new.parent or old.parent,
        usage=new.usage or old.usage,
    )


def _node_values(row: _NodeRow, now: datetime) -> dict[str, Any]:
    node = row.record
    return {
        "node": node.node,
        "run_index": node.run_index,
        "status": node.status,
        "attempt": node.attempt,
        "started_at": node.started_at or now,
        "waiting_at": now if row.waiting else None,
        "finished_at": node.finished_at or now if node.status.ended else None,
        "inputs": serial.write_optional(node.inputs),
        "outputs": serial.write_optional(node.outputs),
        "error": serial.write_optional(node.error),
        "logs": serial.write(node.logs) if node.logs else None,
        "reused": node.reused,
        "cached": node.cached,
        "parent": node.parent,
        "usage": serial.write_optional(node.usage),
        "started": row.started,
        "waiting": row.waiting,
        "finished": row.finished,
    }


def _attempt_values(node: NodeRecord, error: RunError, now: datetime) -> dict[str, Any]:
    return {
        "node": node.node,
        "run_index": node.run_index,
        "item": -1 if error.item is None else error.item,
        "attempt": error.attempt or node.attempt,
        "failed_at": node.finished_at or now,
        "error": serial.write(error),
    }


def _execution_parameters(execution: ExecutionRecord) -> dict[str, Any]:
    return {
        "status": execution.status.value,
        "ends": execution.status.ended,
        "at": execution.at,
        "error": serial.write_optional(execution.error),
        "outputs": serial.write_optional(execution.outputs),
    }


def _refs(nodes: Sequence[NodeRecord], execution: ExecutionRecord | None) -> list[str]:
    lists: list[Items] = []
    for node in nodes:
        lists += node.inputs or ()
        lists += (node.outputs or {}).values()
    if execution is not None:
        lists += (execution.outputs or {}).values()
    return payload_refs(lists)


def payload_refs(lists: Iterable[Items]) -> list[str]:
    """The payloads that lists of items lie in, each once and sorted, so that transactions lock in one order."""
    return sorted({part.ref for items in lists for part in items.parts if part.ref is not None})

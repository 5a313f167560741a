"""Runs: their rows, lists, histories and removal."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Select, func, select, tuple_, union_all, update
from sqlalchemy import delete as delete_from
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from orchestrator.items import Items
from orchestrator.record import NodeStatus, Status, Usage
from orchestrator.start import RunStart
from services.errors import execution_not_found, precondition, version_not_found, workflow_not_found
from services.store import payloads, serial
from services.store.audit import INSERT_FOR_RUN, Entry
from services.store.drivers import Driver
from services.store.limits import refusal
from services.store.recording import payload_refs
from services.store.tables import AttemptRow, ExecutionRow, NodeRunRow, VersionRow, WorkflowRow

# That of the event that a run was recorded.
FIRST_SEQUENCE = 1
_Query = TypeVar("_Query", bound=Select[Any])

_INSERT = """
INSERT INTO workflow_executions (
  id, workspace, workflow_id, version_id, workflow_name, version, mode, status, trigger, user_id, request_id,
  parent_execution_id, start, started_at, finished_at, outputs, last_sequence, status_sequence, status_at)
SELECT %(id)s, (SELECT workspace FROM workflow_versions WHERE id = %(version_id)s), %(workflow_id)s, %(version_id)s,
  %(workflow_name)s, %(version)s, %(mode)s, %(status)s, %(trigger)s, %(user_id)s, %(request_id)s,
  %(parent_execution_id)s, %(start)s, %(at)s, %(finished_at)s::timestamptz, %(outputs)s,
  %(last_sequence)s, %(status_sequence)s::bigint, %(finished_at)s::timestamptz
WHERE NOT %(latest)s OR EXISTS (
  SELECT FROM workflows WHERE id = %(workflow_id)s AND version_id = %(version_id)s AND deleted_at IS NULL
    AND (%(within)s::text IS NULL OR workspace = %(within)s::text))
ON CONFLICT DO NOTHING RETURNING id, workspace"""

_LINKED = """
body AS (
  INSERT INTO payloads (sha256, size, body)
  SELECT %(sha256)s, %(size)s, %(body)s FROM run WHERE %(sha256)s::text IS NOT NULL ON CONFLICT DO NOTHING
),
links AS (
  INSERT INTO payload_links (execution_id, sha256)
  SELECT run.id, ref FROM run, unnest(%(refs)s::text[]) AS ref
)"""
_AUDITED = f"told AS ({INSERT_FOR_RUN})"


_STARTABLE = """
SELECT w.version_id, w.workspace, v.id AS asked_id, e.id AS earlier_id
FROM workflows w
LEFT JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = %(version)s
LEFT JOIN workflow_executions e ON e.workflow_id = w.id AND e.request_id = %(request_id)s
WHERE w.id = %(id)s AND w.deleted_at IS NULL"""


@dataclass(frozen=True)
class NewExecution:
    """A run about to be recorded; `body` is the run's input where it is too large to lie in `start`."""

    start: RunStart
    at: datetime
    user_id: str = ""
    request_id: str = ""
    parent_execution_id: str = ""
    completed: bool = False
    body: bytes | None = None
    body_ref: str | None = None
    # Who had it begun, where that was somebody's call.
    audit: Entry | None = None


@dataclass(frozen=True)
class Filters:
    """Which runs a list shows."""

    workspace: str | None = None
    workflow_id: str = ""
    statuses: Sequence[Status] = field(default=())
    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True)
class RecordedOutput:
    """How one run of a node stands, and what it emitted by port."""

    status: NodeStatus
    outputs: dict[str, Items] | None


@dataclass(frozen=True)
class Startable:
    """What a request to run a workflow comes to."""

    version_id: str
    workspace: str
    earlier_execution_id: str | None


async def insert(connection: Driver, new: NewExecution, *, latest: bool = False, within: str | None = None) -> bool:
    """Records a run in one statement; False if its id or its request id is taken, RateLimited if it is one too many.

    `latest`: also False unless its version is the latest of a workflow that isn't deleted, of any workspace or of the
    one that it must be within.
    """
    start = new.start
    values: dict[str, Any] = {
        "latest": latest,
        "within": within,
        "id": start.execution_id,
        "workflow_id": start.workflow_id or None,
        "version_id": start.version_id,
        "workflow_name": start.workflow_name,
        "version": start.version,
        "mode": start.mode,
        "status": Status.COMPLETED.value if new.completed else Status.RUNNING.value,
        "trigger": start.begin,
        "user_id": new.user_id,
        "request_id": new.request_id or None,
        "parent_execution_id": new.parent_execution_id,
        "start": None if new.completed else serial.write(replace(start, plan=None)),
        "at": new.at,
        "finished_at": new.at if new.completed else None,
        "outputs": "{}" if new.completed else None,
        "last_sequence": FIRST_SEQUENCE + new.completed,
        "status_sequence": 2 if new.completed else None,
    }
    refs = payload_refs(_lists(start))
    parts = [f"run AS ({_INSERT})"]
    if refs:
        parts.append(_LINKED)
        size = None if new.body is None else len(new.body)
        values |= {"refs": refs, "sha256": new.body_ref, "size": size, "body": new.body}
    if new.audit is not None:
        parts.append(_AUDITED)
        values |= new.audit.parameters()
    statement = f"WITH {', '.join(parts)} SELECT id FROM run" if len(parts) > 1 else _INSERT
    try:
        return await (await connection.execute(statement, values)).fetchone() is not None
    except psycopg.Error as error:
        raise refusal(error) or error from None


async def startable(
    connection: Driver, workflow_id: str, version: int, request_id: str, within: str | None = None
) -> Startable:
    """Which version a request asks for, and the run that an earlier request with the same id began."""
    values = {"id": workflow_id, "version": version, "request_id": request_id}
    row = await (await connection.execute(_STARTABLE, values)).fetchone()
    if row is None or not _visible(row, within):
        raise workflow_not_found(workflow_id)
    version_id = row.asked_id if version else row.version_id
    if version_id is None:
        raise version_not_found(workflow_id, version)
    return Startable(version_id, row.workspace, row.earlier_id)


async def get(session: AsyncSession, execution_id: str, within: str | None = None) -> ExecutionRow:
    """One run, of any workspace or of the one that it must be within."""
    row = await find(session, execution_id)
    if row is None or not _visible(row, within):
        raise execution_not_found(execution_id)
    return row


_BRIEF = ", ".join(key for key in ExecutionRow.__table__.c.keys() if key not in ("start", "outputs"))  # noqa: SIM118


async def get_brief(connection: Driver, execution_id: str, within: str | None = None) -> ExecutionRow:
    """One run without its data; read without the ORM's machinery, as watchers ask for it at every step."""
    cursor = await connection.execute(f"SELECT {_BRIEF} FROM workflow_executions WHERE id = %s", [execution_id])
    row = await cursor.fetchone()
    if row is None or not _visible(row, within):
        raise execution_not_found(execution_id)
    return ExecutionRow(**row._asdict())


async def usage(connection: Driver, execution_id: str) -> Sequence[Usage]:
    """What a run's model calls used, summed by provider and model, in the order in which they were first called."""
    cursor = await connection.execute(
        "SELECT usage FROM node_runs WHERE execution_id = %s AND usage IS NOT NULL ORDER BY started_sequence",
        [execution_id],
    )
    sums: dict[tuple[str, str], Usage] = {}
    for row in await cursor.fetchall():
        one = serial.read(row.usage, Usage)
        known = sums.get((one.provider, one.model), Usage(one.provider, one.model))
        sums[one.provider, one.model] = Usage(
            one.provider,
            one.model,
            known.input_tokens + one.input_tokens,
            known.output_tokens + one.output_tokens,
            known.cost_usd + one.cost_usd,
        )
    return list(sums.values())


async def find(session: AsyncSession, execution_id: str) -> ExecutionRow | None:
    """One run, or None."""
    return await session.scalar(select(ExecutionRow).where(ExecutionRow.id == execution_id))


async def ends(session: AsyncSession, execution_ids: Sequence[str]) -> dict[str, datetime | None]:
    """When runs ended, None for those that are open, of those that are on record."""
    query = select(ExecutionRow.id, ExecutionRow.finished_at).where(ExecutionRow.id.in_(execution_ids))
    return {row.id: row.finished_at for row in await session.execute(query)}


async def reopen(session: AsyncSession, execution_id: str) -> None:
    """Makes a run that was never started a running one again."""
    await session.execute(
        update(ExecutionRow)
        .where(ExecutionRow.id == execution_id)
        .values(status=Status.RUNNING.value, error=None, finished_at=None, status_sequence=None, status_at=None)
    )


async def locked_sequence(session: AsyncSession, execution_id: str) -> int:
    """The number of the run's latest event, which nobody adds to until the session ends; 0 without a record."""
    query = select(ExecutionRow.last_sequence).where(ExecutionRow.id == execution_id)
    return await session.scalar(query.with_for_update()) or 0


async def discard(session: AsyncSession, execution_id: str) -> None:
    """Removes a run that was never started."""
    await payloads.unlink(session, execution_id)
    await session.execute(delete_from(ExecutionRow).where(ExecutionRow.id == execution_id))


async def listed(
    session: AsyncSession, filters: Filters, limit: int, after: tuple[datetime, str] | None
) -> Sequence[ExecutionRow]:
    """Runs without their data, the latest first, that come after a place in the list."""
    query = select(ExecutionRow).options(defer(ExecutionRow.start), defer(ExecutionRow.outputs))
    if filters.workspace is None and not filters.workflow_id:
        if filters.statuses:
            query = query.where(ExecutionRow.status.in_([status.value for status in filters.statuses]))
        query = _page(query, filters, limit, after)
    else:
        # The indices have the status before the time: the latest of each status, then the latest of these.
        each = [
            _page(select(ExecutionRow.id).where(ExecutionRow.status == status.value), filters, limit, after)
            for status in dict.fromkeys(filters.statuses or Status)
        ]
        query = query.where(ExecutionRow.id.in_(union_all(*each)))
        query = query.order_by(ExecutionRow.started_at.desc(), ExecutionRow.id.desc()).limit(limit)
    return (await session.scalars(query)).all()


async def unbegun(
    session: AsyncSession, waited: timedelta, limit: int, after: tuple[datetime, str] | None
) -> Sequence[ExecutionRow]:
    """Open runs of which nothing is told but that they were recorded, so long ago; the oldest first, from a place on.

    The age is by PostgreSQL's clock.
    """
    query = select(ExecutionRow).options(defer(ExecutionRow.start), defer(ExecutionRow.outputs))
    query = query.where(
        # The first is the condition of the index of open runs, the second what it is ordered by.
        ExecutionRow.status.in_((Status.RUNNING.value, Status.PAUSED.value)),
        ExecutionRow.started_at < func.now() - waited,
        ExecutionRow.last_sequence <= FIRST_SEQUENCE,
    )
    if after is not None:
        query = query.where(tuple_(ExecutionRow.started_at, ExecutionRow.id) > after)
    return (await session.scalars(query.order_by(ExecutionRow.started_at, ExecutionRow.id).limit(limit))).all()


def _page(query: _Query, filters: Filters, limit: int, after: tuple[datetime, str] | None) -> _Query:
    if filters.workflow_id:
        query = query.where(ExecutionRow.workflow_id == filters.workflow_id)
        if filters.workspace is not None:
            # A workflow's runs are of its workspace: one look at the workflow, instead of one at each run.
            own = select(WorkflowRow.id).where(
                WorkflowRow.id == filters.workflow_id, WorkflowRow.workspace == filters.workspace
            )
            query = query.where(own.exists())
    elif filters.workspace is not None:
        query = query.where(ExecutionRow.workspace == filters.workspace)
    if filters.after is not None:
        query = query.where(ExecutionRow.started_at > filters.after)
    if filters.before is not None:
        query = query.where(ExecutionRow.started_at < filters.before)
    if after is not None:
        query = query.where(tuple_(ExecutionRow.started_at, ExecutionRow.id) < after)
    return query.order_by(ExecutionRow.started_at.desc(), ExecutionRow.id.desc()).limit(limit)


async def node_runs(
    session: AsyncSession, execution_id: str, *, node: str = "", limit: int, after: int | None = None
) -> Sequence[NodeRunRow]:
    """A run's node runs in the order they began; `after` is a `started_sequence`."""
    query = select(NodeRunRow).where(NodeRunRow.execution_id == execution_id)
    if node:
        query = query.where(NodeRunRow.node == node)
    if after is not None:
        query = query.where(NodeRunRow.started_sequence > after)
    return (await session.scalars(query.order_by(NodeRunRow.started_sequence).limit(limit))).all()


async def node_run(session: AsyncSession, execution_id: str, node: str) -> NodeRunRow | None:
    """A node's latest run."""
    query = select(NodeRunRow).where(NodeRunRow.execution_id == execution_id, NodeRunRow.node == node)
    return await session.scalar(query.order_by(NodeRunRow.run_index.desc()).limit(1))


async def attempts(
    session: AsyncSession, execution_id: str, rows: Sequence[NodeRunRow]
) -> dict[tuple[str, int], list[AttemptRow]]:
    """The failed attempts at some node runs, by node and run index, in the order they failed."""
    found: dict[tuple[str, int], list[AttemptRow]] = {}
    keys = [(row.node, row.run_index) for row in rows]
    if keys:
        query = select(AttemptRow).where(
            AttemptRow.execution_id == execution_id, tuple_(AttemptRow.node, AttemptRow.run_index).in_(keys)
        )
        for row in await session.scalars(query.order_by(AttemptRow.failed_at, AttemptRow.attempt)):
            found.setdefault((row.node, row.run_index), []).append(row)
    return found


async def recorded_outputs(
    session: AsyncSession, execution_id: str, nodes: Sequence[str]
) -> dict[str, list[RecordedOutput]]:
    """What nodes emitted in each of their runs, by node."""
    query = select(NodeRunRow.node, NodeRunRow.status, NodeRunRow.outputs).where(
        NodeRunRow.execution_id == execution_id, NodeRunRow.node.in_(nodes)
    )
    found: dict[str, list[RecordedOutput]] = {}
    for row in await session.execute(query.order_by(NodeRunRow.node, NodeRunRow.run_index)):
        outputs = serial.read_optional(row.outputs, dict[str, Items])
        found.setdefault(row.node, []).append(RecordedOutput(NodeStatus(row.status), outputs))
    return found


async def delete(session: AsyncSession, execution_id: str, within: str | None = None) -> None:
    """Removes a run that has ended, with everything recorded of it and the payloads nobody else refers to."""
    query = select(ExecutionRow).where(ExecutionRow.id == execution_id)
    row = await session.scalar(query.with_for_update())
    if row is None or not _visible(row, within):
        raise execution_not_found(execution_id)
    if not Status(row.status).ended:
        raise precondition("EXECUTION_NOT_ENDED", f"the execution is {row.status}; cancel it before deleting it")
    await discard(session, execution_id)
    others = select(ExecutionRow.id).where(ExecutionRow.version_id == VersionRow.id)
    unsaved = VersionRow.workflow_id.is_(None)
    await session.execute(
        delete_from(VersionRow).where(VersionRow.id == row.version_id, unsaved, ~others.exists()),
        execution_options={"synchronize_session": False},
    )


def _visible(row: Any, within: str | None) -> bool:
    return within is None or row.workspace == within


def _lists(start: RunStart) -> list[Items]:
    lists = [start.input]
    for ports in start.reused.values():
        lists += ports.values()
    for inputs in start.inputs.values():
        lists += inputs
    return lists

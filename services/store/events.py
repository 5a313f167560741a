"""The events of a run's life, derived from the sequence numbers that its rows hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

PAGE = 1000


class EventKind(StrEnum):
    """What happened."""

    EXECUTION_STARTED = "EXECUTION_STARTED"
    EXECUTION_PAUSED = "EXECUTION_PAUSED"
    EXECUTION_RESUMED = "EXECUTION_RESUMED"
    EXECUTION_FINISHED = "EXECUTION_FINISHED"
    NODE_STARTED = "NODE_STARTED"
    NODE_WAITS = "NODE_WAITS"
    NODE_FINISHED = "NODE_FINISHED"


@dataclass(frozen=True)
class NodeRunState:
    """A node run without its items, as it stands now."""

    node: str
    run_index: int
    status: str
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    logs: str | None
    reused: bool


@dataclass(frozen=True)
class Event:
    """One step: `node_run` on node events."""

    sequence: int
    kind: EventKind
    at: datetime
    node_run: NodeRunState | None = None


_SELECT = f"""
SELECT e.sequence, e.kind, e.at, r.node, r.run_index, r.status, r.attempt, r.started_at, r.finished_at, r.error,
  r.logs, r.reused
FROM node_runs r CROSS JOIN LATERAL (VALUES
  (r.started_sequence, 'NODE_STARTED', r.started_at),
  (r.waiting_sequence, 'NODE_WAITS', r.waiting_at),
  (r.finished_sequence, 'NODE_FINISHED', r.finished_at)) AS e (sequence, kind, at)
WHERE r.execution_id = %(id)s AND r.last_sequence > %(after)s AND e.sequence > %(after)s
UNION ALL
SELECT e.sequence, e.kind, e.at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM workflow_executions x CROSS JOIN LATERAL (VALUES
  (1, 'EXECUTION_STARTED', x.started_at),
  (x.status_sequence, CASE x.status WHEN 'PAUSED' THEN 'EXECUTION_PAUSED' WHEN 'RUNNING' THEN 'EXECUTION_RESUMED'
                      ELSE 'EXECUTION_FINISHED' END, x.status_at)) AS e (sequence, kind, at)
WHERE x.id = %(id)s AND e.sequence > %(after)s
ORDER BY sequence LIMIT {PAGE}"""


async def after(session: AsyncSession, execution_id: str, sequence: int) -> Sequence[Event]:
    """The events that follow a sequence number, at most PAGE of them, in order."""
    connection = await session.connection()
    rows = (await connection.exec_driver_sql(_SELECT, {"id": execution_id, "after": sequence})).all()
    return [
        Event(row.sequence, EventKind(row.kind), row.at, None if row.node is None else NodeRunState(*tuple(row)[3:]))
        for row in rows
    ]

"""The events of a run's life, derived from the sequence numbers that its rows hold."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from services.store.drivers import Driver
from services.store.executions import get_brief
from services.store.listen import Standing
from services.store.recording import STANDING
from services.store.tables import ExecutionRow

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
    NODE_PROGRESS = "NODE_PROGRESS"


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
    cached: bool
    parent: str = ""
    usage: str | None = None


@dataclass(frozen=True)
class Event:
    """One step: `node_run` on node events, `text` on those of progress, which have no sequence number."""

    sequence: int
    kind: EventKind
    at: datetime
    node_run: NodeRunState | None = None
    text: str = ""


@dataclass(frozen=True)
class News:
    """A run as it stands without its data, and what happened in it; `more` says that a page wasn't enough."""

    row: ExecutionRow
    events: Sequence[Event]
    more: bool


ALL = frozenset(EventKind) - {EventKind.NODE_PROGRESS}
OF_NODES = frozenset({EventKind.NODE_STARTED, EventKind.NODE_WAITS, EventKind.NODE_FINISHED})
_BY_STATUS = {"PAUSED": EventKind.EXECUTION_PAUSED, "RUNNING": EventKind.EXECUTION_RESUMED}
_SELECT = f"""
SELECT e.sequence, e.kind, e.at, r.node, r.run_index, r.status, r.attempt, r.started_at, r.finished_at, r.error,
  r.logs, r.reused, r.cached, r.parent, r.usage
FROM node_runs r CROSS JOIN LATERAL (VALUES
  (r.started_sequence, 'NODE_STARTED', r.started_at),
  (r.waiting_sequence, 'NODE_WAITS', r.waiting_at),
  (r.finished_sequence, 'NODE_FINISHED', r.finished_at)) AS e (sequence, kind, at)
WHERE r.execution_id = %(id)s AND r.last_sequence > %(after)s
  AND e.sequence > %(after)s AND e.sequence <= %(upto)s AND e.kind = ANY (%(kinds)s)
ORDER BY sequence LIMIT {PAGE}"""


async def after(
    connection: Driver, execution_id: str, sequence: int, kinds: Set[EventKind] = ALL, within: str | None = None
) -> News:
    """The events that follow a sequence number, about PAGE of them, in order.

    The row is read first and says how far the events go: so none is passed over that is committed meanwhile.
    """
    row = await get_brief(connection, execution_id, within)
    found = [event for event in _of_execution(row) if event.sequence > sequence and event.kind in kinds]
    wanted = kinds & OF_NODES
    if not wanted or row.last_sequence <= sequence:
        return News(row, found, more=False)
    values = {"id": execution_id, "after": sequence, "upto": row.last_sequence, "kinds": sorted(wanted)}
    rows = await (await connection.execute(_SELECT, values)).fetchall()
    more = len(rows) == PAGE
    upto = rows[-1].sequence if more else row.last_sequence
    found = [event for event in found if event.sequence <= upto]
    found += (Event(node.sequence, EventKind(node.kind), node.at, NodeRunState(*tuple(node)[3:])) for node in rows)
    return News(row, sorted(found, key=lambda event: event.sequence), more)


def told(row: ExecutionRow, standing: Standing, sequence: int, kinds: Set[EventKind]) -> News:
    """What follows a sequence number of the run's own events; `row` is brought up to what a notification says."""
    if standing.last_sequence > row.last_sequence:
        for name in STANDING:
            setattr(row, name, getattr(standing, name))
    events = [event for event in _of_execution(row) if event.sequence > sequence and event.kind in kinds]
    return News(row, events, more=False)


def progress(node: str, run_index: int, text: str) -> Event:
    """A model is saying something."""
    now = datetime.now(UTC)
    state = NodeRunState(node, run_index, "RUNNING", 1, None, None, None, None, reused=False, cached=False)
    return Event(0, EventKind.NODE_PROGRESS, now, state, text)


def _of_execution(row: ExecutionRow) -> Iterator[Event]:
    yield Event(1, EventKind.EXECUTION_STARTED, row.started_at)
    if row.status_sequence is not None and row.status_at is not None:
        kind = _BY_STATUS.get(row.status, EventKind.EXECUTION_FINISHED)
        yield Event(row.status_sequence, kind, row.status_at)

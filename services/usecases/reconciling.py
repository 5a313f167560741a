"""Asks Temporal about runs that the store has as open: an operator may have ended them there."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from orchestrator.record import ExecutionRecord, Status
from services.observability.telemetry import Telemetry
from services.store import executions, recording
from services.store.engine import Database
from services.store.tables import ExecutionRow
from services.usecases.backend import Runs
from temporal.client import Ended

# A run is recorded before Temporal hears of it: for so long it is not lost but about to begin.
BEGINNING = timedelta(seconds=15)
_LOST = "RUN_LOST"
_MOST_UNBEGUN = 100

_log = structlog.get_logger(__name__)


class Books(Protocol):
    """Where runs are recorded, and where they run."""

    @property
    def database(self) -> Database:
        """The records."""

    @property
    def runs(self) -> Runs:
        """Temporal's side."""

    @property
    def telemetry(self) -> Telemetry:
        """Who is told of ends."""


async def reconcile(backend: Books, rows: Sequence[ExecutionRow]) -> bool:
    """Writes down the ends of those runs that only Temporal knows of; whether there were any."""
    still_open = [row for row in rows if not Status(row.status).ended]
    if not still_open:
        return False
    ended = await backend.runs.ended([row.id for row in still_open])
    mended = False
    for row in still_open:
        if row.id in ended:
            mended = await _mend(backend, row, ended[row.id]) or mended
    return mended


class Unbegun:
    """Finds runs that were recorded and never began: whoever was to start them died, or was cancelled just then."""

    def __init__(self, backend: Books) -> None:
        self._backend = backend
        self._after: tuple[datetime, str] | None = None

    async def settle(self) -> None:
        """Looks at some of them, and the next time at the next: many may be waiting for workers."""
        async with self._backend.database.reading() as session:
            rows = await executions.unbegun(session, BEGINNING, _MOST_UNBEGUN, self._after)
        self._after = (rows[-1].started_at, rows[-1].id) if len(rows) == _MOST_UNBEGUN else None
        await reconcile(self._backend, rows)


async def _mend(backend: Books, row: ExecutionRow, ended: Ended) -> bool:
    lost = ended.error is not None and ended.error.code == _LOST
    if lost and row.last_sequence <= 1 and datetime.now(UTC) - row.started_at < BEGINNING:
        return False
    async with backend.database.reading() as session:
        # The run's own last record may have been committed after the row was read.
        current = await executions.get(session, row.id)
        if Status(current.status).ended:
            return True
    record = ExecutionRecord(ended.status, ended.at, ended.error)
    backend.telemetry.run_changed((await recording.record(backend.database, row.id, [], record)).change)
    _log.warning("end of run taken from Temporal", execution_id=row.id, status=ended.status.value)
    return True

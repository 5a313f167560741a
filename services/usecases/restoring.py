"""Brings the records and Temporal together again after one of them was restored from an older backup."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from orchestrator.record import Status
from services.observability.telemetry import Telemetry
from services.store import executions
from services.store.engine import Database
from services.store.executions import Filters
from services.store.triggers import activations
from services.usecases.reconciling import BEGINNING, reconcile
from temporal.client import Runs

_PAGE = 200
_OPEN = (Status.RUNNING, Status.PAUSED)
# A run's end is recorded before Temporal closes it: for so long that is no contradiction.
SETTLING = timedelta(minutes=5)
_REASON = "restored: the database {}"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ledger:
    """The records and Temporal's side of them."""

    database: Database
    runs: Runs
    telemetry: Telemetry = field(default_factory=Telemetry)


@dataclass(frozen=True)
class Differences:
    """What the two sides disagreed on, by ids of runs; `triggers` is how many are told to Temporal anew."""

    # Open on record, over or unknown in Temporal: the records get their ends.
    closed: Sequence[str]
    # Running in Temporal, without a record: terminated.
    unknown: Sequence[str]
    # Running in Temporal, over on record: terminated.
    repeated: Sequence[str]
    triggers: int


async def restore_agreement(ledger: Ledger, *, dry_run: bool = False, settling: timedelta = SETTLING) -> Differences:
    """Closes records whose runs are gone, terminates runs that aren't open on record, has triggers settled anew."""
    unknown, repeated = await _strays(ledger, settling)
    closed = [id_ async for id_ in _close(ledger, dry_run)]
    if not dry_run:
        for ids, said in ((unknown, "doesn't know this run"), (repeated, "says that this run has ended")):
            for execution_id in ids:
                await ledger.runs.terminate(execution_id, _REASON.format(said))
                _log.warning("run terminated", execution_id=execution_id, reason=_REASON.format(said))
    async with ledger.database.transaction() as session:
        triggers = await activations.unsettle_all(session, dry_run=dry_run)
    return Differences(closed, unknown, repeated, triggers)


async def _strays(ledger: Ledger, settling: timedelta) -> tuple[list[str], list[str]]:
    """Runs in Temporal without a record, and with one that ended; Temporal is asked first, as records come first."""
    unknown: list[str] = []
    repeated: list[str] = []
    async for ids in _pages(ledger.runs.running()):
        async with ledger.database.reading() as session:
            ends = await executions.ends(session, ids)
        before = datetime.now(UTC) - settling
        unknown += [id_ for id_ in ids if id_ not in ends]
        repeated += [id_ for id_ in ids if (at := ends.get(id_)) is not None and at < before]
    return unknown, repeated


async def _close(ledger: Ledger, dry_run: bool) -> AsyncIterator[str]:
    after = None
    while True:
        async with ledger.database.reading() as session:
            rows = await executions.listed(session, Filters(statuses=_OPEN), _PAGE, after)
        if not rows:
            return
        after = rows[-1].started_at, rows[-1].id
        old = [row for row in rows if row.last_sequence > 1 or datetime.now(UTC) - row.started_at > BEGINNING]
        for execution_id in await ledger.runs.ended([row.id for row in old]):
            yield execution_id
        if not dry_run:
            await reconcile(ledger, old)


async def _pages(ids: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    page: list[str] = []
    async for one in ids:
        page.append(one)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page

"""How long runs are kept, and the cleaning that holds to it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from nodes.errors import NodeError
from nodes.files.store import FileStore
from orchestrator.record import Status
from services.store import retention, retention_days
from services.store.drivers import Driver
from services.store.engine import Database
from services.store.retention import Candidate, Old
from services.store.retention_days import Days

ENDED = tuple(status for status in Status if status.ended)
# Parts of the payloads, one for each hour of a day.
PARTS = 24
# Behind every hash.
_END = "g"
NOTHING_WANTED = Days()
# Runs whose files are deleted at a time.
_FILES_AT_ONCE = 8

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Policy:
    """For how many days ended runs are kept, by how they ended and by workspace; 0 is for ever."""

    days: int = 0
    failed_days: int | None = None
    workspaces: Mapping[str, int] = field(default_factory=dict)

    def of(self, workspace: str, status: Status, own: Days = NOTHING_WANTED) -> int:
        """The days for a workspace's runs that ended so; the shorter of these and of its own."""
        completed = status is Status.COMPLETED
        everybodys = Days(self.days, self.failed_days)
        operators = self.workspaces.get(workspace, everybodys.of(completed=completed))
        return min((days for days in (operators, own.of(completed=completed)) if days), default=0)


@dataclass
class Removed:
    """What a cleaning removed."""

    executions: int = 0
    payloads: int = 0
    payload_bytes: int = 0
    audit_events: int = 0
    rows: dict[str, int] = field(default_factory=dict)


class Cleaner:
    """Removes what has been kept for long enough; what stops half way goes on the next time."""

    def __init__(self, database: Database, files: FileStore) -> None:
        self._database = database
        self._files = files

    async def clean(self, policy: Policy, part: int | None = None) -> Removed | None:
        """One round by the policy; None while another process is at it.

        With a `part`, from 0 to `PARTS`, only so much of the payloads is looked through for those without a run.
        """
        async with self._database.driver() as connection:
            if not await retention.lead(connection):
                return None
            try:
                removed = Removed()
                now = datetime.now(UTC)
                wanted = await retention_days.wanted(connection)
                for workspace in await retention.workspaces(connection):
                    for status in ENDED:
                        days = policy.of(workspace, status, wanted.get(workspace, NOTHING_WANTED))
                        if days:
                            old = Old(workspace, status.value, now - timedelta(days=days))
                            removed.executions += await self._delete(connection, old)
                removed.audit_events = await _forget_audit(connection, now)
                await self._sweep(connection, removed, *_range(part))
                return removed
            finally:
                await retention.yield_lead(connection)

    async def purge(
        self, before: datetime, statuses: Sequence[Status] = ENDED, workspace: str = "", *, dry_run: bool = False
    ) -> int:
        """Removes the runs that ended before a time, whatever the policy says; how many (would go)."""
        many = 0
        async with self._database.driver() as connection:
            for name in [workspace] if workspace else await retention.workspaces(connection):
                for status in statuses:
                    old = Old(name, status.value, before)
                    many += await (retention.count(connection, old) if dry_run else self._delete(connection, old))
        return many

    async def _delete(self, connection: Driver, old: Old) -> int:
        many, last = 0, None
        while chosen := await retention.candidates(connection, old, last):
            # Files first: whatever stops us, the record that leads to them is still there.
            whole = await self._forget_files(old.workspace, chosen)
            many += await retention.delete(connection, old, whole)
            last = chosen[-1]
        return many

    async def _forget_files(self, workspace: str, chosen: Sequence[Candidate]) -> list[Candidate]:
        if not self._files.url:
            return list(chosen)
        free = asyncio.Semaphore(_FILES_AT_ONCE)

        async def forget(one: Candidate) -> bool:
            async with free:
                try:
                    await asyncio.to_thread(self._files.of(workspace, one.id).forget_now)
                except NodeError as error:
                    _log.warning("the run's files couldn't be deleted", execution_id=one.id, reason=error.message)
                    return False
                return True

        done = await asyncio.gather(*(forget(one) for one in chosen))
        return [one for one, gone in zip(chosen, done, strict=True) if gone]

    async def _sweep(self, connection: Driver, removed: Removed, ref: str, end: str) -> None:
        while refs := await retention.payloads_between(connection, ref, end):
            many, size = await retention.delete_unlinked(connection, refs)
            removed.payloads += many
            removed.payload_bytes += size
            ref = refs[-1]
        removed.rows = await retention.delete_over(connection)


async def _forget_audit(connection: Driver, now: datetime) -> int:
    days = await retention_days.audit_days(connection)
    if not days:
        return 0
    # The database's clock decides, too; what it doesn't take for old enough it would refuse.
    before = now - timedelta(days=days, minutes=1)
    return sum(
        [
            await retention.delete_audit(connection, workspace, before)
            for workspace in await retention.audited_workspaces(connection)
        ]
    )


def _range(part: int | None) -> tuple[str, str]:
    """Between which hashes a part lies."""
    if part is None:
        return "", _END
    low, high = (f"{256 * place // PARTS:02x}" for place in (part, part + 1))
    return low if part else "", _END if part == PARTS - 1 else high

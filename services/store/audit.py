"""The audit log: who did what to which object, written in the transaction of what it tells, and read in pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator import exact_json
from services.identity.caller import Caller
from services.store.ids import new_id
from services.store.tables import AuditRow

# For statements that do what they tell in one round trip: selects from `run`, the row that was written.
INSERT_FOR_RUN = """
INSERT INTO audit_log (id, at, workspace, actor, action, object_type, object_id, address, via, before, after)
SELECT %(audit_id)s, %(audit_at)s, run.workspace, %(audit_actor)s, %(audit_action)s, %(audit_object_type)s, run.id,
  %(audit_address)s, %(audit_via)s, %(audit_before)s, %(audit_after)s FROM run"""


@dataclass(frozen=True)
class Entry:
    """One deed. `before` and `after` are JSON objects without secrets, empty where there was or is nothing."""

    actor: str
    action: str
    object_type: str
    object_id: str = ""
    workspace: str = ""
    address: str = ""
    via: str = ""
    before: str = ""
    after: str = ""
    id: str = field(default_factory=new_id)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def parameters(self) -> dict[str, Any]:
        """The values that INSERT_FOR_RUN takes."""
        names = ("id", "at", "actor", "action", "object_type", "address", "via", "before", "after")
        return {f"audit_{name}": getattr(self, name) for name in names}


@dataclass(frozen=True)
class Filters:
    """Which entries of a workspace a list shows."""

    workspace: str
    actor: str = ""
    action: str = ""
    object_id: str = ""
    after: datetime | None = None
    before: datetime | None = None


def entry(
    caller: Caller,
    action: str,
    object_type: str,
    object_id: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    *,
    workspace: str | None = None,
    actor: str | None = None,
) -> Entry:
    """What a caller does; `workspace` and `actor` where they aren't the caller's own."""
    return Entry(
        actor=caller.actor if actor is None else actor,
        action=action,
        object_type=object_type,
        object_id=object_id,
        workspace=caller.workspace if workspace is None else workspace,
        address=caller.address,
        via=caller.via,
        before="" if before is None else exact_json.dumps(dict(before)),
        after="" if after is None else exact_json.dumps(dict(after)),
    )


def audit(
    session: AsyncSession,
    caller: Caller,
    action: str,
    object_type: str,
    object_id: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    *,
    workspace: str | None = None,
    actor: str | None = None,
) -> None:
    """Tells of a deed in the transaction that does it."""
    told = entry(caller, action, object_type, object_id, before, after, workspace=workspace, actor=actor)
    session.add(AuditRow(**vars(told)))


async def listed(
    session: AsyncSession, filters: Filters, limit: int, after: tuple[datetime, str] | None
) -> Sequence[AuditRow]:
    """A workspace's entries, the latest first, that come after a place in the list."""
    query = select(AuditRow).where(AuditRow.workspace == filters.workspace)
    for column, wanted in (
        (AuditRow.actor, filters.actor),
        (AuditRow.action, filters.action),
        (AuditRow.object_id, filters.object_id),
    ):
        if wanted:
            query = query.where(column == wanted)
    if filters.after is not None:
        query = query.where(AuditRow.at > filters.after)
    if filters.before is not None:
        query = query.where(AuditRow.at < filters.before)
    if after is not None:
        query = query.where(tuple_(AuditRow.at, AuditRow.id) < after)
    return (await session.scalars(query.order_by(AuditRow.at.desc(), AuditRow.id.desc()).limit(limit))).all()

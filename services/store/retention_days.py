"""For how long workspaces want their ended runs kept, and for how long the audit log must be."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.store.drivers import Driver
from services.store.tables import Base

# The workspace of what holds for all.
ALL = ""


class RetentionRow(Base):
    """Days of a workspace, as its owners set them; those of the audit log are all workspaces'. NULL sets nothing."""

    __tablename__ = "retention_days"

    workspace: Mapped[str] = mapped_column(primary_key=True)
    days: Mapped[int | None]
    failed_days: Mapped[int | None]
    # The trigger of the audit log reads it: what is younger can't be deleted.
    audit_days: Mapped[int] = mapped_column(server_default="0")
    updated_by: Mapped[str] = mapped_column(server_default="")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


@dataclass(frozen=True)
class Days:
    """Days that ended runs are kept, and those that didn't complete if that is another number; 0 is for ever."""

    days: int | None = None
    failed_days: int | None = None

    def given(self) -> dict[str, int]:
        """Those that are set, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def of(self, *, completed: bool) -> int:
        """The days of runs that ended so; 0 without any."""
        found = self.days if completed or self.failed_days is None else self.failed_days
        return found or 0


async def of(session: AsyncSession, workspace: str) -> Days:
    """What a workspace wants."""
    row = await session.get(RetentionRow, workspace)
    return Days(row.days, row.failed_days) if row else Days()


async def change(session: AsyncSession, workspace: str, wanted: Days, by: str) -> Days:
    """Sets what a workspace wants; what it wanted before."""
    before = await of(session, workspace)
    await _write(session, workspace, {**asdict(wanted), "updated_by": by})
    return before


async def set_audit(session: AsyncSession, days: int, by: str) -> None:
    """Sets for how long the audit log is kept at least, and may be deleted from after that; 0 is for ever."""
    await _write(session, ALL, {"audit_days": days, "updated_by": by})


async def audit_days(connection: Driver) -> int:
    """For how long the audit log is kept; 0 is for ever."""
    cursor = await connection.execute("SELECT audit_days FROM retention_days WHERE workspace = %s", [ALL])
    row = await cursor.fetchone()
    return int(row.audit_days) if row else 0


async def wanted(connection: Driver) -> Mapping[str, Days]:
    """What each workspace wants that wants anything."""
    rows = await (await connection.execute("SELECT workspace, days, failed_days FROM retention_days")).fetchall()
    return {row.workspace: Days(row.days, row.failed_days) for row in rows if row.workspace != ALL}


async def _write(session: AsyncSession, workspace: str, values: Mapping[str, object]) -> None:
    written = {**values, "updated_at": datetime.now(UTC)}
    statement = insert(RetentionRow).values(workspace=workspace, **written)
    await session.execute(statement.on_conflict_do_update(index_elements=["workspace"], set_=written))

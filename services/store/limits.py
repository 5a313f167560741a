"""How much a workspace and a workflow may do: what is set, and what is refused by it.

PostgreSQL admits each run in the statement that records it (the trigger `admit_run`), whoever sends that.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.errors import RateLimited
from services.store.drivers import Driver
from services.store.tables import Base

# The workspace of the defaults.
DEFAULTS = ""
_REASONS = {"OR001": "TOO_MANY_RUNS", "OR002": "TOO_MANY_STARTS"}


class LimitsRow(Base):
    """Limits of a workspace, or of a workflow in it; defaults have no workspace. 0 is no limit, NULL the default."""

    __tablename__ = "workspace_limits"

    workspace: Mapped[str] = mapped_column(primary_key=True)
    workflow_id: Mapped[str] = mapped_column(primary_key=True, server_default="")
    max_runs: Mapped[int | None]
    starts_per_minute: Mapped[int | None]
    max_run_seconds: Mapped[int | None]
    weight: Mapped[float | None]
    max_payload_bytes: Mapped[int | None]
    max_node_runs: Mapped[int | None]
    updated_by: Mapped[str] = mapped_column(server_default="")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


@dataclass(frozen=True)
class Limits:
    """Open runs at a time, starts a minute, seconds that a run may take, and the share of workers under load.

    Then the bytes of one list of items, and the node runs of a run. None is what isn't set, 0 no limit.
    """

    max_runs: int | None = None
    starts_per_minute: int | None = None
    max_run_seconds: int | None = None
    weight: float | None = None
    max_payload_bytes: int | None = None
    max_node_runs: int | None = None

    def given(self) -> dict[str, float]:
        """Those that are set, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def over(self, other: "Limits") -> "Limits":
        """These, and the other's where these set nothing."""
        return Limits(**{**asdict(other), **self.given()})


@dataclass(frozen=True)
class Applying:
    """What holds for a workspace, and for a workflow of it besides."""

    workspace: Limits
    workflow: Limits = Limits()

    @property
    def max_run_seconds(self) -> int:
        """The shorter of the two; 0 without a limit."""
        return _least(self.workspace.max_run_seconds, self.workflow.max_run_seconds)

    @property
    def max_payload_bytes(self) -> int:
        """The smaller of the two; 0 without a limit."""
        return _least(self.workspace.max_payload_bytes, self.workflow.max_payload_bytes)

    @property
    def max_node_runs(self) -> int:
        """The fewer of the two; 0 without a limit."""
        return _least(self.workspace.max_node_runs, self.workflow.max_node_runs)


_OF_WORKSPACE = (
    f"SELECT workspace, workflow_id, {', '.join(field.name for field in fields(Limits))} FROM workspace_limits "
    "WHERE workspace IN (%s, %s)"
)


async def applying(session: AsyncSession, workspace: str, workflow_id: str = "") -> Applying:
    """What holds for a workspace and a workflow."""
    rows = await session.scalars(
        select(LimitsRow).where(
            LimitsRow.workspace.in_([DEFAULTS, workspace]), LimitsRow.workflow_id.in_(["", workflow_id])
        )
    )
    found = {(row.workspace, row.workflow_id): _limits(row) for row in rows}
    none = Limits()
    whole = found.get((workspace, ""), none).over(found.get((DEFAULTS, ""), none))
    return Applying(whole, found.get((workspace, workflow_id), none) if workflow_id else none)


async def of_workspace(connection: Driver, workspace: str) -> tuple[Limits, Mapping[str, Limits]]:
    """What holds for a workspace, and what is set for its workflows, by their ids: in one small statement."""
    rows = await (await connection.execute(_OF_WORKSPACE, [DEFAULTS, workspace])).fetchall()
    found = {(row.workspace, row.workflow_id): _limits(row) for row in rows}
    whole = found.pop((workspace, ""), Limits()).over(found.pop((DEFAULTS, ""), Limits()))
    return whole, {workflow_id: own for (_, workflow_id), own in found.items()}


async def change(
    session: AsyncSession, workspace: str, workflow_id: str, values: Mapping[str, float | None], by: str
) -> tuple[Limits, Limits]:
    """Sets some limits and leaves the others; what there was, and what there is."""
    row = await session.get(LimitsRow, (workspace, workflow_id))
    before = _limits(row) if row else Limits()
    after = Limits(**{**asdict(before), **values})
    written = {**asdict(after), "updated_by": by, "updated_at": datetime.now(UTC)}
    statement = insert(LimitsRow).values(workspace=workspace, workflow_id=workflow_id, **written)
    await session.execute(statement.on_conflict_do_update(index_elements=["workspace", "workflow_id"], set_=written))
    return before, after


def refusal(error: psycopg.Error) -> RateLimited | None:
    """What `admit_run` says, if it was that."""
    reason = _REASONS.get(error.sqlstate or "")
    if reason is None:
        return None
    wait = float(error.diag.message_detail or 1)
    return RateLimited(reason, f"{error.diag.message_primary}; try again in {max(wait, 1):.0f} s", wait)


def _limits(row: Any) -> Limits:
    return Limits(**{field.name: getattr(row, field.name) for field in fields(Limits)})


def _least(*given: int | None) -> int:
    return min((limit for limit in given if limit), default=0)

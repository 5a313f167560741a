"""Reads what people are asked, and writes what they answered."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, Select, and_, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.people import Answer
from orchestrator.task_form import TaskOption, port_of
from services.errors import NotFound
from services.store.people.tables import TaskLinkRow
from services.store.tables import ExecutionRow, HumanTaskRow

_OPEN_RUN = ("RUNNING", "PAUSED")


@dataclass(frozen=True)
class Task:
    """A task and how its run stands: one whose run has ended waits for nobody."""

    row: HumanTaskRow
    run_status: str
    workflow_id: str = ""
    workflow_name: str = ""

    @property
    def status(self) -> str:
        """OPEN, ANSWERED, CANCELED or EXPIRED."""
        if self.row.status != "OPEN" or self.run_status in _OPEN_RUN:
            return self.row.status
        return "CANCELED"

    @property
    def options(self) -> tuple[TaskOption, ...]:
        """The decisions there are."""
        labels = self.row.labels or [""] * len(self.row.options)
        pairs = zip(self.row.options, labels, strict=True)
        return tuple(TaskOption(name, label, port_of(name)) for name, label in pairs)


@dataclass(frozen=True)
class Wanted:
    """Which tasks a list has; `names` are those of who asks for their own."""

    execution_id: str = ""
    assignee: str = ""
    open_only: bool = False
    within: str | None = None
    names: Collection[str] | None = None


async def get(session: AsyncSession, task_id: str, within: str | None = None) -> Task:
    """One task, of any workspace or of the one that it must be within; NotFound if there is none."""
    wanted = _tasks().where(HumanTaskRow.id == task_id)
    if within is not None:
        wanted = wanted.where(HumanTaskRow.workspace == within)
    found = (await session.execute(wanted)).one_or_none()
    if found is None:
        raise NotFound("TASK_NOT_FOUND", f"there is no task {task_id[:64]!r}")
    return _task(found)


async def listed(
    session: AsyncSession, wanted: Wanted, *, limit: int, after: tuple[datetime, str] | None
) -> Sequence[Task]:
    """Tasks, the latest first."""
    found = _tasks().order_by(HumanTaskRow.created_at.desc(), HumanTaskRow.id.desc()).limit(limit)
    if wanted.execution_id:
        found = found.where(HumanTaskRow.execution_id == wanted.execution_id)
    if wanted.within is not None:
        found = found.where(HumanTaskRow.workspace == wanted.within)
    if wanted.assignee:
        found = found.where(HumanTaskRow.assignees.contains([wanted.assignee]))
    if wanted.names is not None:
        own = HumanTaskRow.assignees.overlap(sorted(wanted.names))
        found = found.where(or_(own, func.cardinality(HumanTaskRow.assignees) == 0))
    if wanted.open_only:
        found = found.where(and_(HumanTaskRow.status == "OPEN", ExecutionRow.status.in_(_OPEN_RUN)))
    if after is not None:
        found = found.where(tuple_(HumanTaskRow.created_at, HumanTaskRow.id) < after)
    return [_task(row) for row in (await session.execute(found)).all()]


async def answer(session: AsyncSession, given: Answer) -> None:
    """Writes an answer down, unless the task has ended."""
    await session.execute(
        update(HumanTaskRow)
        .where(HumanTaskRow.id == given.task_id, HumanTaskRow.status == "OPEN")
        .values(
            status="ANSWERED",
            decision=given.decision,
            answered_by=given.by,
            answered_at=given.at,
            fields=given.fields or None,
            comment=given.comment,
            answered_via=given.via,
        )
    )


async def assign(session: AsyncSession, task_id: str, assignees: Sequence[str]) -> None:
    """Gives an open task to others; the links of those who may not answer any more are dead."""
    await session.execute(
        update(HumanTaskRow)
        .where(HumanTaskRow.id == task_id, HumanTaskRow.status == "OPEN")
        .values(assignees=list(assignees))
    )
    others = func.lower(TaskLinkRow.recipient).not_in([name.strip().lower() for name in assignees])
    await session.execute(
        update(TaskLinkRow)
        .where(TaskLinkRow.task_id == task_id, TaskLinkRow.revoked_at.is_(None), others)
        .values(revoked_at=func.now())
    )


def _task(found: Row[HumanTaskRow, str, str | None, str]) -> Task:
    row, status, workflow_id, workflow_name = found
    return Task(row, status, workflow_id or "", workflow_name)


def _tasks() -> Select[HumanTaskRow, str, str | None, str]:
    return select(HumanTaskRow, ExecutionRow.status, ExecutionRow.workflow_id, ExecutionRow.workflow_name).join(
        ExecutionRow, ExecutionRow.id == HumanTaskRow.execution_id
    )

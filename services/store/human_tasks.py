"""Keeps what people are asked, and what they answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from activities.ports import Question
from orchestrator.people import Answer
from services.errors import NotFound
from services.store.engine import Database
from services.store.tables import ExecutionRow, HumanTaskRow

_OPEN_RUN = ("RUNNING", "PAUSED")
_INSERT = """
INSERT INTO human_tasks (id, workspace, execution_id, node, title, message, subject, options, assignees)
VALUES (%(id)s, %(workspace)s, %(execution_id)s, %(node)s, %(title)s, %(message)s, %(subject)s, %(options)s,
  %(assignees)s)
ON CONFLICT DO NOTHING"""


@dataclass(frozen=True)
class Task:
    """A task and how its run stands: one whose run has ended waits for nobody."""

    row: HumanTaskRow
    run_status: str

    @property
    def status(self) -> str:
        """OPEN, ANSWERED or CANCELED."""
        if self.row.decision is not None:
            return "ANSWERED"
        return "OPEN" if self.run_status in _OPEN_RUN else "CANCELED"


async def insert(database: Database, question: Question) -> None:
    """Records a task, unless there is one of this id."""
    values = {
        "id": question.id,
        "workspace": question.workspace,
        "execution_id": question.execution_id,
        "node": question.node,
        "title": question.title,
        "message": question.message,
        "subject": question.subject or None,
        "options": list(question.options),
        "assignees": list(question.assignees),
    }
    async with database.driver() as connection:
        await connection.execute(_INSERT, values)


async def get(session: AsyncSession, task_id: str, within: str | None = None) -> Task:
    """One task, of any workspace or of the one that it must be within; NotFound if there is none."""
    wanted = _tasks().where(HumanTaskRow.id == task_id)
    if within is not None:
        wanted = wanted.where(HumanTaskRow.workspace == within)
    found = (await session.execute(wanted)).one_or_none()
    if found is None:
        raise NotFound("TASK_NOT_FOUND", f"there is no task {task_id[:64]!r}")
    row, status = found
    return Task(row, status)


async def listed(
    session: AsyncSession,
    *,
    within: str | None = None,
    execution_id: str,
    assignee: str,
    open_only: bool,
    limit: int,
    after: tuple[datetime, str] | None,
) -> Sequence[Task]:
    """Tasks, the latest first."""
    wanted = _tasks().order_by(HumanTaskRow.created_at.desc(), HumanTaskRow.id.desc()).limit(limit)
    if within is not None:
        wanted = wanted.where(HumanTaskRow.workspace == within)
    if execution_id:
        wanted = wanted.where(HumanTaskRow.execution_id == execution_id)
    if assignee:
        wanted = wanted.where(HumanTaskRow.assignees.contains([assignee]))
    if open_only:
        wanted = wanted.where(and_(HumanTaskRow.decision.is_(None), ExecutionRow.status.in_(_OPEN_RUN)))
    if after is not None:
        wanted = wanted.where(tuple_(HumanTaskRow.created_at, HumanTaskRow.id) < after)
    return [Task(row, status) for row, status in (await session.execute(wanted)).all()]


async def answer(session: AsyncSession, given: Answer) -> None:
    """Writes an answer down, unless there is one."""
    await session.execute(
        update(HumanTaskRow)
        .where(HumanTaskRow.id == given.task_id, HumanTaskRow.decision.is_(None))
        .values(
            decision=given.decision,
            answered_by=given.by,
            answered_at=given.at,
            fields=given.fields or None,
            comment=given.comment,
        )
    )


def _tasks() -> Select[HumanTaskRow, str]:
    return select(HumanTaskRow, ExecutionRow.status).join(ExecutionRow, ExecutionRow.id == HumanTaskRow.execution_id)

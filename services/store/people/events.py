"""What happened to tasks: written once each, never changed."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from activities.ports import Happening
from services.store.people.tables import TaskEventRow

INSERT = """
INSERT INTO human_task_events (task_id, key, kind, by, channel, text)
SELECT %(task_id)s, %(key)s, %(kind)s, %(by)s, %(channel)s, %(text)s
WHERE EXISTS (SELECT FROM human_tasks WHERE id = %(task_id)s)
ON CONFLICT DO NOTHING"""


def values(happening: Happening) -> dict[str, str]:
    """The row of what happened."""
    return {
        "task_id": happening.task_id,
        "key": happening.key,
        "kind": happening.kind,
        "by": happening.by,
        "channel": happening.channel,
        "text": happening.text.replace("\0", "")[:8000],
    }


async def add(session: AsyncSession, happening: Happening) -> None:
    """Writes down what happened, unless it is written down already."""
    await session.execute(insert(TaskEventRow).values(**values(happening)).on_conflict_do_nothing())


async def of_task(session: AsyncSession, task_id: str) -> Sequence[TaskEventRow]:
    """What happened to a task, in order."""
    wanted = select(TaskEventRow).where(TaskEventRow.task_id == task_id).order_by(TaskEventRow.id)
    return (await session.execute(wanted)).scalars().all()

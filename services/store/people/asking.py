"""Tasks as activities write and read them: a statement or two each, every one of them safe to repeat."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from activities.ports import Asked, Happening, Question
from orchestrator.people import Answer
from orchestrator.task_form import TaskField
from services.store.drivers import Driver
from services.store.engine import Database
from services.store.people import events, links
from services.store.tables import HumanTaskRow

_INSERT = """
INSERT INTO human_tasks (
  id, workspace, execution_id, node, title, message, subject, options, labels, assignees, channel, credential, form,
  run_index, item, deadline, on_timeout, required, requester, excluded)
VALUES (
  %(id)s, %(workspace)s, %(execution_id)s, %(node)s, %(title)s, %(message)s, %(subject)s, %(options)s, %(labels)s,
  %(assignees)s, %(channel)s, %(credential)s, %(form)s, %(run_index)s, %(item)s, %(deadline)s, %(on_timeout)s,
  %(required)s, %(requester)s, %(excluded)s)
ON CONFLICT DO NOTHING"""
_COLUMNS = """
SELECT id, workspace, execution_id, node, title, message, subject, options, labels, assignees, channel, credential,
  form, run_index, item, deadline, on_timeout, required, requester, excluded, delivery, status
FROM human_tasks"""
_DELIVERED = "UPDATE human_tasks SET delivery = %(delivery)s WHERE id = %(id)s"
_ASSIGN = (
    "UPDATE human_tasks SET assignees = %(assignees)s, deadline = %(deadline)s WHERE id = %(id)s AND status = 'OPEN'"
)
_REVOKE_OTHERS = """
UPDATE task_links SET revoked_at = now()
WHERE task_id = %(id)s AND revoked_at IS NULL AND NOT (lower(recipient) = ANY (%(folded)s))"""
_END = """
UPDATE human_tasks SET status = %(status)s, decision = %(decision)s, answered_by = %(by)s, answered_at = %(at)s,
  fields = %(fields)s, comment = %(comment)s, answered_via = %(via)s
WHERE id = %(id)s AND status = 'OPEN'"""
_REQUESTER = "SELECT user_id FROM workflow_executions WHERE id = %(id)s"
_decoder = msgspec.json.Decoder(list[TaskField])


async def insert(database: Database, question: Question) -> bool:
    """Records a task, unless there is one of this id; whether there was none."""
    values = {
        "id": question.id,
        "workspace": question.workspace,
        "execution_id": question.execution_id,
        "node": question.node,
        "title": question.title,
        "message": question.message,
        "subject": question.subject or None,
        "options": list(question.options),
        "labels": list(question.labels),
        "assignees": list(question.assignees),
        "channel": question.channel,
        "credential": question.credential,
        "form": msgspec.json.encode(question.fields).decode() if question.fields else None,
        "run_index": question.run_index,
        "item": question.item,
        "deadline": question.deadline,
        "on_timeout": question.on_timeout,
        "required": question.required,
        "requester": question.requester,
        "excluded": list(question.excluded),
    }
    async with database.driver() as connection, connection.transaction():
        inserted = (await connection.execute(_INSERT, values)).rowcount > 0
        await _happened(connection, [Happening(question.id, "asked", "asked", channel=question.channel)])
    return inserted


async def read(database: Database, task_ids: Sequence[str]) -> list[Asked]:
    """The tasks of these ids, in order."""
    async with database.driver() as connection:
        rows = await (
            await connection.execute(f"{_COLUMNS} WHERE id = ANY (%(ids)s)", {"ids": list(task_ids)})
        ).fetchall()
    found = {row.id: _asked(row) for row in rows}
    return [found[task_id] for task_id in task_ids if task_id in found]


async def open_of(database: Database, execution_id: str) -> list[Asked]:
    """The open tasks of a run, the oldest first."""
    statement = f"{_COLUMNS} WHERE execution_id = %(id)s AND status = 'OPEN' ORDER BY created_at, id"
    async with database.driver() as connection:
        rows = await (await connection.execute(statement, {"id": execution_id})).fetchall()
    return [_asked(row) for row in rows]


async def requester(database: Database, execution_id: str) -> str:
    """Who started a run."""
    async with database.driver() as connection:
        row = await (await connection.execute(_REQUESTER, {"id": execution_id})).fetchone()
    return str(row.user_id) if row else ""


async def link(database: Database, token: str, code: str, task_id: str, recipient: str) -> None:
    """Records a link."""
    async with database.driver() as connection:
        await connection.execute(links.INSERT, links.values(token, code, task_id, recipient))


async def delivered(database: Database, task_id: str, delivery: str, happening: Happening) -> None:
    """Notes where a task lies."""
    async with database.driver() as connection, connection.transaction():
        await connection.execute(_DELIVERED, {"id": task_id, "delivery": delivery})
        await _happened(connection, [happening])


async def happened(database: Database, happenings: Sequence[Happening]) -> None:
    """Writes down what happened."""
    async with database.driver() as connection, connection.transaction():
        await _happened(connection, happenings)


async def assign(
    database: Database, task_id: str, assignees: Sequence[str], deadline: datetime | None, happening: Happening
) -> None:
    """Gives a task to others; the links of those who may not answer any more are dead."""
    folded = [name.strip().lower() for name in assignees]
    async with database.driver() as connection, connection.transaction():
        await connection.execute(_ASSIGN, {"id": task_id, "assignees": list(assignees), "deadline": deadline})
        await connection.execute(_REVOKE_OTHERS, {"id": task_id, "folded": folded})
        await _happened(connection, [happening])


async def end(
    database: Database, task_id: str, status: str, answer: Answer | None, happenings: Sequence[Happening]
) -> None:
    """Writes down how a task ended, unless it has ended."""
    values = {
        "id": task_id,
        "status": status,
        "decision": answer.decision if answer else None,
        "by": answer.by if answer else "",
        "at": answer.at if answer else None,
        "fields": (answer.fields or None) if answer else None,
        "comment": answer.comment if answer else "",
        "via": answer.via if answer else "",
    }
    async with database.driver() as connection, connection.transaction():
        await connection.execute(_END, values)
        await _happened(connection, happenings)


def fields_of(row: HumanTaskRow) -> tuple[TaskField, ...]:
    """What is to be filled in."""
    return tuple(_decoder.decode(row.form)) if row.form else ()


async def _happened(connection: Driver, happenings: Sequence[Happening]) -> None:
    for happening in happenings:
        await connection.execute(events.INSERT, events.values(happening))


def _asked(row: Any) -> Asked:
    question = Question(
        id=row.id,
        workspace=row.workspace,
        execution_id=row.execution_id,
        node=row.node,
        title=row.title,
        message=row.message,
        subject=row.subject or "",
        options=tuple(row.options),
        labels=tuple(row.labels),
        assignees=tuple(row.assignees),
        fields=tuple(_decoder.decode(row.form)) if row.form else (),
        channel=row.channel,
        credential=row.credential,
        run_index=row.run_index,
        item=row.item,
        deadline=row.deadline,
        on_timeout=row.on_timeout,
        required=row.required,
        requester=row.requester,
        excluded=tuple(row.excluded),
    )
    return Asked(question, row.delivery or "", row.status == "OPEN")

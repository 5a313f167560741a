"""What people are asked, and how they answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from orchestrator import exact_json
from orchestrator.people import Answer
from services.errors import PreconditionFailed, invalid, precondition
from services.identity.caller import current_caller
from services.identity.scope import acting, actor, scope
from services.store import human_tasks, paging
from services.store.audit import audit
from services.store.human_tasks import Task
from services.usecases.backend import Backend
from temporal.client import AnswerRefusedError, RunNotFoundError

MAX_COMMENT = 4000
MAX_FIELDS = 256 * 1024
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Given:
    """An answer as a client gives it."""

    task_id: str
    decision: str
    user_id: str = ""
    comment: str = ""
    fields_json: str = ""


class Answering:
    """Lists tasks, and hands answers to the runs that wait for them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def get(self, task_id: str) -> Task:
        """One task."""
        async with self._backend.database.reading() as session:
            return await human_tasks.get(session, task_id, scope())

    async def listed(
        self, execution_id: str, assignee: str, *, open_only: bool, page_size: int, page_token: str
    ) -> tuple[Sequence[Task], str]:
        """A page of tasks, the latest first, and the next page's token."""
        size, after = paging.page_size(page_size, 50), paging.read_time_token(page_token)
        async with self._backend.database.reading() as session:
            found = await human_tasks.listed(
                session,
                within=scope(),
                execution_id=execution_id,
                assignee=assignee,
                open_only=open_only,
                limit=size + 1,
                after=after,
            )
        shown = found[:size]
        token = paging.time_token(shown[-1].row.created_at, shown[-1].row.id) if len(found) > size else ""
        return shown, token

    async def answer(self, given: Given) -> Task:
        """Answers a task, once; says why it can't be answered so."""
        task = await self.get(given.task_id)
        if task.status != "OPEN":
            raise _closed(task)
        given = replace(given, user_id=acting(given.user_id))
        _check(task, given)
        answer = Answer(
            given.task_id, given.decision, given.user_id, datetime.now(UTC), given.fields_json, given.comment
        )
        try:
            await self._backend.runs.answer(task.row.execution_id, answer)
        except AnswerRefusedError as error:
            raise precondition("TASK_ANSWERED", str(error)) from None
        except RunNotFoundError:
            raise precondition("TASK_CANCELED", "the run that asked has ended") from None
        async with self._backend.database.transaction() as session:
            await human_tasks.answer(session, answer)
            audit(
                session,
                current_caller(),
                "task.answer",
                "task",
                given.task_id,
                after={"decision": given.decision, "execution_id": task.row.execution_id},
                workspace=task.row.workspace,
                actor=actor(given.user_id),
            )
        _log.info("task answered", task_id=given.task_id, decision=given.decision, user_id=given.user_id)
        return await self.get(given.task_id)


def _check(task: Task, given: Given) -> None:
    options = task.row.options
    if given.decision not in options:
        raise invalid("BAD_DECISION", f"{given.decision[:60]!r} is none of: {', '.join(options)}", "decision")
    if task.row.assignees and not (current_caller().names | {given.user_id}) & set(task.row.assignees):
        raise precondition("NOT_ASSIGNED", f"{given.user_id[:128]!r} may not answer this task")
    if len(given.comment) > MAX_COMMENT:
        raise invalid("BAD_COMMENT", f"the comment has more than {MAX_COMMENT:,} characters", "comment")
    if not given.fields_json:
        return
    if len(given.fields_json) > MAX_FIELDS:
        raise invalid("BAD_FIELDS", f"the fields have more than {MAX_FIELDS:,} characters", "fields_json")
    try:
        fields = exact_json.loads(given.fields_json)
    except exact_json.NotJson as error:
        raise invalid("BAD_FIELDS", f"the fields are no JSON: {error}", "fields_json") from None
    if not isinstance(fields, dict):
        raise invalid("BAD_FIELDS", "the fields must be an object", "fields_json")


def _closed(task: Task) -> PreconditionFailed:
    if task.status == "ANSWERED":
        by = task.row.answered_by or "somebody"
        return precondition("TASK_ANSWERED", f"the task is answered already: {task.row.decision}, by {by}")
    return precondition("TASK_CANCELED", "the run that asked has ended")

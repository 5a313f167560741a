"""What people are asked, and how they answer, hand on and comment."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from activities.ports import Happening
from orchestrator.people import Answer, Reassignment, RefusedAnswerError, Taken, check_person, read_fields
from orchestrator.task_form import find_option
from services.errors import PreconditionFailed, ServiceError, invalid, precondition
from services.identity.caller import Caller, current_caller
from services.identity.scope import acting, actor, scope
from services.store import human_tasks, paging
from services.store.audit import audit
from services.store.human_tasks import Task, Wanted
from services.store.ids import new_id
from services.store.people import events, links
from services.store.people.tables import TaskEventRow
from services.usecases.backend import Backend
from temporal.client import AnswerRefusedError, RunNotFoundError

T = TypeVar("T")
MAX_COMMENT = 4000
MOST_ASSIGNEES = 100
# Seconds for which an answer waits for the run: the task is there a moment before the run waits for it.
PATIENCE = 10.0
_INVALID = {"BAD_DECISION": "decision", "BAD_FIELDS": "fields_json", "BAD_COMMENT": "comment"}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Given:
    """An answer as a client gives it."""

    task_id: str
    decision: str
    user_id: str = ""
    comment: str = ""
    fields_json: str = ""


@dataclass(frozen=True)
class Person:
    """Who answers: the name that is written down, further ones, and the way by which the answer came.

    `token` is that of the link which the answer came by, if it did.
    """

    name: str
    known_as: tuple[str, ...] = ()
    via: str = ""
    token: str = ""


@dataclass(frozen=True)
class Answered:
    """What came of an answer; without a decision more people are needed."""

    task: Task
    taken: Taken


class Answering:
    """Lists tasks, and hands answers to the runs that wait for them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def get(self, task_id: str) -> Task:
        """One task."""
        async with self._backend.database.reading() as session:
            return await human_tasks.get(session, task_id, scope())

    async def history(self, task_id: str) -> Sequence[TaskEventRow]:
        """What happened to a task."""
        async with self._backend.database.reading() as session:
            return await events.of_task(session, task_id)

    async def listed(
        self, execution_id: str, assignee: str, *, open_only: bool, page_size: int, page_token: str, mine: bool = False
    ) -> tuple[Sequence[Task], str]:
        """A page of tasks, the latest first, and the next page's token."""
        size, after = paging.page_size(page_size, 50), paging.read_time_token(page_token)
        # On one's own machine, who names nobody is everybody.
        names = caller_names() if mine and not current_caller().local else None
        wanted = Wanted(execution_id, assignee, open_only, scope(), names)
        async with self._backend.database.reading() as session:
            found = await human_tasks.listed(session, wanted, limit=size + 1, after=after)
        shown = found[:size]
        token = paging.time_token(shown[-1].row.created_at, shown[-1].row.id) if len(found) > size else ""
        return shown, token

    async def answer(self, given: Given) -> Answered:
        """Answers a task for who calls, once; says why it can't be answered so."""
        task = await self.get(given.task_id)
        caller = current_caller()
        user_id = acting(given.user_id)
        name = user_id if caller.local else caller.email or user_id
        known_as = tuple(sorted({user_id, *caller_names()} - {name}))
        return await self.take(task, given, Person(name, known_as, caller.via))

    async def take(self, task: Task, given: Given, person: Person) -> Answered:
        """Answers a task for a person, whoever calls."""
        # Not told of is not done: the run would have taken it before anybody asks who calls.
        caller = current_caller()
        if task.status != "OPEN":
            raise closed(task)
        answer = Answer(
            given.task_id,
            given.decision,
            person.name,
            datetime.now(UTC),
            given.fields_json,
            given.comment,
            person.via,
            person.known_as,
        )
        answer = _checked(task, answer)
        taken = await self._taken(task, lambda: self._backend.runs.answer(task.row.execution_id, answer))
        await self._record(task, answer, taken, person, caller)
        _log.info("task answered", task_id=task.row.id, decision=given.decision, by=person.name, via=person.via)
        now = await self._again(task)
        if now.status == "ANSWERED":
            # Where several must agree, the last one's answer is the task's.
            self._backend.telemetry.task_answered(task.row.created_at)
        return Answered(now, taken)

    async def reassign(self, task_id: str, assignees: Sequence[str], reason: str) -> Task:
        """Puts other people in the place of those who may answer."""
        task = await self.get(task_id)
        if task.status != "OPEN":
            raise closed(task)
        names = tuple(dict.fromkeys(name.strip() for name in assignees if name.strip()))
        if not names or len(names) > MOST_ASSIGNEES or any(len(name) > 320 for name in names):
            raise invalid(
                "BAD_ASSIGNEES", f"name between one and {MOST_ASSIGNEES} people who are to answer", "assignees"
            )
        by = actor()
        change = Reassignment(task_id, names, by, reason[:MAX_COMMENT])
        moves = await self._taken(task, lambda: self._backend.runs.reassign(task.row.execution_id, change))
        told = Happening(task_id, f"reassigned:{moves or new_id()}", "reassigned", by, text=reason or ", ".join(names))
        async with self._backend.database.transaction() as session:
            await human_tasks.assign(session, task_id, names)
            await events.add(session, told)
            before, after = (
                {"assignees": task.row.assignees},
                {"assignees": list(names), "reason": reason[:MAX_COMMENT]},
            )
            audit(
                session, current_caller(), "task.reassign", "task", task_id, before, after, workspace=task.row.workspace
            )
        return await self._again(task)

    async def comment(self, task_id: str, comment: str) -> Task:
        """Adds a remark."""
        task = await self.get(task_id)
        if not comment.strip() or len(comment) > MAX_COMMENT:
            raise invalid("BAD_COMMENT", f"a comment has between one and {MAX_COMMENT:,} characters", "comment")
        caller = current_caller()
        by = caller.email or actor()
        async with self._backend.database.transaction() as session:
            await events.add(session, Happening(task_id, new_id(), "commented", by, caller.via, comment))
            audit(session, caller, "task.comment", "task", task_id, workspace=task.row.workspace)
        return task

    async def _taken(self, task: Task, tell: Callable[[], Awaitable[T]]) -> T:
        """What the run says of an answer or a change; people may know of a task a moment before the run waits."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                return await tell()
            except AnswerRefusedError as error:
                if error.code != "NOT_WAITING" or asyncio.get_running_loop().time() > deadline:
                    raise _refused(error.code, str(error)) from None
            except RunNotFoundError:
                raise precondition("TASK_CANCELED", "the run that asked has ended") from None
            now = await self._again(task)
            if now.status != "OPEN":
                raise closed(now)
            await asyncio.sleep(0.1)

    async def _record(self, task: Task, answer: Answer, taken: Taken, person: Person, caller: Caller) -> None:
        text = answer.decision + (f": {answer.comment}" if answer.comment else "")
        happening = Happening(task.row.id, f"answered:{answer.by}", "answered", answer.by, answer.via, text)
        async with self._backend.database.transaction() as session:
            # What several people decide, the run writes down: it knows them all.
            if taken.decision and task.row.required < 2:
                await human_tasks.answer(session, answer)
            await events.add(session, happening)
            if person.token:
                await links.use(session, person.token)
            audit(
                session,
                caller,
                "task.answer",
                "task",
                task.row.id,
                after={"decision": answer.decision, "execution_id": task.row.execution_id, "via": answer.via},
                workspace=task.row.workspace,
                actor=actor(answer.by),
            )

    async def _again(self, task: Task) -> Task:
        async with self._backend.database.reading() as session:
            return await human_tasks.get(session, task.row.id)


def caller_names() -> frozenset[str]:
    """What tasks may call who calls: the user's id, the mail address, and the role."""
    caller = current_caller()
    return caller.names if caller.local else caller.names | {f"role:{caller.role.value.lower()}"}


def closed(task: Task) -> PreconditionFailed:
    """Why a task that isn't open can't be answered."""
    if task.status == "ANSWERED":
        by = task.row.answered_by or "somebody"
        return precondition("TASK_ANSWERED", f"the task is answered already: {task.row.decision}, by {by}")
    if task.status == "EXPIRED":
        return precondition("TASK_EXPIRED", "the time to answer the task is up")
    return precondition("TASK_CANCELED", "the run that asked has ended")


def _checked(task: Task, answer: Answer) -> Answer:
    """The answer with the option that it means; says early what the run would refuse, as it can be told from here."""
    option = find_option(task.options, answer.decision)
    if option is None:
        names = ", ".join(task.row.options)
        raise invalid("BAD_DECISION", f"{answer.decision[:60]!r} is none of: {names}", "decision")
    try:
        check_person(answer, tuple(task.row.assignees), tuple(task.row.excluded))
        read_fields(answer.fields)
    except RefusedAnswerError as error:
        raise _refused(error.code, str(error)) from None
    if len(answer.comment) > MAX_COMMENT:
        raise invalid("BAD_COMMENT", f"the comment has more than {MAX_COMMENT:,} characters", "comment")
    return Answer(**{**vars(answer), "decision": option.name})


def _refused(code: str, message: str) -> ServiceError:
    if code in _INVALID:
        return invalid(code, message, _INVALID[code])
    return precondition("TASK_ANSWERED" if code == "NOT_WAITING" else code, message)

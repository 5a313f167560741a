"""What people are asked while a run waits for them, who may answer, and what their answers come to."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from orchestrator import exact_json
from orchestrator.items import Items
from orchestrator.task_form import APPROVED, REJECTED, TaskField, TaskOption, find_option, port_of, problems

MAX_COMMENT = 4000
MAX_FIELDS = 256 * 1024


@dataclass(frozen=True)
class Answer:
    """What a person decided about a task. `fields` is the JSON text of what they filled in or changed, if anything.

    `via` is the channel; `known_as` are the other names of who answers, such as a mail address.
    """

    task_id: str
    decision: str
    by: str = ""
    at: datetime | None = None
    fields: str = ""
    comment: str = ""
    via: str = ""
    known_as: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """All names of who answers, as they are compared."""
        return frozenset(folded(name) for name in (self.by, *self.known_as) if name)


@dataclass(frozen=True)
class Reassignment:
    """Other people are to answer a task."""

    task_id: str
    assignees: tuple[str, ...]
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class OpenTask:
    """A task that a run waits for.

    `reminders` are those still to come; `lasts` is how many seconds who is asked has; `required` people must agree.
    `default` is the answer at the deadline where `on_timeout` says so. `excluded` are the names of who must not answer.
    `news` says that the people it was given to are still to be told.
    """

    id: str
    item: int
    options: tuple[TaskOption, ...]
    fields: tuple[TaskField, ...] = ()
    assignees: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    required: int = 1
    deadline: datetime | None = None
    lasts: float = 0
    reminders: tuple[datetime, ...] = ()
    reminded: int = 0
    escalate_to: tuple[str, ...] = ()
    on_timeout: str = "fail"
    default: Answer | None = None
    votes: tuple[Answer, ...] = ()
    moves: int = 0
    news: Reassignment | None = None

    @property
    def next_instant(self) -> datetime | None:
        """When something is due."""
        due = [*self.reminders[:1], *([self.deadline] if self.deadline else [])]
        return min(due) if due else None


@dataclass
class Asking:
    """A node run that waits for people: its tasks that are open, and what its other items came to."""

    asked: bool = False
    open: list[str] = field(default_factory=list)
    outputs: dict[int, dict[str, Items]] = field(default_factory=dict)


@dataclass
class Desk:
    """The tasks of a run that wait for people, and answers that nobody has taken up yet.

    `open` are agents' calls that need approval, `tasks` what nodes ask; `assigned` says who may approve a call where
    that was said later.
    """

    open: dict[str, Literal["approval", "question"]] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    tasks: dict[str, OpenTask] = field(default_factory=dict)
    assigned: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Taken:
    """What came of an answer: whether the task is decided, and how many of the people needed have agreed."""

    decision: str = ""
    agreed: int = 0
    required: int = 1


class RefusedAnswerError(ValueError):
    """An answer that can't be taken: why, and as a code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def folded(name: str) -> str:
    """A person's name as names are compared."""
    return name.strip().casefold()


def check(desk: Desk, answer: Answer) -> None:
    """RefusedAnswerError unless the run waits for this answer, from this person."""
    _check_waiting(desk, answer.task_id)
    if len(answer.comment) > MAX_COMMENT:
        raise RefusedAnswerError("BAD_COMMENT", f"the comment has more than {MAX_COMMENT:,} characters")
    filled = read_fields(answer.fields)
    task = desk.tasks.get(answer.task_id)
    if task is None:
        if port_of(answer.decision) not in (APPROVED, REJECTED):
            raise RefusedAnswerError("BAD_DECISION", f"{answer.decision[:60]!r} is none of: {APPROVED}, {REJECTED}")
        check_person(answer, desk.assigned.get(answer.task_id, ()), ())
        return
    option = find_option(task.options, answer.decision)
    if option is None:
        names = ", ".join(option.name for option in task.options)
        raise RefusedAnswerError("BAD_DECISION", f"{answer.decision[:60]!r} is none of: {names}")
    if (task.required > 1 or task.excluded) and not answer.names:
        raise RefusedAnswerError("NOT_ASSIGNED", "say who answers: this task isn't for anybody")
    check_person(answer, task.assignees, task.excluded)
    if any(vote.names & answer.names for vote in task.votes):
        raise RefusedAnswerError("TASK_ANSWERED", f"{answer.by} has answered already; another person must agree")
    wrong = list(problems(task.fields, filled, complete=option.port != REJECTED))
    if wrong:
        raise RefusedAnswerError("BAD_FIELDS", "; ".join(sentence for _, sentence in wrong[:10]))


def check_person(answer: Answer, assignees: tuple[str, ...], excluded: tuple[str, ...]) -> None:
    """RefusedAnswerError unless this person may answer."""
    shown = repr(answer.by[:128]) if answer.by else "somebody without a name"
    if answer.names & {folded(name) for name in excluded}:
        raise RefusedAnswerError("NOT_ASSIGNED", f"{shown} has asked for this, so another person must decide")
    if assignees and not answer.names & {folded(name) for name in assignees}:
        raise RefusedAnswerError("NOT_ASSIGNED", f"{shown} may not answer this task")


def read_fields(text: str) -> dict[str, object]:
    """What was filled in; RefusedAnswerError unless it is an object's JSON."""
    if not text:
        return {}
    if len(text) > MAX_FIELDS:
        raise RefusedAnswerError("BAD_FIELDS", f"the fields have more than {MAX_FIELDS:,} characters")
    try:
        filled = exact_json.loads(text)
    except exact_json.NotJson as error:
        raise RefusedAnswerError("BAD_FIELDS", f"the fields are no JSON: {error}") from None
    if not isinstance(filled, dict):
        raise RefusedAnswerError("BAD_FIELDS", "the fields must be an object")
    return filled


def take(desk: Desk, answer: Answer) -> Taken:
    """Takes an answer that was checked; once enough people agree, or one rejects, the task is decided."""
    task = desk.tasks.get(answer.task_id)
    if task is None:
        # An agent knows but two decisions.
        desk.answers[answer.task_id] = replace(answer, decision=port_of(answer.decision))
        return Taken(port_of(answer.decision))
    option = find_option(task.options, answer.decision)
    assert option is not None, "it was checked"
    answer = replace(answer, decision=option.name)
    votes = (*task.votes, answer)
    desk.tasks[task.id] = replace(task, votes=votes)
    agreeing = [vote for vote in votes if vote.decision == option.name]
    if len(agreeing) < task.required and option.port != REJECTED:
        return Taken(agreed=len(agreeing), required=task.required)
    desk.answers[task.id] = _joined(answer, agreeing)
    return Taken(option.name, len(agreeing), task.required)


def check_reassignment(desk: Desk, change: Reassignment) -> None:
    """RefusedAnswerError unless the run waits for the task, and somebody is named."""
    _check_waiting(desk, change.task_id)
    if not change.assignees:
        raise RefusedAnswerError("BAD_ASSIGNEES", "name at least one person who is to answer")


def reassign(desk: Desk, change: Reassignment) -> int:
    """Puts other people in the place of those who may answer; how often a node's task has passed on by now."""
    task = desk.tasks.get(change.task_id)
    if task is None:
        desk.assigned[change.task_id] = change.assignees
        return 0
    moved = replace(task, assignees=change.assignees, moves=task.moves + 1, news=change)
    desk.tasks[task.id] = moved
    return moved.moves


def escalated(task: OpenTask, now: datetime, deadline: datetime) -> OpenTask:
    """The task in the hands of those whom it passes to at its deadline, with as much time again."""
    return replace(
        task, assignees=task.escalate_to, escalate_to=(), deadline=deadline, reminders=(), moves=task.moves + 1
    )


def reminded(task: OpenTask, now: datetime) -> OpenTask:
    """The task without the reminders that are due; those missed meanwhile count as one."""
    left = tuple(at for at in task.reminders if at > now)
    return replace(task, reminders=left, reminded=task.reminded + 1)


def _check_waiting(desk: Desk, task_id: str) -> None:
    if task_id in desk.answers:
        raise RefusedAnswerError("TASK_ANSWERED", f"the task {task_id[:64]} is answered already")
    if task_id not in desk.open and task_id not in desk.tasks:
        raise RefusedAnswerError("NOT_WAITING", f"the run doesn't wait for an answer to the task {task_id[:64]}")


def _joined(last: Answer, agreeing: list[Answer]) -> Answer:
    """The answer of several people: what each filled in over what those before did."""
    if len(agreeing) < 2:
        return last
    filled: dict[str, object] = {}
    for vote in agreeing:
        filled.update(read_fields(vote.fields))
    comments = [f"{vote.by}: {vote.comment}" for vote in agreeing if vote.comment]
    return replace(
        last,
        by=", ".join(vote.by for vote in agreeing),
        fields=exact_json.dumps(filled) if filled else "",
        comment="\n".join(comments),
        known_as=(),
    )


__all__ = ["APPROVED", "REJECTED", "Answer", "Asking", "Desk", "OpenTask", "Reassignment", "Taken"]

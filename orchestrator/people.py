"""What people are asked while a run waits for them, and what they answer."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

APPROVED = "approved"
REJECTED = "rejected"


@dataclass(frozen=True)
class Answer:
    """What a person decided about a task. `fields` is the JSON text of what they filled in or changed, if anything."""

    task_id: str
    decision: str
    by: str = ""
    at: datetime | None = None
    fields: str = ""
    comment: str = ""


@dataclass
class Desk:
    """The tasks of a run that wait for people, and answers that nobody has taken up yet."""

    open: dict[str, Literal["approval", "question"]] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)


class RefusedAnswerError(ValueError):
    """An answer that can't be taken: why."""


def check(desk: Desk, answer: Answer) -> None:
    """RefusedAnswerError unless the run waits for this answer."""
    if answer.task_id in desk.answers:
        raise RefusedAnswerError(f"the task {answer.task_id} is answered already")
    if answer.task_id not in desk.open:
        raise RefusedAnswerError(f"the run doesn't wait for an answer to the task {answer.task_id}")

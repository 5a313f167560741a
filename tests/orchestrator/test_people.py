"""Who may answer what, and what answers come to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.people import (
    Answer,
    Desk,
    OpenTask,
    Reassignment,
    RefusedAnswerError,
    check,
    check_reassignment,
    escalated,
    reassign,
    reminded,
    take,
)
from orchestrator.task_form import DEFAULT_OPTIONS, TaskField, TaskOption, find_option, port_of, problems

AT = datetime(2026, 11, 30, tzinfo=UTC)


def desk(**changes: Any) -> Desk:
    return Desk(open={"tool": "approval"}, tasks={"t": OpenTask("t", 0, DEFAULT_OPTIONS, **changes)})


@pytest.mark.parametrize(
    ("changes", "answer", "code"),
    [
        ({}, Answer("t", "approved"), ""),
        ({}, Answer("t", "reject"), ""),
        ({}, Answer("t", "perhaps"), "BAD_DECISION"),
        ({}, Answer("u", "approved"), "NOT_WAITING"),
        ({"assignees": ("Ann@Example.org",)}, Answer("t", "approved", "ann@example.org "), ""),
        ({"assignees": ("slack:U1",)}, Answer("t", "approved", "ann", known_as=("slack:u1",)), ""),
        ({"assignees": ("ann",)}, Answer("t", "approved", "anna"), "NOT_ASSIGNED"),
        ({"assignees": ("ann",)}, Answer("t", "approved"), "NOT_ASSIGNED"),
        ({"excluded": ("ann",)}, Answer("t", "approved", "bob"), ""),
        ({"excluded": ("ann",)}, Answer("t", "approved", "bob", known_as=("ANN",)), "NOT_ASSIGNED"),
        ({"excluded": ("ann",)}, Answer("t", "approved"), "NOT_ASSIGNED"),
        ({"required": 2}, Answer("t", "approved"), "NOT_ASSIGNED"),
        ({"votes": (Answer("t", "approved", "ann"),), "required": 2}, Answer("t", "approved", "ann"), "TASK_ANSWERED"),
        ({}, Answer("t", "approved", fields="{"), "BAD_FIELDS"),
        ({}, Answer("t", "approved", fields="[]"), "BAD_FIELDS"),
        ({}, Answer("t", "approved", fields='{"a": 1}'), "BAD_FIELDS"),
        ({}, Answer("t", "approved", fields='"' + "x" * 300_000 + '"'), "BAD_FIELDS"),
        ({}, Answer("t", "approved", comment="x" * 4001), "BAD_COMMENT"),
        ({"fields": (TaskField("a", required=True),)}, Answer("t", "approved"), "BAD_FIELDS"),
        ({"fields": (TaskField("a", required=True),)}, Answer("t", "rejected"), ""),
        ({}, Answer("tool", "approved"), ""),
        ({}, Answer("tool", "later"), "BAD_DECISION"),
    ],
)
def test_check(changes: dict[str, Any], answer: Answer, code: str) -> None:
    if not code:
        check(desk(**changes), answer)
        return
    with pytest.raises(RefusedAnswerError) as refused:
        check(desk(**changes), answer)
    assert refused.value.code == code


def test_an_answered_task_is_answered() -> None:
    waiting = desk()
    assert take(waiting, Answer("t", "yes", "ann")).decision == "approved"
    assert waiting.answers["t"].decision == "approved"
    with pytest.raises(RefusedAnswerError, match="answered already"):
        check(waiting, Answer("t", "approved", "bob"))
    assert take(waiting, Answer("tool", "ok")).decision == "approved"


def test_several_agree() -> None:
    waiting = desk(required=2)
    first = take(waiting, Answer("t", "approved", "ann", AT, '{"a":1,"b":1}', "fine"))
    assert (first.decision, first.agreed, first.required) == ("", 1, 2)
    assert "t" not in waiting.answers
    assert take(waiting, Answer("t", "approved", "bob", AT, '{"b":2}')).decision == "approved"
    answer = waiting.answers["t"]
    assert (answer.by, answer.fields, answer.comment) == ("ann, bob", '{"a":1,"b":2}', "ann: fine")


def test_one_rejects() -> None:
    waiting = desk(required=3)
    take(waiting, Answer("t", "approved", "ann"))
    assert take(waiting, Answer("t", "rejected", "bob")).decision == "rejected"
    assert waiting.answers["t"].by == "bob"


def test_reassignment() -> None:
    waiting = desk(assignees=("ann",))
    with pytest.raises(RefusedAnswerError, match="at least one"):
        check_reassignment(waiting, Reassignment("t", ()))
    with pytest.raises(RefusedAnswerError, match="doesn't wait"):
        check_reassignment(waiting, Reassignment("u", ("bob",)))
    assert reassign(waiting, Reassignment("t", ("bob",))) == 1
    assert waiting.tasks["t"].assignees == ("bob",)
    assert reassign(waiting, Reassignment("tool", ("bob",))) == 0
    with pytest.raises(RefusedAnswerError, match="may not answer"):
        check(waiting, Answer("tool", "approved", "ann"))


def test_time_passes() -> None:
    hours = [AT + timedelta(hours=hour) for hour in (1, 2, 30)]
    task = OpenTask("t", 0, DEFAULT_OPTIONS, deadline=hours[2], lasts=60, reminders=(*hours[:2],), escalate_to=("x",))
    assert task.next_instant == hours[0]
    late = reminded(task, hours[1])
    assert (late.reminders, late.reminded, late.next_instant) == ((), 1, hours[2])
    moved = escalated(late, hours[2], hours[2] + timedelta(seconds=60))
    assert (moved.assignees, moved.escalate_to, moved.moves) == (("x",), (), 1)
    assert replace(moved, deadline=None).next_instant is None


@pytest.mark.parametrize(
    ("field", "value", "fits"),
    [
        (TaskField("f", type="number"), 1.5, True),
        (TaskField("f", type="number"), "1.5", False),
        (TaskField("f", type="number"), True, False),
        (TaskField("f", type="integer"), 1.5, False),
        (TaskField("f", type="integer"), 2**70, True),
        (TaskField("f", type="boolean"), False, True),
        (TaskField("f", type="boolean"), "yes", False),
        (TaskField("f", type="date"), "2026-02-30", False),
        (TaskField("f", type="date"), "2026-02-28", True),
        (TaskField("f", type="datetime"), "2026-02-28T10:00+01:00", True),
        (TaskField("f", type="email"), "a@b", True),
        (TaskField("f", type="email"), "a b@c", False),
        (TaskField("f", type="select", options=("S", "L")), "M", False),
        (TaskField("f", type="multiselect", options=("S", "L")), ["S", "L"], True),
        (TaskField("f", type="multiselect", options=("S", "L")), "S", False),
        (TaskField("f"), 5, False),
        (TaskField("f"), "x" * 20_001, False),
        (TaskField("f", required=True), "", False),
        (TaskField("f"), None, True),
    ],
)
def test_fields(field: TaskField, value: Any, fits: bool) -> None:
    found = list(problems([field], {"f": value}, complete=True))
    assert (not found) is fits, found
    assert all(sentence.startswith("F ") for _, sentence in found)


@pytest.mark.parametrize(
    ("names", "given", "found"),
    [
        (("approved", "rejected"), "Approve", "approved"),
        (("accept", "yes"), "approve", None),
        (("accept", "yes"), "yes", "yes"),
        (("later",), "approve", None),
    ],
)
def test_options(names: tuple[str, ...], given: str, found: str | None) -> None:
    option = find_option([TaskOption(name, port=port_of(name)) for name in names], given)
    assert (option.name if option else None) == found

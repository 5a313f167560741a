"""What is said of bad parameters, and which ports and names there are."""

from typing import Any

import pytest

from nodes.factory import load
from nodes.human.app import App
from nodes.human.gmail import Gmail, GmailParameters
from nodes.human.typed import instant, value
from orchestrator.model import Node, NodeType
from orchestrator.task_form import TaskField

CATALOGUE = load()


def problems(parameters: dict[str, Any], subtype: str = "APP") -> list[str]:
    node = Node(name="N", type=NodeType.HUMAN_IN_THE_LOOP_NODE, subtype=subtype, parameters=parameters)
    return [problem.message for problem in CATALOGUE.problems(node)]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"message": "m"}, ""),
        ({"message": "{{ $json.a }}", "assignees": "{{ $json.who }}", "timeout": "{{ $json.time }}"}, ""),
        ({"message": "m", "timeout": "3d", "on_timeout": "default", "default_answer": "approve"}, ""),
        ({}, '"message" is missing'),
        ({"message": "m", "on_timeout": "timeout_output"}, '"timeout" is missing; "on_timeout" needs it'),
        ({"message": "m", "escalate_to": ["x"]}, '"timeout" is missing; "escalate_to" needs it'),
        ({"message": "m", "timeout": "1d", "on_timeout": "default"}, '"default_answer" is missing'),
        ({"message": "m", "timeout": "1d", "on_timeout": "default", "default_answer": "hm"}, "has the default answer"),
        ({"message": "m", "options": ["a", "a"]}, 'two options called "a"'),
        ({"message": "m", "options": ["timeout"]}, "name of a port"),
        ({"message": "m", "options": ["{{ $json.a }}"]}, "must be written out"),
        ({"message": "m", "fields": [{"name": "f", "type": "select"}]}, '"fields[0].options" is missing'),
        ({"message": "m", "reminders": ["soon"]}, "duration"),
        ({"message": "m", "assignee": "ann"}, 'did you mean "assignees"'),
        ({"message": "m", "timeout": 0}, "more than 0"),
    ],
)
def test_validation(parameters: dict[str, Any], expected: str) -> None:
    found = problems(parameters)
    assert (not found) if not expected else any(expected in message for message in found), found


@pytest.mark.parametrize("subtype", ["SLACK", "DISCORD", "TELEGRAM", "GMAIL"])
def test_channels_take_their_own(subtype: str) -> None:
    own = {"SLACK": {"channel": "C1"}, "DISCORD": {"channel": "12"}, "TELEGRAM": {"chat_id": -5}}
    assert problems({"message": "m", **own.get(subtype, {"to": "a@b.example"})}, subtype) == []


@pytest.mark.parametrize(
    ("options", "ports"),
    [
        (None, ("approved", "rejected", "timeout")),
        (["ok", "no"], ("approved", "rejected", "timeout")),
        (["later", {"name": "ship", "port": "approved"}], ("approved", "rejected", "timeout", "later")),
        ("{{ broken", ("approved", "rejected", "timeout")),
    ],
)
def test_ports(options: Any, ports: tuple[str, ...]) -> None:
    assert App().ports({"message": "m", **({"options": options} if options else {})}).outputs == ports


def test_who_gets_a_mail_may_answer() -> None:
    given = GmailParameters(message="m", assignees=["ann"], to=["Bob <bob@example.org>"])
    assert Gmail().assignees(given) == ["ann", "bob@example.org"]


@pytest.mark.parametrize(
    ("kind", "texts", "expected"),
    [
        ("text", ["a"], "a"),
        ("text", [""], None),
        ("number", ["1.50"], 1.5),
        ("integer", ["12345678901234567890123"], 12345678901234567890123),
        ("number", ["1,5"], "1,5"),
        ("boolean", [], False),
        ("boolean", ["true"], True),
        ("boolean", ["no"], False),
        ("multiselect", ["a", "b"], ["a", "b"]),
        ("multiselect", [], None),
    ],
)
def test_texts_of_forms(kind: Any, texts: list[str], expected: Any) -> None:
    assert value(TaskField("f", type=kind), texts) == expected


def test_instants_of_forms() -> None:
    assert instant(1767225600) == "2026-01-01T00:00:00+00:00"
    assert instant("x") is None
    assert instant(10**30) == str(10**30)

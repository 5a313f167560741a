"""Triggers emit the run's input."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nodes.base import Output
from nodes.errors import PermanentError

Run = Callable[..., Awaitable[Any]]
FIELDS = [
    {"name": "id", "type": "number", "required": True},
    {"name": "tags", "type": "array"},
    {"name": "note", "type": "string"},
    {"name": "any"},
]


@pytest.mark.parametrize("subtype", ["MANUAL", "ERROR", "SUBWORKFLOW"])
async def test_the_input_goes_out_as_it_is(execute: Run, subtype: str) -> None:
    items = [{"json": {"a": 1}, "files": {"f": {"name": "x"}}}, {"json": {}}]
    assert await execute(f"TRIGGER.{subtype}", {}, items) == Output({"main": items})


async def test_a_run_without_input_emits_nothing(execute: Run) -> None:
    assert await execute("TRIGGER.MANUAL", {}, []) == Output({"main": []})


@pytest.mark.parametrize(
    "passed",
    [{"id": 1}, {"id": 2.5, "tags": [], "note": "x", "other": 1}, {"id": 1, "note": None, "any": {}}],
)
async def test_subworkflow_accepts(execute: Run, passed: dict[str, Any]) -> None:
    assert (await execute("TRIGGER.SUBWORKFLOW", {"fields": FIELDS}, [passed])).ports["main"] == [{"json": passed}]


@pytest.mark.parametrize(
    ("passed", "message"),
    [
        ({}, 'must pass the field "id"'),
        ({"id": None}, 'must pass the field "id"'),
        ({"id": "1"}, 'must pass a number as "id", not the text "1"'),
        ({"id": True}, 'must pass a number as "id", not true'),
        ({"id": 1, "tags": {}}, 'must pass a list as "tags", not an empty object'),
        ({"id": 1, "note": 5}, 'must pass a text as "note", not the number 5'),
    ],
)
async def test_subworkflow_refuses(execute: Run, passed: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message) as caught:
        await execute("TRIGGER.SUBWORKFLOW", {"fields": FIELDS}, [{"id": 1}, passed])
    assert (caught.value.code, caught.value.item) == ("INVALID_INPUT", 1)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ("{{ $json.fields }}", "parameters.fields"),
        ([{"name": "{{ a }}"}], "parameters.fields"),
        ([{"type": "number"}], "parameters.fields[0].name"),
        ([{"name": "a", "type": "date"}], "parameters.fields[0].type"),
    ],
)
def test_subworkflow_fields_are_checked(problems: Callable[..., Any], fields: Any, where: str) -> None:
    assert [problem.field for problem in problems("TRIGGER.SUBWORKFLOW", fields=fields)] == [where]

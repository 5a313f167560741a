"""MERGE: several inputs become one list."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nodes.errors import PermanentError
from nodes.factory import Catalogue
from nodes.flow.joining import MOST_ITEMS

Run = Callable[..., Awaitable[Any]]
A = [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}, {"id": None, "a": "n"}]
B = [{"id": 2.0, "b": "p"}, {"id": 3, "b": "q"}, {"id": 2, "b": "r"}, {"id": "1", "b": "s"}, {"b": "m"}]
KEYED = {"mode": "by_key", "keys": ["id"]}


@pytest.mark.parametrize(
    ("parameters", "inputs", "expected"),
    [
        ({}, [[{"a": 1}], [{"b": 2}]], [{"a": 1}, {"b": 2}]),
        ({"inputs": 3}, [[{"a": 1}], [], [{"c": 3}]], [{"a": 1}, {"c": 3}]),
        ({"mode": "by_position"}, [[{"a": 1}, {"a": 2}], [{"b": 1}]], [{"a": 1, "b": 1}]),
        (
            {"mode": "by_position", "include_unpaired": True},
            [[{"a": 1}, {"a": 2}], [{"a": 9, "b": 1}]],
            [{"a": 9, "b": 1}, {"a": 2}],
        ),
        ({"mode": "by_position"}, [[{"a": 1}], []], []),
        (
            {"mode": "cross"},
            [[{"a": 1}, {"a": 2}], [{"b": 1}, {"b": 2}]],
            [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 1}, {"a": 2, "b": 2}],
        ),
        ({"mode": "choose", "input": 1}, [[{"a": 1}], [{"b": 1}]], [{"b": 1}]),
        ({"mode": "choose", "input": 0}, [[], [{"b": 1}]], []),
        (KEYED, [A, B], [{"id": 2.0, "a": "y", "b": "p"}, {"id": 2, "a": "y", "b": "r"}]),
        (
            {**KEYED, "join": "left"},
            [A, B],
            [A[0], {"id": 2.0, "a": "y", "b": "p"}, {"id": 2, "a": "y", "b": "r"}, A[2]],
        ),
        (
            {**KEYED, "join": "outer"},
            [A, B],
            [A[0], {"id": 2.0, "a": "y", "b": "p"}, {"id": 2, "a": "y", "b": "r"}, A[2], B[1], B[3], B[4]],
        ),
        (
            {"mode": "by_key", "keys": [{"left": "user.id", "right": "owner"}, "year"]},
            [[{"user": {"id": 7}, "year": 1}], [{"owner": 7, "year": 1, "x": 1}, {"owner": 7, "year": 2}]],
            [{"user": {"id": 7}, "year": 1, "owner": 7, "x": 1}],
        ),
        (
            {**KEYED, "inputs": 3, "join": "left"},
            [[{"id": 1}], [{"id": 1, "b": 1}], [{"id": 1, "c": 1}]],
            [{"id": 1, "b": 1, "c": 1}],
        ),
        ({**KEYED, "join": "outer"}, [[], [{"id": 1}]], [{"id": 1}]),
    ],
)
async def test_merge(emitted: Run, parameters: dict[str, Any], inputs: Any, expected: Any) -> None:
    assert await emitted("FLOW.MERGE", parameters, *inputs) == {"main": expected}


async def test_files_are_kept_and_inputs_left_alone(execute: Run) -> None:
    left = {"json": {"id": 1}, "files": {"a": 1, "b": 1}}
    right = {"json": {"id": 1, "x": 1}, "files": {"b": 2}}
    output = await execute("FLOW.MERGE", KEYED, [left], [right])
    assert output.ports == {"main": [{"json": {"id": 1, "x": 1}, "files": {"a": 1, "b": 2}}]}
    assert (left, right) == (
        {"json": {"id": 1}, "files": {"a": 1, "b": 1}},
        {"json": {"id": 1, "x": 1}, "files": {"b": 2}},
    )


@pytest.mark.parametrize("parameters", [{"mode": "cross"}, KEYED])
async def test_a_product_is_limited(emitted: Run, parameters: dict[str, Any]) -> None:
    count = int(MOST_ITEMS**0.5) + 1
    with pytest.raises(PermanentError, match="more than 1,000,000 items"):
        await emitted("FLOW.MERGE", parameters, [{"id": 1}] * count, [{"id": 1}] * count)


@pytest.mark.parametrize(
    ("given", "inputs"),
    [(3, 3), (3.0, 3), (None, 2), (0, 2), (101, 2), ("x", 2), (True, 2), (1.5, 2), (float("inf"), 2)],
)
def test_ports(catalogue: Catalogue, make_node: Callable[..., Any], given: Any, inputs: int) -> None:
    parameters = {} if given is None else {"inputs": given}
    ports = catalogue.describe(make_node("FLOW.MERGE", parameters))
    assert ports is not None
    assert ports.inputs == inputs


@pytest.mark.parametrize(
    ("parameters", "code", "field"),
    [
        ({"mode": "zip"}, "INVALID_PARAMETER", "parameters.mode"),
        ({"mode": "{{ $json.mode }}"}, "INVALID_PARAMETER", "parameters.mode"),
        ({"inputs": 0}, "INVALID_PARAMETER", "parameters.inputs"),
        ({"inputs": 101}, "INVALID_PARAMETER", "parameters.inputs"),
        ({"inputs": "{{ 2 }}"}, "INVALID_PARAMETER", "parameters.inputs"),
        ({"mode": "by_key"}, "MISSING_PARAMETER", "parameters.keys"),
        ({"mode": "by_key", "keys": []}, "INVALID_PARAMETER", "parameters.keys"),
        ({"mode": "by_key", "keys": [{"left": "a"}]}, "MISSING_PARAMETER", "parameters.keys[0].right"),
        ({"mode": "by_key", "keys": ["a"], "join": "right"}, "INVALID_PARAMETER", "parameters.join"),
        ({"keys": ["a"]}, "INVALID_PARAMETER", "parameters"),
        ({"mode": "choose"}, "MISSING_PARAMETER", "parameters.input"),
        ({"mode": "choose", "input": 2}, "INVALID_PARAMETER", "parameters"),
    ],
)
def test_validation(problems: Callable[..., Any], parameters: dict[str, Any], code: str, field: str) -> None:
    assert [(problem.code, problem.field) for problem in problems("FLOW.MERGE", **parameters)] == [(code, field)]

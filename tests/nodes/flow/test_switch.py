"""SWITCH: the first rule that fits, or every one."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nodes.base import Output
from nodes.errors import PermanentError
from nodes.factory import Catalogue

Run = Callable[..., Awaitable[Any]]
YES = {"name": "yes", "condition": True}
ALSO = {"name": "also", "conditions": [{"left": 2, "operator": "gt", "right": 1}]}
NO = {"name": "no", "condition": False}
CASES = [{"name": "one", "equals": 1}, {"name": "text", "equals": "a"}, {"name": "again", "equals": 1.0}]


@pytest.mark.parametrize(
    ("parameters", "ports"),
    [
        ({"rules": [NO, YES, ALSO]}, ["yes"]),
        ({"rules": [NO, YES, ALSO], "all_matching": True}, ["yes", "also"]),
        ({"rules": [NO]}, ["default"]),
        ({"rules": [NO], "all_matching": True}, ["default"]),
        ({"rules": [{"name": "t", "condition": "true"}], "loose": True}, ["t"]),
        ({"value": 1, "cases": CASES}, ["one"]),
        ({"value": 1, "cases": CASES[:1] + CASES[2:], "all_matching": True}, ["one", "again"]),
        ({"value": None, "cases": CASES}, ["default"]),
        ({"value": "1", "cases": CASES, "loose": True}, ["one"]),
    ],
)
async def test_switch_picks_ports(execute: Run, parameters: dict[str, Any], ports: list[str]) -> None:
    item = {"json": {"a": 1}, "files": {"f": {}}}
    assert await execute("FLOW.SWITCH", parameters, [item]) == Output({port: [item] for port in ports})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"value": 2, "cases": CASES[1:2]}, r'cases\[0\].*the number 2 and the text "a"'),
        ({"rules": [NO, {"name": "x", "condition": 5}]}, r"rules\[1\]: the condition gave the number 5"),
    ],
)
async def test_a_senseless_comparison_is_an_error(execute: Run, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        await execute("FLOW.SWITCH", parameters, [{}])


@pytest.mark.parametrize(
    ("parameters", "outputs"),
    [
        ({"rules": [NO, YES]}, ("no", "yes", "default")),
        ({"value": 1, "cases": CASES}, ("one", "text", "again", "default")),
        ({}, ("default",)),
        ({"rules": "broken"}, ("default",)),
        ({"rules": [5, {"name": 5}, {"name": ""}, YES, YES]}, ("yes", "default")),
    ],
)
def test_ports_follow_the_parameters(
    catalogue: Catalogue, make_node: Callable[..., Any], parameters: dict[str, Any], outputs: tuple[str, ...]
) -> None:
    ports = catalogue.describe(make_node("FLOW.SWITCH", parameters))
    assert ports is not None
    assert ports.outputs == outputs


@pytest.mark.parametrize(
    ("parameters", "code", "field"),
    [
        ({}, "MISSING_PARAMETER", "parameters.rules"),
        ({"rules": []}, "INVALID_PARAMETER", "parameters.rules"),
        ({"rules": "{{ $json.rules }}"}, "INVALID_PARAMETER", "parameters.rules"),
        ({"cases": CASES}, "MISSING_PARAMETER", "parameters.value"),
        ({"rules": [YES], "value": 1, "cases": CASES}, "INVALID_PARAMETER", "parameters"),
        ({"rules": [YES, {**NO, "name": "yes"}]}, "INVALID_PARAMETER", "parameters"),
        ({"rules": [{**YES, "name": "default"}]}, "INVALID_PARAMETER", "parameters"),
        ({"rules": [{**YES, "name": "error"}]}, "INVALID_PARAMETER", "parameters"),
        ({"rules": [{**YES, "name": "{{ $json.x }}"}]}, "INVALID_PARAMETER", "parameters.rules[0].name"),
        ({"rules": [{"name": "x"}]}, "MISSING_PARAMETER", "parameters.rules[0].conditions"),
        ({"rules": [{"condition": True}]}, "MISSING_PARAMETER", "parameters.rules[0].name"),
        ({"rules": [{"name": "x", "condition": "yes"}]}, "INVALID_PARAMETER", "parameters.rules[0]"),
    ],
)
def test_validation(problems: Callable[..., Any], parameters: dict[str, Any], code: str, field: str) -> None:
    assert [(problem.code, problem.field) for problem in problems("FLOW.SWITCH", **parameters)] == [(code, field)]


def test_templated_values_are_fine(problems: Callable[..., Any]) -> None:
    cases = [{"name": "a", "equals": "{{ $vars.a }}"}]
    assert problems("FLOW.SWITCH", value="{{ $json.kind }}", cases=cases, all_matching="{{ true }}") == []

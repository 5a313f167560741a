"""IF and FILTER: one port or the other."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nodes.base import Output
from nodes.errors import PermanentError

Run = Callable[..., Awaitable[Any]]
TRUE = {"left": 1, "operator": "equals", "right": 1}
FALSE = {"left": 1, "operator": "gt", "right": 2}
UNLIKE = {"left": "1", "operator": "gt", "right": 2}


@pytest.mark.parametrize(
    ("parameters", "port"),
    [
        ({"condition": True}, "true"),
        ({"condition": False}, "false"),
        ({"condition": "true", "loose": True}, "true"),
        ({"condition": None, "loose": True}, "false"),
        ({"conditions": [TRUE]}, "true"),
        ({"conditions": [TRUE, FALSE]}, "false"),
        ({"conditions": [TRUE, FALSE], "combine": "or"}, "true"),
        ({"conditions": [FALSE, FALSE], "combine": "or"}, "false"),
        ({"conditions": [UNLIKE], "loose": True}, "false"),
        ({"conditions": [{**UNLIKE, "loose": True}, TRUE], "combine": "or"}, "true"),
    ],
)
async def test_if_picks_a_port_and_keeps_the_item(execute: Run, parameters: dict[str, Any], port: str) -> None:
    item = {"json": {"a": 1}, "files": {"f": {"name": "x"}}}
    assert await execute("FLOW.IF", parameters, [{}, item], item_index=1) == Output({port: [item]})
    kept = "kept" if port == "true" else "discarded"
    assert await execute("FLOW.FILTER", parameters, [{}, item], item_index=1) == Output({kept: [item]})


@pytest.mark.parametrize(
    ("parameters", "code", "message"),
    [
        ({"condition": "true"}, "NOT_BOOLEAN", 'gave the text "true"; it must give true or false'),
        ({"condition": None}, "NOT_BOOLEAN", "gave null"),
        ({"condition": 1}, "NOT_BOOLEAN", "gave the number 1"),
        ({"condition": "maybe", "loose": True}, "NOT_BOOLEAN", 'gave the text "maybe"'),
        ({"conditions": [TRUE, UNLIKE]}, "UNLIKE_TYPES", r'conditions\[1\].*the text "1" and the number 2'),
        ({"conditions": [TRUE, UNLIKE], "combine": "or"}, "UNLIKE_TYPES", r"conditions\[1\]"),
        ({}, "INVALID_PARAMETER", '"conditions" is missing'),
        ({"conditions": []}, "INVALID_PARAMETER", "at least 1 entries"),
        ({"conditions": [TRUE], "condition": True}, "INVALID_PARAMETER", 'both "condition" and "conditions"'),
    ],
)
async def test_if_refuses(execute: Run, parameters: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(PermanentError, match=message) as caught:
        await execute("FLOW.IF", parameters, [{}])
    assert caught.value.code == code


async def test_the_error_names_the_item(execute: Run) -> None:
    with pytest.raises(PermanentError) as caught:
        await execute("FLOW.IF", {"conditions": [UNLIKE]}, [{}, {}, {}], item_index=2)
    assert caught.value.item == 2


@pytest.mark.parametrize("kind", ["FLOW.IF", "FLOW.FILTER"])
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, [("MISSING_PARAMETER", "parameters.conditions")]),
        ({"condition": "{{ $json.paid }}"}, []),
        ({"condition": "{{ 1 +"}, []),  # a syntax error is found where expressions are read
        ({"condition": True}, []),
        ({"condition": "$json.paid"}, [("INVALID_PARAMETER", "parameters")]),
        ({"condition": "{{ $json.a }} or {{ $json.b }}"}, [("INVALID_PARAMETER", "parameters")]),
        ({"condition": 5}, [("INVALID_PARAMETER", "parameters")]),
        ({"conditions": "{{ $json.c }}"}, [("INVALID_PARAMETER", "parameters.conditions")]),
        ({"conditions": [{"left": "{{ 1 }}", "operator": "{{ $json.op }}"}]}, []),
        ({"conditions": [{"left": 1, "operator": "gt"}]}, [("MISSING_PARAMETER", "parameters.conditions[0].right")]),
        ({"conditions": [{"operator": "exists"}]}, [("MISSING_PARAMETER", "parameters.conditions[0].left")]),
        (
            {"conditions": [{"left": 1, "operator": "equal", "right": 1}]},
            [("INVALID_PARAMETER", "parameters.conditions[0].operator")],
        ),
        ({"conditions": [TRUE], "combine": "xor"}, [("INVALID_PARAMETER", "parameters.combine")]),
    ],
)
def test_validation(problems: Callable[..., Any], kind: str, parameters: dict[str, Any], expected: Any) -> None:
    assert [(problem.code, problem.field) for problem in problems(kind, **parameters)] == expected

"""DATA_TRANSFORMATION: set, rename, remove, split_out, map."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from nodes.errors import PermanentError

Run = Callable[..., Awaitable[Any]]
KIND = "ACTION.DATA_TRANSFORMATION"
BIG = 12345678901234567890
LONG = Decimal("0.1234567890123456789")


@pytest.mark.parametrize(
    ("parameters", "items", "expected"),
    [
        ({"operation": "set", "fields": {"v": 1}}, [{"a": 1}, {}], [{"v": 1}, {"v": 1}]),
        ({"operation": "set", "fields": {}}, [{"a": 1}], [{}]),
        ({"operation": "set", "fields": {"a": None}, "keep_others": True}, [{"a": 1, "b": 2}], [{"a": None, "b": 2}]),
        (
            {"operation": "set", "fields": {"a.b": 1, "a.c": LONG, "x.y": BIG}, "keep_others": True},
            [{"a": {"z": 0}, "x.y": 0}],
            [{"a": {"z": 0, "b": 1, "c": LONG}, "x.y": BIG}],
        ),
        ({"operation": "set", "fields": {"a.b": 1, "a.c": 2}}, [{"a": 5}], [{"a": {"b": 1, "c": 2}}]),
        ({"operation": "rename", "fields": {"a": "b"}}, [{"a": 1, "c": 2}, {"c": 3}], [{"b": 1, "c": 2}, {"c": 3}]),
        ({"operation": "rename", "fields": {"a": "b", "b": "a"}}, [{"a": 1, "b": 2}], [{"b": 1, "a": 2}]),
        ({"operation": "rename", "fields": {"a": "b"}}, [{"b": 0, "a": 1}], [{"b": 1}]),
        ({"operation": "rename", "fields": {"a.b": "c"}}, [{"a": {"b": 1, "x": 2}}], [{"a": {"x": 2}, "c": 1}]),
        ({"operation": "rename", "fields": {"c": "a.b"}}, [{"c": 1}], [{"a": {"b": 1}}]),
        ({"operation": "rename", "fields": {"a": "a"}}, [{"a": 1}], [{"a": 1}]),
        ({"operation": "remove", "fields": ["a", "b.c", "no"]}, [{"a": 1, "b": {"c": 1, "d": 2}}], [{"b": {"d": 2}}]),
        ({"operation": "split_out", "field": "l"}, [{"l": [{"a": 1}, {"a": 2}], "x": 1}], [{"a": 1}, {"a": 2}]),
        ({"operation": "split_out", "field": "l"}, [{"l": [1, None, [2]]}], [{"l": 1}, {"l": None}, {"l": [2]}]),
        ({"operation": "split_out", "field": "o.l"}, [{"o": {"l": ["x", {"y": 1}]}}], [{"l": "x"}, {"y": 1}]),
        ({"operation": "split_out", "field": "l"}, [{"l": None}, {"l": []}], []),
        (
            {"operation": "split_out", "field": "l", "keep_others": True},
            [{"l": [{"a": 1}, 2], "x": 1}],
            [{"x": 1, "a": 1}, {"x": 1, "l": 2}],
        ),
        ({"operation": "map", "expression": {"a": BIG}}, [{}, {}], [{"a": BIG}, {"a": BIG}]),
        ({"operation": "map", "expression": [{"a": 1}, {"a": 2}]}, [{}], [{"a": 1}, {"a": 2}]),
        ({"operation": "map", "expression": []}, [{}], []),
    ],
)
async def test_shaping(emitted: Run, parameters: dict[str, Any], items: Any, expected: Any) -> None:
    assert await emitted(KIND, parameters, items) == {"main": expected}


@pytest.mark.parametrize(
    ("parameters", "item", "code", "message"),
    [
        ({"operation": "set", "fields": {"a.b": 1}, "keep_others": True}, {"a": 5}, "INVALID_FIELD", "number 5"),
        ({"operation": "split_out", "field": "l"}, {"list": []}, "MISSING_FIELD", 'lacks; it has "list"'),
        ({"operation": "split_out", "field": "l"}, {}, "MISSING_FIELD", "it is empty"),
        ({"operation": "split_out", "field": "l"}, {"l": {"a": 1}}, "INVALID_FIELD", "split_out needs a list"),
        ({"operation": "split_out", "field": "l"}, {"l": "a,b"}, "INVALID_FIELD", 'the text "a,b"'),
        ({"operation": "map", "expression": None}, {}, "INVALID_PARAMETER", 'parameter "expression" is null'),
        ({"operation": "map", "expression": 5}, {}, "INVALID_PARAMETER", "is the number 5; it must give an object"),
        ({"operation": "map", "expression": [{}, 5]}, {}, "INVALID_PARAMETER", "holds the number 5"),
        ({"operation": "rename", "fields": {"a": 5}}, {}, "INVALID_PARAMETER", '"fields.a" is the number 5'),
        ({"operation": "explode"}, {}, "INVALID_PARAMETER", 'expected one of "set"'),
        ({}, {}, "INVALID_PARAMETER", '"operation" is missing'),
    ],
)
async def test_refusals(execute: Run, parameters: dict[str, Any], item: Any, code: str, message: str) -> None:
    with pytest.raises(PermanentError, match=message) as caught:
        await execute(KIND, parameters, [{}, item], item_index=1)
    assert caught.value.code == code
    if code != "INVALID_PARAMETER":
        assert caught.value.item == 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"operation": "set", "fields": {"v": 1}},
        {"operation": "rename", "fields": {"a": "b"}},
        {"operation": "remove", "fields": ["a"]},
        {"operation": "split_out", "field": "list"},
        {"operation": "map", "expression": [{"b": 1}, {"b": 2}]},
    ],
)
async def test_files_stay(execute: Run, parameters: dict[str, Any]) -> None:
    item = {"json": {"a": 1, "list": [{"b": 1}, {"b": 2}]}, "files": {"f": {"name": "x"}}}
    output = await execute(KIND, parameters, [item])
    assert [item["files"] for item in output.ports["main"]] == [{"f": {"name": "x"}}] * len(output.ports["main"])
    assert item["json"] == {"a": 1, "list": [{"b": 1}, {"b": 2}]}

"""Dotted paths into items."""

from typing import Any

import pytest

from nodes.errors import PermanentError
from nodes.fields import MISSING, drop, get, put, require

DATA = {"a": {"b": 1, "c.d": 2}, "a.b": "literal", "list": [{"x": 1}, {"x": 2}], "null": None}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", {"b": 1, "c.d": 2}),
        ("a.b", "literal"),
        ("list.1.x", 2),
        ("list.2.x", MISSING),
        ("list.-1", MISSING),
        ("null", None),
        ("null.x", MISSING),
        ("nothing", MISSING),
        ("a.c.d", MISSING),
        ("a.b.c", MISSING),
    ],
)
def test_get(path: str, expected: Any) -> None:
    assert get(DATA, path) == expected


@pytest.mark.parametrize(
    ("data", "path", "expected"),
    [
        ({}, "a.b.c", {"a": {"b": {"c": 9}}}),
        ({"a.b": 1}, "a.b", {"a.b": 9}),
        ({"a": {"x": 1}}, "a.b", {"a": {"x": 1, "b": 9}}),
        ({"a": None}, "a.b", {"a": {"b": 9}}),
        ({"l": [1, 2]}, "l.1", {"l": [1, 9]}),
        ({"l": [{"x": 1}]}, "l.0.y", {"l": [{"x": 1, "y": 9}]}),
        ({"a": 1, "b": 2}, "a", {"a": 9, "b": 2}),
    ],
)
def test_put_leaves_the_original(data: dict[str, Any], path: str, expected: Any) -> None:
    before = repr(data)
    assert put(data, path, 9) == expected
    assert repr(data) == before


@pytest.mark.parametrize("data", [{"a": 5}, {"a": [1]}, {"a": "text"}])
def test_put_refuses_what_is_no_object(data: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match=r'"a\.b" can\'t be set'):
        put(data, "a.b", 1)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", {"b": {"c": [1, 2]}, "x.y": 1}),
        ("b.c", {"a": 1, "b": {}, "x.y": 1}),
        ("b.c.0", {"a": 1, "b": {"c": [2]}, "x.y": 1}),
        ("x.y", {"a": 1, "b": {"c": [1, 2]}}),
        ("nothing.here", {"a": 1, "b": {"c": [1, 2]}, "x.y": 1}),
    ],
)
def test_drop(path: str, expected: Any) -> None:
    assert drop({"a": 1, "b": {"c": [1, 2]}, "x.y": 1}, path) == expected


def test_require_names_what_there_is() -> None:
    with pytest.raises(PermanentError, match=r'parameter "field" names the field "orders".*it has "order"') as caught:
        require({"order": 1}, "orders", "field", item=3)
    assert (caught.value.code, caught.value.item) == ("MISSING_FIELD", 3)

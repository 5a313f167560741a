"""Schemas check values, name what is wrong, fetch nothing and don't hang."""

import time
from decimal import Decimal
from typing import Any

import pytest

from nodes.json_schema import InvalidSchema, Schema

CITY = {
    "type": "object",
    "required": ["city"],
    "properties": {"city": {}, "n": {"type": "integer"}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "value", "problems"),
    [
        (CITY, {"city": "Bern", "n": 1}, []),
        (CITY, {}, ['"a.city" is missing']),
        (CITY, {"city": 1, "m": 2}, ['"a.m" is unknown']),
        (CITY, {"city": 1, "n": "x"}, ['"a.n": "x" is not of type "integer"']),
        ({"items": {"required": ["q"]}}, [{"q": 1}, {}], ['"a[1].q" is missing']),
        ({"minimum": Decimal("1.5")}, Decimal("1.4"), ['"a": 1.4 is less than the minimum of 1.5']),
        (True, 1, []),
        (False, 1, ['"a": False schema does not allow 1']),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "null"}}}, None, []),
        ({"$schema": "https://spec.openapis.org/oas/3.1/dialect/base", "type": "integer"}, 1, []),
        ({"format": "date"}, "yesterday", []),
        ({"pattern": "^(?!x)[a-z]+$"}, "abc", []),
    ],
)
def test_problems_name_the_place(schema: Any, value: Any, problems: list[str]) -> None:
    assert Schema(schema).problems(value, "a") == problems


def test_formats_are_checked_on_demand() -> None:
    assert Schema({"format": "date"}, formats=True).problems("yesterday") != []


def test_many_problems_are_cut_and_long_values_too() -> None:
    problems = Schema({"items": {"type": "null"}}).problems(["x" * 10_000] * 100)
    assert len(problems) == 10
    assert max(map(len, problems)) < 400


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"pattern": "("},
        {"$ref": "http://127.0.0.1:9/other"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/$defs/none"},
    ],
)
def test_an_unusable_schema_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidSchema):
        Schema(schema)


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"pattern": r"^(a+)+\1$"}])
def test_circles_and_patterns_end_soon(schema: dict[str, Any]) -> None:
    begun = time.monotonic()
    Schema(schema).problems("a" * 40 + "b")
    assert time.monotonic() - begun < 2

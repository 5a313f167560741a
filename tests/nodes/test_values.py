"""JSON values: their kinds, how they are shown, when they are the same."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.values import comparable, identity, kind, listed, number_in, plain, same, shown

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=3), children, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "expected", "text"),
    [
        (None, "null", "null"),
        (True, "boolean", "true"),
        (0, "number", "the number 0"),
        (Decimal("1.50"), "number", "the number 1.50"),
        ("a", "text", 'the text "a"'),
        ("x" * 50, "text", f'the text "{"x" * 40}…"'),
        ([1, 2], "list", "a list of 2"),
        ({}, "object", "an empty object"),
        ({"a": 1, "b": 2}, "object", 'an object with "a", "b"'),
        (10**60, "number", "the number 1" + "0" * 39 + "…"),
    ],
)
def test_kind_and_shown(value: Any, expected: str, text: str) -> None:
    assert kind(value) == expected
    assert shown(value) == text


def test_listed_is_cut() -> None:
    assert listed(["a", "b", "c"], 2) == '"a", "b" and 1 more'


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (1, "1", False),
        (None, False, False),
        (0.1, Decimal("0.1"), True),
        (1e23, 10**23, True),
        (2**53, 2.0**53, True),
        (2**53 + 1, 2.0**53, False),
        ([1, {"a": 2}], [1.0, {"a": 2.0}], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": None}, {}, False),
        ("a", ["a"], False),
    ],
)
def test_same(left: Any, right: Any, expected: bool) -> None:
    assert same(left, right) is expected
    assert same(right, left) is expected


@given(JSON)
def test_a_value_is_itself_and_can_be_a_key(value: Any) -> None:
    assert same(value, value)
    assert hash(identity(value)) == hash(identity(value))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_survives_being_compared(number: float) -> None:
    assert float(comparable(number)) == number
    assert plain(comparable(number)) == number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        (" -2.5 ", -2.5),
        ("1e3", 1000.0),
        ("12345678901234567890", 12345678901234567890),
        ("0.12345678901234567890123", Decimal("0.12345678901234567890123")),
        ("007", None),
        ("1,5", None),
        ("", None),
        ("NaN", None),
        ("٣", None),
        ("1e999999", None),
        ("9" * 5000, None),
    ],
)
def test_number_in(text: str, expected: Any) -> None:
    assert number_in(text) == expected

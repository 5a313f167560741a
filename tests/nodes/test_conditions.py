"""Every operator, strict and loose."""

from decimal import Decimal
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.conditions import Operator, compare
from nodes.errors import PermanentError

BIG = 2**53

HOLDS: list[tuple[Any, str, Any]] = [
    (5, "equals", 5.0),
    (0.1, "equals", Decimal("0.1")),
    ("a", "equals", "a"),
    (None, "equals", None),
    ([1, {"a": 2}], "equals", [1.0, {"a": 2}]),
    (None, "not_equals", "a"),
    (0, "not_equals", None),
    (True, "not_equals", False),
    (BIG + 1, "gt", float(BIG)),
    (Decimal("0.10000000000000000001"), "gt", 0.1),
    (2, "gte", 2.0),
    ("2026-01-02", "gt", "2026-01-01"),
    ("a", "lt", "b"),
    (-1, "lte", -1),
    ("hello", "contains", "ell"),
    ("hello", "not_contains", "x"),
    ([1, 2], "contains", 2.0),
    ([], "not_contains", 2),
    ([None, 1], "contains", None),
    ({"a": 1}, "contains", "a"),
    ("hello", "starts_with", "he"),
    ("hello", "ends_with", "lo"),
    ("order-42", "matches", r"^order-\d+$"),
    ("ORDER", "matches", "/order/i"),
    ("a/b", "matches", "a/b"),
    ("a", "in", ["a", "b"]),
    ("a", "in", "cab"),
    ("k", "in", {"k": 1}),
    (0, "exists", None),
    ("", "exists", None),
    (None, "not_exists", None),
    ("", "empty", None),
    ([], "empty", None),
    (None, "empty", None),
    (0, "not_empty", None),
    (False, "not_empty", None),
    (True, "is_true", None),
    (False, "is_false", None),
]
FAILS: list[tuple[Any, str, Any]] = [
    (5, "equals", 6),
    (None, "equals", 0),
    (None, "equals", ""),
    ("a", "equals", "A"),
    ({"a": 1}, "equals", {"a": True}),
    (1, "not_equals", 1.0),
    (float(BIG), "gt", BIG),
    ("10", "gt", "9"),
    ("hello", "contains", "H"),
    (["a"], "contains", "b"),
    ("c", "in", ["a", "b"]),
    (1, "in", []),
    (None, "exists", None),
    ("x", "empty", None),
    (None, "is_true", None),
    (None, "is_false", None),
    (False, "is_true", None),
]
UNLIKE: list[tuple[Any, str, Any]] = [
    ("5", "equals", 5),
    (True, "equals", 1),
    (True, "equals", "true"),
    ([], "equals", {}),
    ("5", "not_equals", 5),
    ("10", "gt", 9),
    (None, "gt", 1),
    (None, "lt", None),
    (True, "gt", False),
    ([1], "lt", [2]),
    (5, "contains", 5),
    (None, "contains", "a"),
    ("a5", "contains", 5),
    (["1"], "contains", 1),
    ("1", "in", [1, 2]),
    ("1", "in", 5),
    (5, "starts_with", "5"),
    (5, "matches", "5"),
    ("true", "is_true", None),
    (0, "is_false", None),
]
LOOSE: list[tuple[Any, str, Any]] = [
    ("5", "equals", 5),
    (5, "equals", " 5.0 "),
    ("TRUE", "equals", True),
    (True, "equals", 1),
    (None, "equals", ""),
    ("10", "gt", 9),
    ("5x", "not_equals", 5),
    ([1], "equals", "[1]"),
    (5, "starts_with", "5"),
    ("a5", "contains", 5),
    (["1"], "contains", 1),
    ("1", "in", [1, 2]),
    ("yes", "not_contains", 5),
    ("true", "is_true", None),
    (1, "is_true", None),
    (0, "is_false", None),
    ("", "is_false", None),
]


@pytest.mark.parametrize(("left", "operator", "right"), HOLDS)
def test_holds(left: Any, operator: Operator, right: Any) -> None:
    assert compare(operator, left, right) is True


@pytest.mark.parametrize(("left", "operator", "right"), FAILS)
def test_does_not_hold(left: Any, operator: Operator, right: Any) -> None:
    assert compare(operator, left, right) is False


@pytest.mark.parametrize(("left", "operator", "right"), UNLIKE)
def test_unlike_values_are_an_error(left: Any, operator: Operator, right: Any) -> None:
    with pytest.raises(PermanentError) as caught:
        compare(operator, left, right, where="conditions[2]")
    assert caught.value.code == "UNLIKE_TYPES"
    assert caught.value.message.startswith("conditions[2]: ")
    assert "loose" in caught.value.hint


@pytest.mark.parametrize(("left", "operator", "right"), LOOSE)
def test_loose_converts_first(left: Any, operator: Operator, right: Any) -> None:
    assert compare(operator, left, right, loose=True) is True


def test_both_values_are_named() -> None:
    with pytest.raises(PermanentError, match='the text "5" and the number 5 are of unlike types'):
        compare("equals", "5", 5)


def test_every_operator_is_in_a_table() -> None:
    assert {operator for _, operator, _ in HOLDS} == set(get_args(Operator))


ALIKE = st.tuples(st.integers(), st.integers() | st.floats(allow_nan=False, allow_infinity=False)) | st.tuples(
    st.text(), st.text()
)


@given(ALIKE)
def test_exactly_one_order_holds(pair: tuple[Any, Any]) -> None:
    left, right = pair
    results = [compare(cast(Operator, name), left, right) for name in ("lt", "equals", "gt")]
    assert results.count(True) == 1
    assert compare("lte", left, right) is not compare("gt", left, right)
    assert compare("gte", left, right) is compare("lte", right, left)

"""JSON without a lost digit."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.exact_json import MAX_DEPTH, NotJson, check, dumps, loads

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)))
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=20
)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12345678901234567890123", 12345678901234567890123),
        ("0.1", 0.1),
        ("1.0", 1.0),
        ("0.1000000000000000055", Decimal("0.1000000000000000055")),
        ("1e400", Decimal("1e400")),
        ("1.10", 1.1),
        ('{"b":1,"a":2}', {"b": 1, "a": 2}),
        ('"\\u0000"', "\0"),
    ],
)
def test_loads_keeps_every_digit(text: str, value: Any) -> None:
    found = loads(text)
    assert found == value
    assert type(found) is type(value)
    assert loads(dumps(found)) == value


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (float("nan"), ""),
        ({"a": [1, float("inf")]}, "a[1]"),
        (Decimal("NaN"), ""),
        (Decimal("1e99999"), ""),
        ({"a": {1: 2}}, "a"),
        ({None: 1}, ""),
        ({"a": {1, 2}}, "a"),
        (b"bytes", ""),
        (["\ud800"], "[0]"),
        ({"\udfff": 1}, ""),
        (object(), ""),
        ([10**5000], "[0]"),
    ],
)
def test_dumps_refuses_what_json_cannot_carry(value: Any, path: str) -> None:
    with pytest.raises(NotJson) as caught:
        dumps(value)
    assert caught.value.path == path


def test_nesting_is_bounded_both_ways() -> None:
    check(nested(MAX_DEPTH))
    assert loads("[" * MAX_DEPTH + "]" * MAX_DEPTH) == nested(MAX_DEPTH)
    with pytest.raises(NotJson, match="deeper"):
        check(nested(MAX_DEPTH + 1))
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(NotJson, match="deeper"):
            loads("[" * depth + "]" * depth)


def test_a_cycle_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotJson, match="deeper"):
        dumps(value)


@pytest.mark.parametrize(
    "text", ["", "[1", "NaN", "{1:2}", b"\xff", '"\\ud800"', "01", "1" * 5000, "1e99999999999999999999"]
)
def test_loads_refuses_what_is_not_json(text: str | bytes) -> None:
    with pytest.raises(NotJson):
        loads(text)


@given(TREES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert loads(dumps(value)) == value

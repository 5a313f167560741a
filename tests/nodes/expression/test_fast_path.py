"""A look-up in Python gives what JavaScript gives."""

import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodes.expression.errors import ExpressionError
from nodes.expression.expressions import Expressions
from nodes.expression.scope import NOT_PLAIN, Scope, look_up
from nodes.expression.text import number_text
from orchestrator.exact_json import NotJson, loads
from orchestrator.expression import parse

KEYS = st.sampled_from(
    ["a", "b c", "0", "1", "-1", "01", "length", "toString", "constructor", "__proto__", "é", "valueOf", ""]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('ab"\\\n\u2028é😀\0', max_size=4)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
STEPS = st.lists(KEYS | st.integers(0, 3), max_size=4)
ROOTS = ["$json", "$input.first().json", "$('N').item.json", "$('N').last().json", "$trigger", "$vars"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def same(one: Any, other: Any) -> bool:
    """Equal, but for the place of keys such as "0", which JavaScript always puts first."""
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return float(one) == float(other) and isinstance(one, bool) == isinstance(other, bool)
    return bool(one == other)


def parsed(text: str) -> Any:
    try:
        return loads(text.removeprefix("x "))
    except NotJson:
        return text


def literal(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in step)
    return f"['{escaped}']"


@given(data=st.dictionaries(KEYS, VALUES, max_size=3), steps=STEPS, root=st.sampled_from(ROOTS), text=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_python_and_javascript_agree(
    expressions: Expressions, data: dict[str, Any], steps: list[str | int], root: str, text: bool
) -> None:
    item = {"json": data}
    scope = Scope(items=[item], now=NOW, nodes={"N": {"main": [item]}}, trigger=[item], vars=data)
    path = root + "".join(map(literal, steps))
    # The comma keeps the second from being taken for a plain path.
    plain, computed = (
        "x {{ " + source + " }}" if text else "{{ " + source + " }}" for source in (path, f"(0, {path})")
    )
    first = (await expressions.resolve(plain, scope, [0]))[0]
    second = (await expressions.resolve(computed, scope, [0]))[0]
    if isinstance(second, ExpressionError):
        assert isinstance(first, ExpressionError)
    else:
        assert same(*map(parsed, (first, second))) if text else same(first, second)


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        ("$json.a", True),
        ("$json.missing", True),
        ("$json.list[0]", True),
        ("$json['list']['1']", True),
        ("$json.missing.deeper", False),
        ("$json.toString", False),
        ("$json.list.length", False),
        ("$json.list[7]", False),
        ("$json.text[0]", False),
        ("$('N').first().json", False),
    ],
)
def test_python_looks_up_own_keys_only(source: str, plain: bool) -> None:
    scope = Scope(items=[{"json": {"a": 1, "list": [1, 2], "text": "abc"}}], now=NOW)
    (expression,) = parse("{{ " + source + " }}").expressions
    assert expression.path is not None
    assert (look_up(expression.path, scope, 0) is not NOT_PLAIN) == plain


@given(st.binary(min_size=8, max_size=8).map(lambda raw: struct.unpack("d", raw)[0]))
@settings(max_examples=300)
def test_numbers_are_written_with_javascripts_digits(number: float) -> None:
    if number == number and abs(number) != float("inf"):
        text = number_text(number)
        assert float(text) == number
        assert len(text.replace("-", "").replace(".", "").replace("e", "").replace("+", "")) <= 27


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e-7, "1.5e-7"),
        (0.000001, "0.000001"),
        (123456789012345680000.0, "123456789012345680000"),
        (5e-324, "5e-324"),
        (2**70, str(2**70)),
    ],
)
def test_number_text(number: float, text: str) -> None:
    assert number_text(number) == text

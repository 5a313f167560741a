"""What Python computes of a formula is what JavaScript gives."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodes.expression.compute import compute
from nodes.expression.errors import ExpressionError
from nodes.expression.expressions import Expressions
from nodes.expression.scope import NOT_PLAIN, Scope
from orchestrator.exact_json import dumps
from orchestrator.expression import parse
from orchestrator.formula import BINDING, read
from tests.nodes.expression.test_fast_path import same

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DATA = {
    "n": 3,
    "half": 0.5,
    "zero": 0,
    "large": 2**53 - 1,
    "huge": 2**60,
    "minus": -7,
    "text": "Ann",
    "empty": "",
    "wide": "\uffee",
    "astral": "😀",
    "yes": True,
    "no": False,
    "nothing": None,
    "list": [1, 2],
    "object": {"a": 1},
    "text number": "12",
}
OPERANDS = [f"$json.{name}" if " " not in name else f"$json['{name}']" for name in (*DATA, "missing")]
OPERANDS += ["0", "1", "2.50", "'x'", '"Ann"', "true", "false", "null", "$itemIndex", "$json.list[1]"]
SCOPE = Scope(items=[{"json": DATA}], now=NOW)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(inner, st.sampled_from(sorted(BINDING)), inner).map(" ".join)
    unary = st.tuples(st.sampled_from(["!", "-", "!!"]), inner).map("".join)
    choice = st.tuples(inner, inner, inner).map(lambda parts: "{} ? {} : {}".format(*parts))
    return binary | binary | unary | choice | inner.map(lambda part: f"({part})")


def in_python(source: str) -> Any:
    (expression,) = parse("{{ " + source + " }}").expressions
    formula = read(expression)
    return NOT_PLAIN if formula is None else compute(formula, SCOPE, 0)


@given(source=st.recursive(st.sampled_from(OPERANDS), _combined, max_leaves=6))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_python_and_javascript_agree(expressions: Expressions, source: str) -> None:
    ours = in_python(source)
    if ours is NOT_PLAIN:
        return
    # The comma makes it more than a formula.
    (theirs,) = await expressions.resolve("{{ (0, " + source + ") }}", SCOPE, [0])
    assert not isinstance(theirs, ExpressionError), theirs
    assert same(ours, theirs), (source, ours, theirs)
    dumps(ours)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("$json.n + 1", 4),
        ("$json.n * 2 - 10 / 4", 3.5),
        ("$json.n === 3 && $json.text === 'Ann'", True),
        ("$json.missing || 'none'", "none"),
        ("$json.yes ? $json.n : $json.half", 3),
        ("!($json.n > 2)", False),
        ("$json.text + ' is ' + $json.n", "Ann is 3"),
        ("$json.minus % 4", -3),
        ("$json.nothing == null", True),
        ("$json.missing === null", False),
        ("$json.list && $json.empty", ""),
        ("$json.n / $json.half", 6),
        ("-$json.zero", 0),
    ],
)
def test_what_is_computed(source: str, value: Any) -> None:
    found = in_python(source)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "source",
    [
        "$json.large + 2",
        "$json.huge + 1",
        "$json.n / 0",
        "$json.n + true",
        "$json.n + $json.nothing",
        "$json.n == '3'",
        "$json.list === $json.list",
        "$json.wide < $json.astral",
        "$json.missing.deeper + 1",
        "$json.list.length > 1",
        "$json.text.toUpperCase() + 'x'",
        "$json.n ?? 1",
        "2 ** 3",
        "$json.n & 1",
        "$json.n >> 1",
        "$json.n = 1",
        "$json.n += 1",
        "$json.n++ + 1",
        "1, 2",
        "() => 1",
        "010 + 1",
        "0x10 + 1",
        "1e3 + 1",
        "(" * 60 + "1" + ")" * 60,
    ],
)
def test_what_is_left_to_javascript(source: str) -> None:
    assert in_python(source) is NOT_PLAIN

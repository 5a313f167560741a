"""DATA_TRANSFORMATION: aggregate, summarize."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.action.transformation.statistics import average, total
from nodes.errors import PermanentError

Run = Callable[..., Awaitable[Any]]
KIND = "ACTION.DATA_TRANSFORMATION"
SALES = [
    {"who": "ann", "total": 0.1, "tag": "a"},
    {"who": "bob", "total": 5, "tag": "b"},
    {"who": "ann", "total": 0.2, "tag": "a"},
    {"who": "ann", "total": None},
]


def figures(*values: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"operation": "summarize", "values": list(values), **others}


@pytest.mark.parametrize(
    ("parameters", "items", "expected"),
    [
        (
            {"operation": "aggregate", "field": "id", "into": "shipped"},
            [{"id": 1}, {"id": None}, {}, {"id": 2}],
            [{"shipped": [1, None, 2]}],
        ),
        ({"operation": "aggregate", "field": "a.id"}, [{"a": {"id": 1}}], [{"id": [1]}]),
        ({"operation": "aggregate"}, [{"a": 1}, {}], [{"items": [{"a": 1}, {}]}]),
        ({"operation": "aggregate", "into": "x.y"}, [{"a": 1}], [{"x": {"y": [{"a": 1}]}}]),
        ({"operation": "aggregate", "field": "id"}, [], [{"id": []}]),
        (
            figures({"field": "total", "how": "sum"}, {"how": "count"}, group_by=["who"]),
            SALES,
            [{"who": "ann", "sum_total": 0.3, "count": 3}, {"who": "bob", "sum_total": 5, "count": 1}],
        ),
        (
            figures(
                {"field": "total", "how": "count"},
                {"field": "total", "how": "avg", "as": "mean"},
                {"field": "total", "how": "min"},
                {"field": "total", "how": "max"},
            ),
            SALES,
            [{"count_total": 3, "mean": 1.7666666666666666, "min_total": 0.1, "max_total": 5}],
        ),
        (
            figures(
                {"field": "tag", "how": "unique"},
                {"field": "tag", "how": "count_unique"},
                {"field": "tag", "how": "first"},
                {"field": "tag", "how": "last"},
                {"field": "tag", "how": "concat"},
                {"field": "total", "how": "concat", "separator": "/"},
            ),
            SALES,
            [
                {
                    "unique_tag": ["a", "b"],
                    "count_unique_tag": 2,
                    "first_tag": "a",
                    "last_tag": "a",
                    "concat_tag": "a, b, a",
                    "concat_total": "0.1/5/0.2",
                }
            ],
        ),
        (
            figures({"field": "v.x", "how": "sum"}, group_by=["g.h"]),
            [{"g": {"h": 1}, "v": {"x": 1}}, {"g": {"h": 1.0}, "v": {"x": 2}}],
            [{"g": {"h": 1}, "sum_v_x": 3}],
        ),
        (
            figures({"field": "v", "how": "sum"}, {"field": "v", "how": "avg"}, {"field": "v", "how": "first"}),
            [{}],
            [{"sum_v": 0, "avg_v": None, "first_v": None}],
        ),
        (figures({"how": "count"}), [], [{"count": 0}]),
        (figures({"how": "count"}, group_by=["a"]), [], []),
        (figures({"field": "d", "how": "max"}), [{"d": "2026-01-01"}, {"d": "2026-01-02"}], [{"max_d": "2026-01-02"}]),
    ],
)
async def test_aggregating(emitted: Run, parameters: dict[str, Any], items: Any, expected: Any) -> None:
    assert await emitted(KIND, parameters, items) == {"main": expected}


@pytest.mark.parametrize(
    ("how", "values", "message", "item"),
    [
        ("sum", [1, "2"], 'is the text "2" here; expected a number', 1),
        ("avg", [True], "is true here; expected a number", 0),
        ("min", [1, "a"], 'is the text "a" here; expected a number, like the others', 1),
        ("max", ["a", None, 1], "is the number 1 here; expected text", 2),
        ("max", [[1]], "is a list of 1 here; expected a number or text", 0),
    ],
)
async def test_unfit_values(emitted: Run, how: str, values: list[Any], message: str, item: int) -> None:
    with pytest.raises(PermanentError, match=message) as caught:
        await emitted(KIND, figures({"field": "v", "how": how}), [{"v": value} for value in values])
    assert caught.value.item == item


@pytest.mark.parametrize(
    ("parameters", "code", "field"),
    [
        (figures(), "INVALID_PARAMETER", "parameters.values"),
        (figures({"how": "sum"}), "MISSING_PARAMETER", "parameters.values[0].field"),
        (figures({"field": "a", "how": "median"}), "INVALID_PARAMETER", "parameters.values[0].how"),
        (figures({"field": "a", "how": "sum"}, {"field": "a", "how": "sum"}), "INVALID_PARAMETER", "parameters"),
        (figures({"field": "a", "how": "sum", "as": "g"}, group_by=["g"]), "INVALID_PARAMETER", "parameters"),
        (figures({"field": "a", "how": "sum", "name": "x"}), "UNKNOWN_PARAMETER", "parameters.values[0].name"),
    ],
)
def test_validation(problems: Callable[..., Any], parameters: dict[str, Any], code: str, field: str) -> None:
    assert [(problem.code, problem.field) for problem in problems(KIND, **parameters)] == [(code, field)]


@pytest.mark.parametrize(
    ("values", "sum_", "mean"),
    [
        ([0.1, 0.2], 0.3, 0.15),
        ([2**53, 1], 2**53 + 1, Decimal("4503599627370496.5")),
        ([1, 2, 2], 5, 1.6666666666666667),
        ([2.5, 1.5], 4, 2),
        (
            [Decimal("0.10000000000000000001"), 0.2],
            Decimal("0.30000000000000000001"),
            Decimal("0.150000000000000000005"),
        ),
    ],
)
def test_figures_are_exact(values: list[Any], sum_: Any, mean: Any) -> None:
    placed = list(enumerate(values))
    assert total(placed, "v") == sum_
    assert average(placed, "v") == mean
    assert type(total(placed, "v")) is type(sum_)


@given(st.lists(st.integers(-(10**6), 10**6).map(lambda cents: cents / 100), min_size=1))
def test_sums_of_money_are_right_to_the_cent(amounts: list[float]) -> None:
    cents = sum(round(amount * 100) for amount in amounts)
    result = total(list(enumerate(amounts)), "v")
    assert result == cents / 100

"""DATA_TRANSFORMATION: sort, limit, deduplicate."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.action.transformation.ordering import Sort
from nodes.errors import PermanentError

Run = Callable[..., Awaitable[Any]]
KIND = "ACTION.DATA_TRANSFORMATION"


def rows(field: str, *values: Any) -> list[dict[str, Any]]:
    return [{field: value} for value in values]


@pytest.mark.parametrize(
    ("parameters", "items", "expected"),
    [
        ({"operation": "sort", "by": ["a"]}, rows("a", 3, 1, 2.5), rows("a", 1, 2.5, 3)),
        ({"operation": "sort", "by": [{"field": "a", "order": "desc"}]}, rows("a", 1, None, 3), rows("a", 3, 1, None)),
        ({"operation": "sort", "by": [{"field": "a"}]}, [{}, {"a": None}, {"a": 0}], [{"a": 0}, {}, {"a": None}]),
        ({"operation": "sort", "by": ["a"]}, rows("a", "b", "B", "a"), rows("a", "B", "a", "b")),
        ({"operation": "sort", "by": ["a"]}, rows("a", True, False), rows("a", False, True)),
        (
            {"operation": "sort", "by": ["a"]},
            rows("a", 2**53 + 1, 2.0**53, Decimal("0.10000000000000000001"), 0.1),
            rows("a", 0.1, Decimal("0.10000000000000000001"), 2.0**53, 2**53 + 1),
        ),
        (
            {"operation": "sort", "by": [{"field": "x.g"}, {"field": "n", "order": "desc"}]},
            [{"x": {"g": "b"}, "n": 1}, {"x": {"g": "a"}, "n": 1}, {"x": {"g": "a"}, "n": 2}],
            [{"x": {"g": "a"}, "n": 2}, {"x": {"g": "a"}, "n": 1}, {"x": {"g": "b"}, "n": 1}],
        ),
        ({"operation": "sort", "by": ["a"]}, rows("b", 2, 1), rows("b", 2, 1)),
        ({"operation": "limit", "count": 2}, rows("a", 1, 2, 3), rows("a", 1, 2)),
        ({"operation": "limit", "count": 2, "from": "last"}, rows("a", 1, 2, 3), rows("a", 2, 3)),
        ({"operation": "limit", "count": 5, "from": "last"}, rows("a", 1), rows("a", 1)),
        ({"operation": "limit", "count": 0, "from": "last"}, rows("a", 1), []),
        ({"operation": "deduplicate"}, [*rows("a", 1, 1.0, "1", True, None), {}], [*rows("a", 1, "1", True, None), {}]),
        (
            {"operation": "deduplicate", "keys": ["a.b"]},
            [{"a": {"b": 1}, "n": 1}, {"a": {"b": 1}, "n": 2}, {"n": 3}, {"a": None, "n": 4}],
            [{"a": {"b": 1}, "n": 1}, {"n": 3}],
        ),
        ({"operation": "deduplicate"}, [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [{"a": 1, "b": 2}]),
    ],
)
async def test_ordering(emitted: Run, parameters: dict[str, Any], items: Any, expected: Any) -> None:
    assert await emitted(KIND, parameters, items) == {"main": expected}


@pytest.mark.parametrize(
    ("values", "message", "item"),
    [
        ([1, "1"], 'one item has the number 1, this one the text "1"', 1),
        ([None, "a", True], 'one item has the text "a", this one true', 2),
        ([[1], [2]], "one item has a list of 1", 0),
    ],
)
async def test_unlike_values_have_no_order(emitted: Run, values: list[Any], message: str, item: int) -> None:
    with pytest.raises(PermanentError, match=message) as caught:
        await emitted(KIND, {"operation": "sort", "by": ["a"]}, rows("a", *values))
    assert (caught.value.code, caught.value.item) == ("UNLIKE_TYPES", item)


KEYS = st.none() | st.integers(-3, 3)


@given(st.lists(st.tuples(KEYS, KEYS)), st.booleans())
def test_sorting_is_stable_and_nulls_come_last(pairs: list[tuple[Any, Any]], descending: bool) -> None:
    items: Any = [{"json": {"a": a, "b": b, "n": n}} for n, (a, b) in enumerate(pairs)]
    by = [{"field": "a", "order": "desc" if descending else "asc"}, {"field": "b"}]
    result = [item["json"] for item in Sort.model_validate({"operation": "sort", "by": by}).apply(items)]

    def rank(row: dict[str, Any]) -> Any:
        first = row["a"] or 0
        return (row["a"] is None, -first if descending else first, row["b"] is None, row["b"] or 0, row["n"])

    assert result == sorted((item["json"] for item in items), key=rank)

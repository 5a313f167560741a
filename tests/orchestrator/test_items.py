"""Lists of items as parts: joining, slicing and eliding keep the order and the count."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.items import EMPTY, ONE_EMPTY_ITEM, Items, Part, elide, join


def _inline(*values: int) -> Items:
    text = json.dumps([{"json": {"n": value}} for value in values])
    return Items((Part(len(values), len(text), 0, text),))


def _stored(ref: str, start: int, count: int) -> Items:
    return Items((Part(count, 1_000, start, None, ref),))


def _read(items: Items) -> list[object]:
    """The items that the parts mean; a stored list `ref` holds (ref, 0), (ref, 1)…"""
    found: list[object] = []
    for part in items.parts:
        if part.text is not None:
            found += [item["json"]["n"] for item in json.loads(part.text)[part.start : part.start + part.count]]
        else:
            found += [(part.ref, place) for place in range(part.start, part.start + part.count)]
    return found


def test_sizes_and_counts() -> None:
    items = join([_inline(1, 2), _stored("a", 3, 4)])
    assert items.count == 6
    assert items.inline_size == len(_inline(1, 2).parts[0].text or "")
    assert items.size == items.inline_size + 1_000
    assert (EMPTY.count, EMPTY.size, EMPTY.inline_size) == (0, 0, 0)


def test_the_empty_item_is_one_object_without_fields() -> None:
    (part,) = ONE_EMPTY_ITEM.parts
    assert part.text is not None
    assert json.loads(part.text) == [{"json": {}}]
    assert (part.count, part.size) == (1, len(part.text))


@pytest.mark.parametrize(
    ("start", "count", "expected"),
    [
        (0, 5, [1, 2, 3, 4, 5]),
        (0, 99, [1, 2, 3, 4, 5]),
        (0, 1, [1]),
        (1, 1, [2]),
        (1, 3, [2, 3, 4]),
        (2, 2, [3, 4]),
        (4, 2, [5]),
        (5, 2, []),
        (9, 1, []),
        (0, 0, []),
    ],
)
def test_a_slice_crosses_parts(start: int, count: int, expected: list[int]) -> None:
    items = join([_inline(1, 2), _inline(3), _inline(4, 5)])
    assert _read(items.slice(start, count)) == expected


def test_neighbours_in_one_stored_list_become_one_part_again() -> None:
    whole = _stored("a", 0, 10)
    assert join([whole.slice(0, 4), whole.slice(4, 1), whole.slice(5, 5)]) == whole


@pytest.mark.parametrize(
    "lists",
    [
        pytest.param([_stored("a", 0, 2), _stored("b", 2, 2)], id="two stored lists"),
        pytest.param([_stored("a", 2, 2), _stored("a", 0, 2)], id="the wrong way round"),
        pytest.param([_stored("a", 0, 2), _stored("a", 1, 2)], id="overlapping"),
        pytest.param([_stored("a", 0, 2), _stored("a", 3, 2)], id="with a gap"),
        pytest.param([_stored("a", 0, 1), _inline(7), _stored("a", 1, 1)], id="something between"),
        pytest.param([_inline(1), _inline(1)], id="the same text twice"),
    ],
)
def test_other_neighbours_stay_apart(lists: list[Items]) -> None:
    joined = join(lists)
    assert len(joined.parts) == len(lists)
    assert _read(joined) == [item for items in lists for item in _read(items)]


def test_parts_without_items_are_left_out() -> None:
    assert join([Items((Part(0, 2, 0, "[]"),)), EMPTY]) == EMPTY


def test_what_nobody_reads_keeps_its_count_only() -> None:
    items = join([_inline(1, 2), _stored("a", 0, 3)])
    elided = elide(items)
    assert elided.count == items.count
    assert elided.inline_size == 0
    assert all(part.text is None and part.ref is None for part in elided.parts)
    assert elide(EMPTY) == EMPTY


_lists = st.lists(
    st.one_of(
        st.lists(st.integers(0, 9), min_size=1, max_size=4).map(lambda values: _inline(*values)),
        st.builds(_stored, st.sampled_from("ab"), st.integers(0, 3), st.integers(1, 4)),
    ),
    max_size=6,
)


@given(lists=_lists)
def test_joining_keeps_every_item_in_order(lists: list[Items]) -> None:
    assert _read(join(lists)) == [item for items in lists for item in _read(items)]


@given(lists=_lists, start=st.integers(0, 20), count=st.integers(0, 20))
def test_a_slice_is_what_a_lists_slice_is(lists: list[Items], start: int, count: int) -> None:
    items = join(lists)
    assert _read(items.slice(start, count)) == _read(items)[start : start + count]


@given(lists=_lists, size=st.integers(1, 5))
def test_batches_join_to_the_whole(lists: list[Items], size: int) -> None:
    items = join(lists)
    batches = [items.slice(start, size) for start in range(0, items.count, size)]
    assert _read(join(batches)) == _read(items)

"""Data is found wherever a state carries it, and can be replaced there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.commands import Iterate
from orchestrator.items import EMPTY, Items, Part
from orchestrator.messages import RunRequest
from orchestrator.record import NodeRecord, NodeStatus
from orchestrator.spill import inline_items, map_items
from orchestrator.state import JOINED, LoopRun, Returned, RunState, Scope
from tests.orchestrator.driver import STATES, run_start


def _items(letter: str, length: int = 10) -> Items:
    return Items((Part(1, length, 0, letter * length),))


@dataclass(frozen=True)
class _Holder:
    """Something that holds items."""

    held: Any
    other: int = 1


def _full_state() -> RunState:
    """A state with items in every place that can have some; each in another letter."""
    scope = Scope(
        "",
        delivered={1: _items("a")},
        kept={1: {"main": _items("b")}},
        exits={2: _items("c")},
        branches={3: {4: {"main": _items("d")}}},
    )
    returned = {1: Returned({JOINED: _items("g")}, {2: {"main": _items("h")}})}
    loop = LoopRun(1, "", Iterate("items"), _items("e"), returned=returned, piles={JOINED: _items("f")})
    record = NodeRecord("A", 0, NodeStatus.COMPLETED, inputs=[_items("j")], outputs={"main": _items("k")})
    return RunState(
        scopes={"": scope}, loops={"/1": loop}, results={1: _items("i")}, journal=[record], iterations={1: 2}
    )


def test_every_place_of_a_state_is_found() -> None:
    letters = {items.parts[0].text[0] for items in inline_items(_full_state(), 1) if items.parts[0].text}
    assert letters == set("abcdefghijk")


def test_the_input_and_what_is_reused_are_found_in_a_request() -> None:
    start = run_start("T", [], reused={"A": {"main": _items("x")}}, inputs={"B": [_items("y"), _items("z")]})
    request = RunRequest(start, _full_state(), datetime(2026, 11, 22, tzinfo=UTC))
    letters = [items.parts[0].text[0] for items in inline_items(request, 1) if items.parts[0].text]
    assert {"x", "y", "z", "a", "k"} <= set(letters)


def test_the_order_is_always_the_same() -> None:
    assert inline_items(_full_state(), 1) == inline_items(STATES.validate_json(STATES.dump_json(_full_state())), 1)


@pytest.mark.parametrize(("at_least", "found"), [(1, "ab"), (10, "ab"), (11, "b"), (20, "b"), (21, "")])
def test_only_what_is_large_enough_is_found(at_least: int, found: str) -> None:
    holder = _Holder([_items("a", 10), (_items("b", 20), EMPTY), {"x": Items((Part(3, 99, 0, None, "ref"),))}])
    assert [items.parts[0].text for items in inline_items(holder, at_least)] == [
        letter * length for letter, length in (("a", 10), ("b", 20)) if letter in found
    ]


def test_replacing_leaves_the_original_and_all_else_as_it_was() -> None:
    state, same = _full_state(), _full_state()
    stored = Items((Part(1, 10, 0, None, "ref"),))
    changed = map_items(state, lambda items: stored if items.inline_size else items)
    assert inline_items(changed, 1) == []
    assert state == same
    assert changed.scopes[""].delivered == {1: stored}
    assert changed.iterations == {1: 2}
    assert changed.loops["/1"].spec == Iterate("items")
    assert map_items(state, lambda items: items) == state


@pytest.mark.parametrize("value", [None, 3, "text", [], {}, (), {"a": [1, (2, "x")]}, _Holder({"k": 1})])
def test_what_holds_no_items_stays_equal(value: Any) -> None:
    assert map_items(value, lambda items: EMPTY) == value
    assert inline_items(value, 0) == []

"""Toy nodes that say what a node makes of its items; both the reference and the driver run them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Item = dict[str, Any]
ItemLists = list[list[Item]]

DEFAULT_BATCH = 1
DEFAULT_ITERATIONS = 10_000


class ToyFailure(Exception):
    """A toy node that fails whole, with no item to blame."""


def toy_item(value: int, path: Sequence[str] = ()) -> Item:
    """One item as toy nodes pass it on."""
    return {"json": {"value": value, "path": list(path)}}


def value_of(item: Item) -> int:
    """The number that toy nodes decide on; an error item counts as 0."""
    return int(item["json"].get("value", 0))


def error_item(name: str) -> Item:
    """What a failed item goes on as."""
    return {"json": {"error": name}}


def run_toy(node: Mapping[str, Any], inputs: ItemLists) -> ItemLists:
    """The items that a node emits by output port, its error port last; ToyFailure if it fails whole."""
    return _TOYS[node["subtype"]](node, inputs)


def outputs_of(node: Mapping[str, Any]) -> list[str]:
    """The names of a node's output ports, without the error port."""
    return {"IF": ["true", "false"], "LOOP": ["body", "done"]}.get(node["subtype"], ["main"])


def holds(parameters: Mapping[str, Any], items: Sequence[Item]) -> bool:
    """Whether a `while` loop's condition holds: the first item's value is below the limit."""
    return bool(items) and value_of(items[0]) < int(parameters["limit"])


def fails_on(node: Mapping[str, Any], item: Item) -> bool:
    """Whether FAIL fails with an item."""
    parameters = node["parameters"]
    return value_of(item) % int(parameters.get("modulo", 1)) == int(parameters.get("remainder", 0))


def _marked(node: Mapping[str, Any], item: Item, by: int = 0) -> Item:
    fields = item["json"]
    return {"json": {**fields, "value": value_of(item) + by, "path": [*fields.get("path", []), node["name"]]}}


def _add(node: Mapping[str, Any], inputs: ItemLists) -> ItemLists:
    by = int(node["parameters"].get("by", 1))
    return [[_marked(node, item, by) for item in inputs[0]]]


def _choose(node: Mapping[str, Any], inputs: ItemLists) -> ItemLists:
    modulo = int(node["parameters"].get("modulo", 2))
    even = [item for item in inputs[0] if value_of(item) % modulo == 0]
    odd = [item for item in inputs[0] if value_of(item) % modulo != 0]
    return [even, odd]


def _drop(node: Mapping[str, Any], inputs: ItemLists) -> ItemLists:
    modulo = int(node["parameters"].get("modulo", 1))
    return [[_marked(node, item) for item in inputs[0] if value_of(item) % modulo != 0]]


def _fail(node: Mapping[str, Any], inputs: ItemLists) -> ItemLists:
    if node["parameters"].get("whole"):
        raise ToyFailure(node["name"])
    kept: list[Item] = []
    failed: list[Item] = []
    on_error = node.get("on_error") or "stop"
    for item in inputs[0]:
        if not fails_on(node, item):
            kept.append(_marked(node, item))
        elif on_error == "continue":
            kept.append(error_item(node["name"]))
        elif on_error == "error_output":
            failed.append(error_item(node["name"]))
        else:
            raise ToyFailure(node["name"])
    return [kept, failed] if on_error == "error_output" else [kept]


def _wait(node: Mapping[str, Any], inputs: ItemLists) -> ItemLists:
    return [inputs[0]]


def _merge(node: Mapping[str, Any], inputs: ItemLists) -> ItemLists:
    return [[_marked(node, item, port) for port, items in enumerate(inputs) for item in items]]


_TOYS: dict[str, Callable[[Mapping[str, Any], ItemLists], ItemLists]] = {
    "ADD": _add,
    "IF": _choose,
    "DROP": _drop,
    "FAIL": _fail,
    "MERGE": _merge,
    "WAIT": _wait,
}

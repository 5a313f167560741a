"""Finds the data that a state carries inline, so that it can be moved to the payload store."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from orchestrator.items import Items

T = TypeVar("T")


def map_items(value: T, change: Callable[[Items], Items]) -> T:
    """A copy of a tree of dataclasses, dicts, lists and tuples with each Items in it changed; in a fixed order."""
    return _map(value, change)  # type: ignore[no-any-return]


def _map(value: Any, change: Callable[[Items], Items]) -> Any:
    if isinstance(value, Items):
        return change(value)
    if isinstance(value, dict):
        return {key: _map(child, change) for key, child in value.items()}
    if isinstance(value, list):
        return [_map(child, change) for child in value]
    if isinstance(value, tuple):
        return tuple(_map(child, change) for child in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _map(getattr(value, f.name), change) for f in fields(value)})
    return value


def inline_items(value: Any, at_least: int) -> list[Items]:
    """Every Items in a tree that carries at least so many bytes inline, in a fixed order."""
    found: list[Items] = []

    def collect(items: Items) -> Items:
        if items.inline_size >= at_least:
            found.append(items)
        return items

    map_items(value, collect)
    return found

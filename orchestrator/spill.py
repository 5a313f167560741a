"""Finds the data that a state carries inline, so that it can be moved to the payload store."""

from collections.abc import Callable, Iterator
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
    return [items for items in _each(value) if items.inline_size >= at_least]


def _each(value: Any) -> Iterator[Items]:
    """Every Items in a tree, in the order in which `map_items` comes to them."""
    if isinstance(value, Items):
        yield value
    elif isinstance(value, dict):
        for child in value.values():
            yield from _each(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from _each(child)
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from _each(getattr(value, each.name))

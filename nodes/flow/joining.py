"""The ways in which lists of items become one."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from nodes.base import Item, PermanentError
from nodes.fields import get
from nodes.values import identity

Join = Literal["inner", "left", "outer"]
Inputs = Sequence[Sequence[Item]]
MOST_ITEMS = 1_000_000


@dataclass(frozen=True)
class Key:
    """A field on either side that must hold the same value."""

    left: str
    right: str


def append(inputs: Inputs) -> list[Item]:
    """One input after the other."""
    return [item for items in inputs for item in items]


def by_position(inputs: Inputs, include_unpaired: bool) -> list[Item]:
    """The first items of all inputs as one item, then the second ones."""
    lengths = [len(items) for items in inputs] or [0]
    count = max(lengths) if include_unpaired else min(lengths)
    return [combined(*(items[n] for items in inputs if n < len(items))) for n in range(count)]


def cross(inputs: Inputs) -> list[Item]:
    """Each item with each of the others, the first input varying slowest."""
    _limit(math.prod(len(items) for items in inputs))
    result: list[Item] = [{"json": {}}] if inputs else []
    for items in inputs:
        result = [combined(left, right) for left in result for right in items]
    return result


def by_key(inputs: Inputs, keys: Sequence[Key], join: Join) -> list[Item]:
    """Items whose keys hold the same values as one item, input after input."""
    result = list(inputs[0]) if inputs else []
    for items in inputs[1:]:
        result = _join(result, items, keys, join)
    return result


def combined(*items: Item) -> Item:
    """One item of several: later fields and files over earlier ones."""
    merged: Item = {"json": {}}
    for item in items:
        merged["json"].update(item["json"])
        if item.get("files"):
            merged["files"] = {**merged.get("files", {}), **item["files"]}
    return merged


def _join(lefts: Sequence[Item], rights: Sequence[Item], keys: Sequence[Key], join: Join) -> list[Item]:
    index: dict[Hashable, list[int]] = {}
    for position, right in enumerate(rights):
        values = _values(right, [key.right for key in keys])
        if values is not None:
            index.setdefault(values, []).append(position)
    result: list[Item] = []
    used: set[int] = set()
    for left in lefts:
        values = _values(left, [key.left for key in keys])
        partners = index.get(values, []) if values is not None else []
        _limit(len(result) + len(partners))
        used.update(partners)
        result.extend(combined(left, rights[position]) for position in partners)
        if not partners and join != "inner":
            result.append(left)
    if join == "outer":
        result.extend(right for position, right in enumerate(rights) if position not in used)
    return result


def _values(item: Item, fields: Sequence[str]) -> Hashable | None:
    values = [get(item["json"], field, None) for field in fields]
    # As in SQL, what has no key has no partner.
    return None if None in values else tuple(identity(value) for value in values)


def _limit(count: int) -> None:
    if count > MOST_ITEMS:
        raise PermanentError(
            f"the merge would make more than {MOST_ITEMS:,} items",
            code="LIMIT_EXCEEDED",
            hint="filter the inputs before, or merge by a key that fewer items share",
        )

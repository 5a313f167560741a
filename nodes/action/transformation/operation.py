"""What an operation is."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from nodes.base import Item, Parameters

MANY_ITEMS = 1000


class Operation(Parameters):
    """Parameters that can be applied to items: to one at a time, or to all at once."""

    @classmethod
    def runs_per_item(cls, parameters: Mapping[str, Any]) -> bool:
        """Whether `apply` gets one item at a time, given the unresolved parameters."""
        return True

    def is_heavy(self, items: Sequence[Item]) -> bool:
        """Whether `apply` may take long, so that others should go on meanwhile."""
        return len(items) > MANY_ITEMS

    @abstractmethod
    def apply(self, items: Sequence[Item]) -> list[Item]:
        """The items that come out."""


class WholeOperation(Operation):
    """An operation on all items together."""

    @classmethod
    def runs_per_item(cls, parameters: Mapping[str, Any]) -> bool:
        """All at once."""
        return False


def with_json(item: Item, data: dict[str, Any]) -> Item:
    """The item with other data; its files stay."""
    changed: Item = {"json": data}
    if "files" in item:
        changed["files"] = item["files"]
    return changed

"""Operations that choose or order whole items: sort, limit, deduplicate."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from nodes.action.transformation.operation import WholeOperation
from nodes.action.transformation.shaping import FieldName
from nodes.base import Item, Parameters, PermanentError
from nodes.fields import get
from nodes.parameters import STRUCTURAL
from nodes.values import comparable, identity, kind, shown


class SortKey(Parameters):
    """A field to sort by."""

    field: FieldName = Field(description="The field whose values decide.")
    order: Literal["asc", "desc"] = Field(default="asc", description="Smallest first, or greatest first.")


def _key(given: Any) -> Any:
    return {"field": given} if isinstance(given, str) else given


class Sort(WholeOperation):
    """Sorts the items; items that are equal keep their order."""

    operation: Annotated[Literal["sort"], STRUCTURAL] = Field(description="Sort items.")
    by: list[Annotated[SortKey, BeforeValidator(_key)]] = Field(
        min_length=1,
        description="The fields to sort by, the most important first. null and missing values come last; "
        "values of unlike kinds are an error.",
    )

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """The items in order."""
        positions = list(range(len(items)))
        for key in reversed(self.by):
            positions = _sorted(items, positions, key)
        return [items[position] for position in positions]


class Limit(WholeOperation):
    """Keeps a number of items."""

    model_config = ConfigDict(populate_by_name=False)

    operation: Annotated[Literal["limit"], STRUCTURAL] = Field(description="Keep some items.")
    count: int = Field(ge=0, description="How many items to keep.")
    end: Literal["first", "last"] = Field(default="first", alias="from", description="Keep the first or the last ones.")

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """The first or last items."""
        return list(items[: self.count] if self.end == "first" else items[max(0, len(items) - self.count) :])


class Deduplicate(WholeOperation):
    """Drops items that repeat an earlier one."""

    operation: Annotated[Literal["deduplicate"], STRUCTURAL] = Field(description="Drop repeated items.")
    keys: list[FieldName] = Field(
        default_factory=list, description="The fields that make two items the same; without any, all fields."
    )

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """The first of each."""
        seen = set()
        kept = []
        for item in items:
            data = item["json"]
            mark = identity([get(data, key, None) for key in self.keys] if self.keys else data)
            if mark not in seen:
                seen.add(mark)
                kept.append(item)
        return kept


def _sorted(items: Sequence[Item], positions: list[int], key: SortKey) -> list[int]:
    values = {position: get(items[position]["json"], key.field, None) for position in positions}
    present = [position for position in positions if values[position] is not None]
    absent = [position for position in positions if values[position] is None]
    first = values[present[0]] if present else None
    for position in present:
        value = values[position]
        if kind(value) != kind(first) or kind(value) in ("list", "object"):
            raise PermanentError(
                f'the field "{key.field[:100]}" can\'t be sorted by: one item has {shown(first)}, '
                f"this one {shown(value)}",
                code="UNLIKE_TYPES",
                item=position,
            )
    ranks = {position: _rank(values[position]) for position in present}
    return sorted(present, key=ranks.__getitem__, reverse=key.order == "desc") + absent


def _rank(value: Any) -> Any:
    return comparable(value) if kind(value) == "number" else value

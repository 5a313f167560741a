"""Operations that shape one item: set, rename, remove, split_out, map."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from nodes.action.transformation.operation import Operation, with_json
from nodes.base import Item, PermanentError
from nodes.fields import MISSING, drop, get, last_step, put, require
from nodes.parameters import STRUCTURAL, misuse
from nodes.values import shown

FieldName = Annotated[str, StringConstraints(min_length=1)]


class Set(Operation):
    """Sets fields of each item."""

    operation: Annotated[Literal["set"], STRUCTURAL] = Field(description="Set fields.")
    fields: dict[str, Any] = Field(description="The values by field name; a dotted name sets a nested field.")
    keep_others: bool = Field(default=False, description="Keep the item's other fields; otherwise only these remain.")

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """Each item with the fields set."""
        return [with_json(item, self._set(item["json"])) for item in items]

    def _set(self, data: dict[str, Any]) -> dict[str, Any]:
        result = data if self.keep_others else {}
        for name, value in self.fields.items():
            result = put(result, name, value)
        return result


class Rename(Operation):
    """Renames fields of each item."""

    operation: Annotated[Literal["rename"], STRUCTURAL] = Field(description="Rename fields.")
    fields: dict[str, FieldName] = Field(
        min_length=1, description="New names by old name; a field that an item lacks is passed over."
    )

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """Each item with the fields renamed, in their places."""
        return [with_json(item, self._rename(item["json"])) for item in items]

    def _rename(self, data: dict[str, Any]) -> dict[str, Any]:
        here = {old: new for old, new in self.fields.items() if old in data and "." not in new}
        replaced = set(here.values()) - set(here)
        result = {here.get(name, name): value for name, value in data.items() if name not in replaced}
        moved = [(new, get(data, old), old) for old, new in self.fields.items() if old not in here]
        for _, value, old in moved:
            result = result if value is MISSING else drop(result, old)
        for new, value, _ in moved:
            result = result if value is MISSING else put(result, new, value)
        return result


class Remove(Operation):
    """Removes fields of each item."""

    operation: Annotated[Literal["remove"], STRUCTURAL] = Field(description="Remove fields.")
    fields: list[FieldName] = Field(
        min_length=1, description="The fields to remove; one that an item lacks is passed over."
    )

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """Each item without the fields."""
        return [with_json(item, self._remove(item["json"])) for item in items]

    def _remove(self, data: dict[str, Any]) -> dict[str, Any]:
        for name in self.fields:
            data = drop(data, name)
        return data


class SplitOut(Operation):
    """Makes an item of each entry of a list."""

    operation: Annotated[Literal["split_out"], STRUCTURAL] = Field(description="Split a list into items.")
    field: FieldName = Field(
        description="The field that holds the list; objects become items, other values {field: value}."
    )
    keep_others: bool = Field(default=False, description="Give each new item the item's other fields too.")

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """The entries of each item's list; none where the list is null."""
        return [with_json(item, split) for item in items for split in self._split(item["json"])]

    def _split(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        entries = require(data, self.field, "field")
        if not isinstance(entries, list | None):
            raise PermanentError(
                f'the field "{self.field[:100]}" is {shown(entries)}; split_out needs a list',
                code="INVALID_FIELD",
            )
        others = drop(data, self.field) if self.keep_others else {}
        return [{**others, **self._item(entry)} for entry in entries or ()]

    def _item(self, entry: Any) -> dict[str, Any]:
        return entry if isinstance(entry, dict) else {last_step(self.field): entry}


def _objects(given: Any) -> Any:
    for entry in given if isinstance(given, list) else [given]:
        if not isinstance(entry, dict):
            where = "is" if entry is given else "holds"
            raise misuse(f"{where} {shown(entry)}; it must give an object or a list of objects ([] for none)")
    return given


class Map(Operation):
    """Makes new items of each item by an expression."""

    operation: Annotated[Literal["map"], STRUCTURAL] = Field(description="Compute new items.")
    expression: Annotated[Any, BeforeValidator(_objects)] = Field(
        description="An expression that gives an object, or a list of objects for as many items ([] for none)."
    )

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """The objects that the expression gave, each with the item's files."""
        objects = [self.expression] if isinstance(self.expression, dict) else self.expression
        return [with_json(item, data) for item in items for data in objects]

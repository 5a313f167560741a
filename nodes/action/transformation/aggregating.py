"""Operations that make few items of many: aggregate, summarize."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from nodes.action.transformation.operation import WholeOperation
from nodes.action.transformation.shaping import FieldName
from nodes.action.transformation.statistics import average, extreme, total
from nodes.base import Item, Parameters
from nodes.fields import MISSING, get, last_step, put
from nodes.parameters import STRUCTURAL, absent, misuse
from nodes.values import as_text, identity

How = Literal["count", "count_unique", "unique", "sum", "avg", "min", "max", "first", "last", "concat"]


class Aggregate(WholeOperation):
    """Collects a field of all items, or the items themselves, in one list."""

    operation: Annotated[Literal["aggregate"], STRUCTURAL] = Field(description="Collect values in one item.")
    field: FieldName | None = Field(
        default=None, description="The field to collect; items without it are passed over. Without it, whole items."
    )
    into: FieldName | None = Field(
        default=None, description='The field that gets the list; by default the same name, or "items".'
    )

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """One item that holds the list."""
        if self.field is None:
            values = [item["json"] for item in items]
        else:
            found = (get(item["json"], self.field) for item in items)
            values = [value for value in found if value is not MISSING]
        into = self.into or (last_step(self.field) if self.field else "items")
        return [{"json": put({}, into, values)}]


class Summary(Parameters):
    """One figure of a group."""

    model_config = ConfigDict(populate_by_name=False)

    field: FieldName | None = Field(default=None, description="The field to look at; count may do without.")
    how: How = Field(description="What to compute; null and missing values don't count.")
    name: FieldName | None = Field(
        default=None, alias="as", description="The name of the figure; by default how_field, such as sum_total."
    )
    separator: str = Field(default=", ", description="What concat puts between the values.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.field is None and self.how in _FIGURES.keys() - {"count"} | {"concat"}:
            raise absent("field", f'"{self.how}" needs it')
        return self

    @property
    def called(self) -> str:
        """The figure's field name."""
        if self.name:
            return self.name
        return f"{self.how}_{self.field}".replace(".", "_") if self.field else self.how


class Summarize(WholeOperation):
    """Computes figures for groups of items, such as a sum for each customer."""

    operation: Annotated[Literal["summarize"], STRUCTURAL] = Field(description="Compute figures for groups.")
    group_by: list[FieldName] = Field(
        default_factory=list, description="Items with the same values here are a group; without any, all items are."
    )
    values: list[Summary] = Field(min_length=1, description="The figures to compute for each group.")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        groups = self.group_by if isinstance(self.group_by, list) else []
        names = [*groups, *(summary.called for summary in self.values if isinstance(summary, Summary))]
        twice = next((name for n, name in enumerate(names) if name in names[:n]), None)
        if twice is not None:
            raise misuse(f'has two results called "{twice[:60]}"; name one of them with "as"')
        return self

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """An item for each group, in the order in which the groups first appear."""
        groups: dict[Hashable, _Group] = {}
        for position, item in enumerate(items):
            key = [get(item["json"], name, None) for name in self.group_by]
            group = groups.setdefault(identity(key), _Group(key))
            group.members.append((position, item["json"]))
        if not self.group_by and not groups:
            groups[()] = _Group([])
        return [{"json": self._figures(group)} for group in groups.values()]

    def _figures(self, group: "_Group") -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, value in zip(self.group_by, group.key, strict=True):
            result = put(result, name, value)
        for summary in self.values:
            result[summary.called] = _figure(summary, group.members)
        return result


@dataclass
class _Group:
    key: list[Any]
    members: list[tuple[int, dict[str, Any]]] = field(default_factory=list)


def _figure(summary: Summary, members: list[tuple[int, dict[str, Any]]]) -> Any:
    if summary.field is None:
        return len(members)
    found = [(position, get(data, summary.field, None)) for position, data in members]
    values = [(position, value) for position, value in found if value is not None]
    if summary.how == "concat":
        return summary.separator.join(as_text(value) for _, value in values)
    return _FIGURES[summary.how](values, summary.field)


def _unique(values: Sequence[tuple[int, Any]], name: str) -> list[Any]:
    found: dict[Hashable, Any] = {}
    for _, value in values:
        found.setdefault(identity(value), value)
    return list(found.values())


_FIGURES: dict[str, Callable[[Sequence[tuple[int, Any]], str], Any]] = {
    "count": lambda values, name: len(values),
    "count_unique": lambda values, name: len({identity(value) for _, value in values}),
    "unique": _unique,
    "sum": total,
    "avg": average,
    "min": lambda values, name: extreme(values, name, least=True),
    "max": lambda values, name: extreme(values, name, least=False),
    "first": lambda values, name: values[0][1] if values else None,
    "last": lambda values, name: values[-1][1] if values else None,
}

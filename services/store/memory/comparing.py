"""How vectors are compared in SQL, so that the planner finds a collection's index."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Float,
    Select,
    Text,
    and_,
    cast,
    func,
    literal,
    literal_column,
    not_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import UserDefinedType

from nodes.memory.request import Comparison, Filter, Search
from services.store.memory.tables import VectorCollectionRow, VectorRow

OPERATORS = {"cosine": "<=>", "l2": "<->", "inner_product": "<#>"}
OPERATOR_CLASSES = {"cosine": "cosine_ops", "l2": "l2_ops", "inner_product": "ip_ops"}
# What an HNSW index can hold of each of pgvector's types.
MOST_INDEXED, MOST_HALVES_INDEXED = 2000, 4000


class PgVector(UserDefinedType[Any]):
    """A type of pgvector's, as a cast names it."""

    cache_ok = True

    def __init__(self, name: str, dimensions: int) -> None:
        self.name = name
        self.dimensions = dimensions

    def get_col_spec(self, **_: Any) -> str:
        """Its name in SQL."""
        return f"{self.name}({int(self.dimensions)})"


def indexed_type(dimensions: int) -> str:
    """pgvector's type that vectors of a dimension are indexed as; empty if there is none that holds them."""
    if dimensions <= MOST_INDEXED:
        return "vector"
    return "halfvec" if dimensions <= MOST_HALVES_INDEXED else ""


@dataclass(frozen=True)
class Comparing:
    """One search in one collection."""

    collection_id: int
    dimensions: int
    metric: str
    search: Search

    @classmethod
    def of(cls, row: VectorCollectionRow, search: Search) -> "Comparing":
        """The comparison that a search asks for."""
        return cls(row.id, row.dimensions, search.metric or row.metric, search)

    async def prepare(self, session: AsyncSession, *, indexed: bool) -> None:
        """Makes an index look at enough, and go on while a filter leaves too few; for this transaction.

        The planner takes distances of long vectors for as cheap as those of numbers, and would rather sort them all:
        it may do so only where a filter may leave few.
        """
        breadth = min(1000, max(100, self.search.top_k * 2))
        await session.execute(
            select(
                func.set_config("hnsw.ef_search", str(breadth), True),
                func.set_config("hnsw.iterative_scan", "strict_order", True),
                func.set_config("enable_sort", "off" if indexed and self.search.filter == Filter() else "on", True),
            )
        )

    def statement(self, *, exact: bool = False) -> Select[*tuple[Any, ...]]:
        """The nearest vectors; `exact` passes over any index."""
        distance = self._distance("vector")
        order = self._distance(indexed_type(self.dimensions) or "vector")
        columns: list[Any] = [VectorRow.id, VectorRow.text, VectorRow.written, distance.label("distance")]
        if self.search.vectors:
            columns.append(VectorRow.embedding)
        # Written out, as the planner must see that it is the collection that an index is made for.
        here = VectorRow.collection_id == literal_column(str(int(self.collection_id)))
        found = select(*columns).where(here, *matching(self.search.filter))
        return found.order_by(distance + 0 if exact else order).limit(self.search.top_k)

    def score(self, distance: float) -> float:
        """How alike two vectors are: the more, the higher."""
        if self.metric == "cosine":
            return 1 - distance
        return -distance if self.metric == "inner_product" else 1 / (1 + distance)

    def _distance(self, type_name: str) -> ColumnElement[float]:
        as_vector = PgVector(type_name, self.dimensions)
        given = "[" + ",".join(repr(float(number)) for number in self.search.vector) + "]"
        there = cast(VectorRow.embedding, as_vector)
        return there.op(OPERATORS[self.metric], return_type=Float())(cast(literal(given, Text()), as_vector))


def matching(filter: Filter) -> list[ColumnElement[bool]]:
    """What a filter demands of a row."""
    demanded = [_compared(comparison) for comparison in filter.comparisons]
    if filter.contained != "{}":
        demanded.append(_operation(VectorRow.filterable, "@>", _json(filter.contained)))
    return demanded


def _compared(comparison: Comparison) -> ColumnElement[bool]:
    there = VectorRow.filterable.op("#>", return_type=JSONB())(literal(list(comparison.path), ARRAY(Text())))
    given = _json(comparison.value)
    match comparison.operator:
        case "$exists":
            is_there = func.coalesce(func.jsonb_typeof(there), "null") != "null"
            return is_there if comparison.value == "true" else not_(is_there)
        case "$eq":
            return _operation(there, "=", given)
        case "$ne":
            return _operation(there, "IS DISTINCT FROM", given)
        case "$in":
            return there.in_(_entries(given))
        case "$nin":
            return not_(func.coalesce(there.in_(_entries(given)), False))
    operator = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}[comparison.operator]
    # JSONB orders values of unlike types, too; to a filter they are neither more nor less.
    return and_(func.jsonb_typeof(there) == func.jsonb_typeof(given), _operation(there, operator, given))


def _operation(left: Any, operator: str, right: ColumnElement[Any]) -> ColumnElement[bool]:
    compared: ColumnElement[bool] = left.op(operator, return_type=Boolean())(right)
    return compared


def _entries(given: ColumnElement[Any]) -> Select[Any]:
    return select(func.jsonb_array_elements(given))


def _json(text: str) -> ColumnElement[Any]:
    return cast(literal(text, Text()), JSONB)

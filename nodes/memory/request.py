"""What the memory nodes ask of the store: the arguments of its protocols."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from nodes.base import NodeExecutionContext

Json = dict[str, Any]
Metric = Literal["cosine", "l2", "inner_product"]
Direction = Literal["out", "in", "both"]
Operator = Literal["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists"]


@dataclass(frozen=True)
class Caller:
    """On whose behalf something is remembered, and by which call of which node."""

    workspace: str
    key: str = ""
    execution_id: str = ""
    workflow_id: str = ""
    node: str = ""

    @classmethod
    def of(cls, context: "NodeExecutionContext[Any]") -> "Caller":
        """The caller that an executor's context names."""
        return cls(
            context.workspace,
            context.idempotency_key,
            context.execution_id,
            context.workflow_id,
            context.node.name,
        )


@dataclass(frozen=True)
class Page:
    """A part of a list: what begins with `prefix` and comes after a key."""

    prefix: str = ""
    after: str = ""
    limit: int = 100
    contents: bool = True


@dataclass(frozen=True)
class Condition:
    """When a value may be set: only if there is none, or only if it still has a version."""

    if_absent: bool = False
    if_version: str | None = None


@dataclass(frozen=True)
class Message:
    """A message of a conversation; `content` is JSON text."""

    role: str
    content: str
    tokens: int


@dataclass(frozen=True)
class Triple:
    """A statement."""

    subject: str
    predicate: str
    object: str


@dataclass(frozen=True)
class Pattern:
    """Which statements are meant: those with each of the parts that are given."""

    subject: str | None = None
    predicate: str | None = None
    object: str | None = None


@dataclass(frozen=True)
class Walk:
    """How to go from entity to entity: how far, along which predicates (any, if none is named), which way."""

    depth: int
    predicates: Sequence[str] = ()
    direction: Direction = "both"
    limit: int = 100


@dataclass(frozen=True)
class VectorRecord:
    """A vector to be stored; `metadata` is JSON text."""

    id: str
    vector: Sequence[float]
    text: str | None
    metadata: str


@dataclass(frozen=True)
class Comparison:
    """One operator of a filter: the value at `path` in the metadata compared with JSON text."""

    path: tuple[str, ...]
    operator: Operator
    value: str


@dataclass(frozen=True)
class Filter:
    """Which metadata is meant: what contains `contained` (JSON text) and passes every comparison."""

    contained: str = "{}"
    comparisons: Sequence[Comparison] = ()


@dataclass(frozen=True)
class Search:
    """A search by a vector; `metric` is the collection's own unless it is named."""

    vector: Sequence[float]
    top_k: int
    metric: Metric | None = None
    filter: Filter = Filter()
    min_score: float | None = None
    vectors: bool = False


@dataclass(frozen=True)
class TextSearch:
    """A search by words, as one writes them into a search box."""

    query: str
    limit: int
    offset: int = 0
    contents: bool = True

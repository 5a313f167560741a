"""Keeps statements of a subject, a predicate and an object, and finds the ways between entities."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, RootModel, model_validator

from nodes.base import NodeExecutionContext, Parameters
from nodes.memory.operation import MOST_LISTED, Key, MemoryNode, MemoryOperation, Name
from nodes.memory.request import Caller, Direction, Json, Pattern, Triple, Walk
from nodes.memory.serving_graph import GraphMemory, ServeGraph
from nodes.memory.store import Memory
from nodes.parameters import STRUCTURAL, absent, misuse
from nodes.values import as_text, kind

MOST_TRIPLES = 1000
MOST_DEPTH = 10

Namespace = Annotated[Name, Field(description="Which graph it is; graphs of different namespaces never meet.")]
# A number or a boolean is an entity by the text that it is written as.
Entity = Annotated[
    Key, BeforeValidator(lambda given: as_text(given) if kind(given) in ("number", "boolean") else given)
]
Predicates = Annotated[
    list[Key], Field(max_length=100), BeforeValidator(lambda given: [given] if isinstance(given, str) else given)
]


class Statement(Parameters):
    """A statement."""

    subject: Entity = Field(description="What it is about.")
    predicate: Entity = Field(description="How they are related.")
    object: Entity = Field(description="What the subject is related to.")


class Add(MemoryOperation):
    """Adds a statement, or several: `added` are new, `known` were there already."""

    operation: Annotated[Literal["add"], STRUCTURAL] = Field(description="Add statements.")
    namespace: Namespace = "default"
    subject: Entity | None = Field(default=None, description="What the statement is about.")
    predicate: Entity | None = Field(default=None, description="How subject and object are related.")
    object: Entity | None = Field(default=None, description="What the subject is related to.")
    triples: list[Statement] | None = Field(
        default=None, min_length=1, max_length=MOST_TRIPLES, description="Several statements, instead of one."
    )

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        parts = {"subject": self.subject, "predicate": self.predicate, "object": self.object}
        if self.triples is None:
            for name, part in parts.items():
                if part is None:
                    raise absent(name, 'a statement has a subject, a predicate and an object; several go as "triples"')
        elif any(part is not None for part in parts.values()):
            raise misuse('has both a statement and "triples"; one of them says what to add')
        return self

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """How many are new."""
        triples = [Triple(one.subject, one.predicate, one.object) for one in self.triples or ()]
        if self.subject is not None and self.predicate is not None and self.object is not None:
            triples = [Triple(self.subject, self.predicate, self.object)]
        return await memory.graphs.add(caller, self.namespace, triples)


class Query(MemoryOperation):
    """Finds statements: `triples`, each with its provenance; `truncated` says whether there are more."""

    operation: Annotated[Literal["query"], STRUCTURAL] = Field(description="Find statements.")
    namespace: Namespace = "default"
    subject: Entity | None = Field(default=None, description="Only statements about it.")
    predicate: Entity | None = Field(default=None, description="Only statements with it.")
    object: Entity | None = Field(default=None, description="Only statements that lead to it.")
    limit: int = Field(default=100, ge=1, le=MOST_LISTED, description="The most statements.")

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """The statements that fit."""
        pattern = Pattern(self.subject, self.predicate, self.object)
        return await memory.graphs.query(caller, self.namespace, pattern, self.limit)


class Neighbours(MemoryOperation):
    """Finds the entities around one: `neighbours [{entity, distance, triple}]`, the nearest first."""

    operation: Annotated[Literal["neighbours"], STRUCTURAL] = Field(description="Find the entities around one.")
    namespace: Namespace = "default"
    subject: Entity = Field(description="The entity to begin at.")
    predicate: Predicates = Field(default_factory=list, description="The predicates to go along; any by default.")
    direction: Direction = Field(
        default="both", description="From subject to object (out), the other way (in), or both."
    )
    depth: int = Field(default=1, ge=1, le=MOST_DEPTH, description="How many statements far to go.")
    limit: int = Field(default=100, ge=1, le=MOST_LISTED, description="The most entities.")

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """The entities."""
        walk = Walk(self.depth, self.predicate, self.direction, self.limit)
        return await memory.graphs.neighbours(caller, self.namespace, self.subject, walk)


class Path(MemoryOperation):
    """Finds a shortest way from one entity to another: `found`, `length`, `entities` and `triples` on the way."""

    operation: Annotated[Literal["path"], STRUCTURAL] = Field(description="Find a shortest way between two entities.")
    namespace: Namespace = "default"
    subject: Entity = Field(description="The entity to begin at.")
    object: Entity = Field(description="The entity to arrive at.")
    predicate: Predicates = Field(default_factory=list, description="The predicates to go along; any by default.")
    direction: Direction = Field(
        default="both", description="From subject to object (out), the other way (in), or both."
    )
    depth: int = Field(default=6, ge=1, le=MOST_DEPTH, description="How many statements the way may have.")

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """The way."""
        walk = Walk(self.depth, self.predicate, self.direction)
        return await memory.graphs.path(caller, self.namespace, self.subject, self.object, walk)


class Delete(MemoryOperation):
    """Removes the statements that fit: `deleted` says how many."""

    operation: Annotated[Literal["delete"], STRUCTURAL] = Field(description="Remove statements.")
    namespace: Namespace = "default"
    subject: Entity | None = Field(default=None, description="Only statements about it.")
    predicate: Entity | None = Field(default=None, description="Only statements with it.")
    object: Entity | None = Field(default=None, description="Only statements that lead to it.")
    all: bool = Field(default=False, description="Remove every statement of the namespace.")

    @model_validator(mode="after")
    def _some_or_all(self) -> Self:
        named = any(part is not None for part in (self.subject, self.predicate, self.object))
        if not named and not self.all:
            raise misuse('names nothing to remove; give a subject, predicate or object, or "all": true')
        if named and self.all:
            raise misuse('has "all", and names what to remove; these contradict each other')
        return self

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """How many there were."""
        pattern = Pattern(self.subject, self.predicate, self.object)
        return await memory.graphs.delete(caller, self.namespace, pattern)


class KnowledgeGraphParameters(RootModel[Add | Query | Neighbours | Path | Delete | ServeGraph]):
    """Parameters of KNOWLEDGE_GRAPH: those of one operation."""


class KnowledgeGraph(MemoryNode, GraphMemory):
    """Adds statements to a graph, or asks it."""

    subtype = "KNOWLEDGE_GRAPH"
    model = KnowledgeGraphParameters

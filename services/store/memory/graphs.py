"""Statements, and ways through them: entity by entity outwards, so that each is looked at once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, any_, delete, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from nodes.errors import PermanentError
from nodes.memory.request import Caller, Json, Pattern, Triple, Walk
from orchestrator import exact_json
from services.store.memory.listing import iso
from services.store.memory.tables import KEY, TripleRow
from services.store.memory.work import Work, rows_of

# A walk looks at no more statements than these.
MOST_STEPS = 20_000


class StoredGraphs:
    """See `nodes.memory.store.Graphs`."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def add(self, caller: Caller, namespace: str, triples: Sequence[Triple]) -> Json:
        """See Graphs."""
        return await self._work.once(caller, lambda session: add(session, caller, namespace, triples))

    async def query(self, caller: Caller, namespace: str, pattern: Pattern, limit: int) -> Json:
        """See Graphs."""
        async with self._work.reading() as session:
            return await query(session, caller.workspace, namespace, pattern, limit)

    async def neighbours(self, caller: Caller, namespace: str, start: str, walk: Walk) -> Json:
        """See Graphs."""
        async with self._work.snapshot() as session:
            return await neighbours(session, Graph(caller.workspace, namespace), start, walk)

    async def path(self, caller: Caller, namespace: str, start: str, end: str, walk: Walk) -> Json:
        """See Graphs."""
        async with self._work.snapshot() as session:
            return await path(session, Graph(caller.workspace, namespace), start, end, walk)

    async def delete(self, caller: Caller, namespace: str, pattern: Pattern) -> Json:
        """See Graphs."""
        return await self._work.once(caller, lambda session: remove(session, caller.workspace, namespace, pattern))


@dataclass(frozen=True)
class Graph:
    """The statements of one namespace."""

    workspace: str
    namespace: str

    @property
    def here(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        """What its rows have in common."""
        return (TripleRow.workspace == self.workspace, TripleRow.namespace == self.namespace)


@dataclass
class Ways:
    """How each entity was first reached: the statement that led there, the entity before it, the distance."""

    start: str
    reached: dict[str, tuple[TripleRow | None, str, int]] = field(default_factory=dict)
    steps: int = 0

    def __post_init__(self) -> None:
        self.reached[self.start] = (None, "", 0)

    def back(self, end: str) -> list[TripleRow]:
        """The statements from the start to an entity."""
        found = []
        triple, before, _ = self.reached[end]
        while triple is not None:
            found.append(triple)
            triple, before, _ = self.reached[before]
        return found[::-1]


async def add(session: AsyncSession, caller: Caller, namespace: str, triples: Sequence[Triple]) -> Json:
    """Adds the statements that aren't there yet."""
    place = {"workspace": caller.workspace, "namespace": namespace}
    origin = {"execution_id": caller.execution_id, "workflow_id": caller.workflow_id, "node": caller.node}
    rows = {
        _digest(one): {**place, **origin, "subject": one.subject, "predicate": one.predicate, "object": one.object}
        for one in triples
    }
    # In one order everywhere, so that two who add the same statements wait for each other in turn.
    values = [{**rows[digest], "digest": digest} for digest in sorted(rows)]
    new = insert(TripleRow).values(values).on_conflict_do_nothing().returning(TripleRow.digest)
    added = len((await session.scalars(new)).all())
    return {"added": added, "known": len(triples) - added}


async def query(session: AsyncSession, workspace: str, namespace: str, pattern: Pattern, limit: int) -> Json:
    """The statements that fit, in order."""
    wanted = select(TripleRow).where(*Graph(workspace, namespace).here, *_fits(pattern))
    ordered = wanted.order_by(TripleRow.subject, TripleRow.predicate, TripleRow.object).limit(limit + 1)
    rows = (await session.scalars(ordered)).all()
    return {
        "triples": [_shown(row) for row in rows[:limit]],
        "count": min(len(rows), limit),
        "truncated": len(rows) > limit,
    }


async def remove(session: AsyncSession, workspace: str, namespace: str, pattern: Pattern) -> Json:
    """Removes the statements that fit."""
    fitting = delete(TripleRow).where(*Graph(workspace, namespace).here, *_fits(pattern))
    return {"deleted": await rows_of(session, fitting)}


async def neighbours(session: AsyncSession, graph: Graph, start: str, walk: Walk) -> Json:
    """The entities around one by distance, each with the statement that led there."""
    ways = Ways(start)
    frontier, complete = [start], True
    for _ in range(walk.depth):
        frontier, whole = await _outwards(session, graph, ways, frontier, walk)
        complete = complete and whole
        if not frontier or len(ways.reached) > walk.limit + 1 or not complete:
            break
    found = [
        {"entity": entity, "distance": distance, "triple": _shown(triple)}
        for entity, (triple, _, distance) in ways.reached.items()
        if triple is not None
    ]
    shown = found[: walk.limit]
    truncated = len(found) > len(shown) or not complete
    return {"entity": start, "neighbours": shown, "count": len(shown), "truncated": truncated}


async def path(session: AsyncSession, graph: Graph, start: str, end: str, walk: Walk) -> Json:
    """A shortest way between two entities; PermanentError if there is too much to look at."""
    ways, frontier = Ways(start), [start]
    for _ in range(walk.depth):
        if end in ways.reached or not frontier:
            break
        frontier, whole = await _outwards(session, graph, ways, frontier, walk)
        if not whole and end not in ways.reached:
            raise PermanentError(
                f'there are more than {MOST_STEPS:,} statements on the ways from "{start[:100]}"',
                code="GRAPH_TOO_LARGE",
                hint='lower "depth", or name the predicates to go along',
            )
    if end not in ways.reached:
        return {"found": False, "length": None, "entities": [], "triples": []}
    triples = ways.back(end)
    entities = [start]
    for triple in triples:
        entities.append(triple.object if triple.subject == entities[-1] else triple.subject)
    return {
        "found": True,
        "length": len(triples),
        "entities": entities,
        "triples": [_shown(triple) for triple in triples],
    }


async def _outwards(
    session: AsyncSession, graph: Graph, ways: Ways, frontier: Sequence[str], walk: Walk
) -> tuple[list[str], bool]:
    """The entities one step further that are new, and whether all statements there were looked at."""
    within = literal(list(frontier), ARRAY(KEY))
    ends = {"out": [TripleRow.subject], "in": [TripleRow.object], "both": [TripleRow.subject, TripleRow.object]}
    wanted = select(TripleRow).where(*graph.here, or_(*(end == any_(within) for end in ends[walk.direction])))
    if walk.predicates:
        wanted = wanted.where(TripleRow.predicate.in_(walk.predicates))
    left = MOST_STEPS - ways.steps
    ordered = wanted.order_by(TripleRow.subject, TripleRow.predicate, TripleRow.object)
    rows = (await session.scalars(ordered.limit(left + 1))).all()
    ways.steps += len(rows)
    fresh = []
    inside = set(frontier)
    for row in rows[:left]:
        for before, after, way in ((row.subject, row.object, "out"), (row.object, row.subject, "in")):
            if before in inside and after not in ways.reached and walk.direction in (way, "both"):
                ways.reached[after] = (row, before, ways.reached[before][2] + 1)
                fresh.append(after)
    return fresh, len(rows) <= left


def _fits(pattern: Pattern) -> list[ColumnElement[bool]]:
    parts = (
        (TripleRow.subject, pattern.subject),
        (TripleRow.predicate, pattern.predicate),
        (TripleRow.object, pattern.object),
    )
    return [column == wanted for column, wanted in parts if wanted is not None]


def _digest(triple: Triple) -> str:
    named = exact_json.dumps([triple.subject, triple.predicate, triple.object])
    return hashlib.sha256(named.encode()).hexdigest()


def _shown(row: TripleRow) -> Json:
    return {
        "subject": row.subject,
        "predicate": row.predicate,
        "object": row.object,
        "provenance": {
            "execution_id": row.execution_id,
            "workflow_id": row.workflow_id,
            "node": row.node,
            "added_at": iso(row.added_at),
        },
    }

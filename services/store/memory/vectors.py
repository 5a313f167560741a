"""Vectors by collection: kept as arrays, compared by pgvector."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, cast, column, delete, func, literal, select, table, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from nodes.errors import PermanentError
from nodes.memory.request import Caller, Filter, Json, Metric, Search, VectorRecord
from orchestrator import exact_json
from services.store.memory.comparing import Comparing, indexed_type, matching
from services.store.memory.indexes import Indexes, index_name
from services.store.memory.tables import VectorCollectionRow, VectorRow
from services.store.memory.work import Work, rows_of

DEFAULT_METRIC: Metric = "cosine"
OLDEST_PGVECTOR = (0, 8)
# What halfvec, the type of indexes on long vectors, can hold.
_LARGEST_HALF = 65504.0
_EXTENSIONS = table("pg_extension", column("extname"), column("extversion"))


class StoredVectors:
    """See `nodes.memory.store.Vectors`."""

    def __init__(self, work: Work, indexes: Indexes) -> None:
        self._work = work
        self._indexes = indexes
        self._has_extension = False

    async def upsert(
        self, caller: Caller, collection: str, records: Sequence[VectorRecord], metric: Metric | None, model: str
    ) -> Json:
        """See Vectors."""
        await self._require_extension()
        answer = await self._work.once(
            caller, lambda session: upsert(session, caller.workspace, collection, records, metric, model)
        )
        async with self._work.reading() as session:
            row = await find(session, caller.workspace, collection)
        if row is not None:
            await self._indexes.provide(row)
        return answer

    async def search(self, caller: Caller, collection: str, search: Search, model: str) -> Json:
        """See Vectors."""
        await self._require_extension()
        async with self._work.snapshot() as session:
            row = await find(session, caller.workspace, collection)
            if row is None:
                return {"collection": collection, "matches": [], "count": 0}
            _require_alike(row, search.vector, model, search.metric or row.metric)
            matches = await nearest(session, row, search)
        return {"collection": collection, "matches": matches, "count": len(matches)}

    async def delete(self, caller: Caller, collection: str, ids: Sequence[str], filter: Filter | None) -> Json:
        """See Vectors."""
        answer = await self._work.once(
            caller, lambda session: remove(session, caller.workspace, collection, ids, filter)
        )
        if not ids and filter is None:
            await self._indexes.drop_orphans()
        return answer

    async def _require_extension(self) -> None:
        if self._has_extension:
            return
        async with self._work.reading() as session:
            await require_extension(session)
        self._has_extension = True


async def require_extension(session: AsyncSession) -> None:
    """PermanentError unless the database has a pgvector that is new enough."""
    version = await session.scalar(select(func.max(_EXTENSIONS.c.extversion)).where(_EXTENSIONS.c.extname == "vector"))
    usable = await session.scalar(select(func.to_regtype("vector")))
    if version is None or usable is None:
        raise PermanentError(
            "the database has no pgvector extension, which VECTOR_STORE needs",
            code="VECTOR_EXTENSION_MISSING",
            hint="the operator installs pgvector on the database server, and runs CREATE EXTENSION vector "
            "in the engine's database",
        )
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PGVECTOR:
        raise PermanentError(
            f"the database has pgvector {version}; VECTOR_STORE needs 0.8 or later",
            code="VECTOR_EXTENSION_OLD",
            hint="the operator installs a newer pgvector, and runs ALTER EXTENSION vector UPDATE",
        )


async def find(session: AsyncSession, workspace: str, name: str) -> VectorCollectionRow | None:
    """A collection, if there is one."""
    place = (VectorCollectionRow.workspace == workspace, VectorCollectionRow.name == name)
    return (await session.scalars(select(VectorCollectionRow).where(*place))).one_or_none()


async def upsert(
    session: AsyncSession,
    workspace: str,
    name: str,
    records: Sequence[VectorRecord],
    metric: Metric | None,
    model: str,
) -> Json:
    """Stores vectors in one collection; PermanentError if they are unlike those that it has."""
    row = await _collection(session, workspace, name, len(records[0].vector), metric or DEFAULT_METRIC, model)
    for record in records:
        _require_alike(row, record.vector, model, row.metric)
    if metric not in (None, row.metric):
        raise _other_metric(row, metric)
    # In one order everywhere, so that two who store the same ids wait for each other in turn.
    values = [_values(row.id, record) for record in sorted(records, key=lambda record: record.id)]
    new = insert(VectorRow).values(values)
    kept = ("embedding", "text", "metadata", "filterable")
    await session.execute(
        new.on_conflict_do_update(
            index_elements=VectorRow.__table__.primary_key,
            set_={**{column: new.excluded[column] for column in kept}, "updated_at": func.now()},
        )
    )
    return {
        "collection": name,
        "ids": [record.id for record in records],
        "count": len(records),
        "dimensions": row.dimensions,
        "metric": row.metric,
    }


async def nearest(session: AsyncSession, row: VectorCollectionRow, search: Search) -> list[Json]:
    """The nearest vectors; all are looked at where the index, if there is one, found too few."""
    comparing = Comparing.of(row, search)
    indexed = await session.scalar(select(func.to_regclass(index_name(row.id)))) is not None
    await comparing.prepare(session, indexed=indexed and comparing.metric == row.metric)
    rows = (await session.execute(comparing.statement())).all()
    if indexed and len(rows) < search.top_k:
        rows = (await session.execute(comparing.statement(exact=True))).all()
    matches = [_match(comparing, found, vectors=search.vectors) for found in rows]
    matches.sort(key=lambda match: (-match["score"], match["id"]))
    least = search.min_score
    return [match for match in matches if least is None or match["score"] >= least]


async def remove(session: AsyncSession, workspace: str, name: str, ids: Sequence[str], filter: Filter | None) -> Json:
    """Removes vectors, or the whole collection."""
    row = await find(session, workspace, name)
    if row is None:
        return {"collection": name, "deleted": 0}
    chosen = delete(VectorRow).where(VectorRow.collection_id == row.id)
    if ids:
        chosen = chosen.where(VectorRow.id.in_(ids))
    if filter is not None:
        chosen = chosen.where(*matching(filter))
    deleted = await rows_of(session, chosen)
    if not ids and filter is None:
        await session.execute(delete(VectorCollectionRow).where(VectorCollectionRow.id == row.id))
    return {"collection": name, "deleted": deleted}


async def _collection(
    session: AsyncSession, workspace: str, name: str, dimensions: int, metric: str, model: str
) -> VectorCollectionRow:
    """The collection, made if there is none; it isn't removed while the transaction lasts."""
    new = insert(VectorCollectionRow).values(
        workspace=workspace, name=name, dimensions=dimensions, metric=metric, model=model
    )
    held = new.on_conflict_do_update(index_elements=["workspace", "name"], set_={"name": name})
    row = (await session.scalars(held.returning(VectorCollectionRow))).one()
    if model and not row.model:
        named = update(VectorCollectionRow).where(VectorCollectionRow.id == row.id).values(model=model)
        await session.execute(named, execution_options={"synchronize_session": False})
    return row


def _require_alike(row: VectorCollectionRow, vector: Sequence[float], model: str, metric: str) -> None:
    dimensions = len(vector)
    if dimensions != row.dimensions:
        raise PermanentError(
            f'the vector has {dimensions} dimensions, those of the collection "{row.name[:100]}" have {row.dimensions}',
            code="DIMENSION_MISMATCH",
            hint="use the model that the collection was made with, or another collection",
        )
    if model and row.model and model != row.model:
        raise PermanentError(
            f'the vector is of the model {model[:100]}, those of the collection "{row.name[:100]}" '
            f"are of {row.model[:100]}",
            code="MODEL_MISMATCH",
            hint="vectors of two models can't be compared: use the same model, or another collection",
        )
    if metric == "cosine" and not any(vector):
        raise PermanentError("the vector is all zeros, which has no direction to compare", code="INVALID_VECTOR")
    if indexed_type(dimensions) == "halfvec" and max(map(abs, vector)) > _LARGEST_HALF:
        raise PermanentError(
            f"the vector has a number beyond ±{_LARGEST_HALF:,.0f}, the most that an index on {dimensions} dimensions "
            "can hold",
            code="INVALID_VECTOR",
        )


def _other_metric(row: VectorCollectionRow, metric: str | None) -> PermanentError:
    return PermanentError(
        f'the collection "{row.name[:100]}" is compared by {row.metric}, not by {metric}',
        code="METRIC_MISMATCH",
        hint='leave "metric" out, or use another collection',
    )


def _values(collection_id: int, record: VectorRecord) -> dict[str, Any]:
    return {
        "collection_id": collection_id,
        "id": record.id,
        "embedding": list(record.vector),
        "text": record.text,
        "metadata": record.metadata,
        "filterable": cast(literal(record.metadata, Text()), JSONB),
    }


def _match(comparing: Comparing, found: Any, *, vectors: bool) -> Json:
    match = {
        "id": found.id,
        "score": comparing.score(found.distance),
        "distance": found.distance,
        "text": found.text,
        "metadata": exact_json.loads(found.written),
    }
    return {**match, "vector": list(found.embedding)} if vectors else match

"""HNSW indexes: one for each collection that has grown, made while the collection is in use."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.engine import Database
from services.store.memory.comparing import OPERATOR_CLASSES, indexed_type
from services.store.memory.tables import VectorCollectionRow, VectorRow

# Fewer vectors are compared one by one: that takes milliseconds, and misses none.
INDEXED_FROM = 1000
BUILD_MINUTES = 30
AGAIN_AFTER_SECONDS = 600.0
_PREFIX = "ix_memory_vectors_hnsw_"
# Any number that is ours alone: who makes or drops an index holds the advisory lock of it and the collection.
_LOCK = 7_215_502
_ORPHANS = text(
    "SELECT relname FROM pg_class WHERE relkind = 'i' AND starts_with(relname, :prefix) AND NOT EXISTS "
    "(SELECT FROM memory_vector_collections WHERE :prefix || id = relname)"
)
logger = logging.getLogger(__name__)


class Indexes:
    """The indexes of the collections of vectors."""

    def __init__(self, database: Database, indexed_from: int = INDEXED_FROM) -> None:
        self._database = database
        self._indexed_from = indexed_from
        # Collections to leave alone, and until when.
        self._settled: dict[int, float] = {}

    async def provide(self, row: VectorCollectionRow) -> None:
        """Makes the collection's index once it is worth it; a failure is logged, as searches work without."""
        if not indexed_type(row.dimensions) or self._settled.get(row.id, 0) > time.monotonic():
            return
        try:
            async with self._database.single() as connection:
                if await _has_grown(connection, row.id, self._indexed_from):
                    self._settled[row.id] = time.monotonic() + AGAIN_AFTER_SECONDS
                    await _make(connection, row)
        except DBAPIError as error:
            logger.warning(
                "the index %s couldn't be made; searches in the collection work, but look at every vector: %s",
                index_name(row.id),
                str(error.orig)[:300],
            )

    async def drop_orphans(self) -> None:
        """Drops the indexes of collections that are no more."""
        try:
            async with self._database.single() as connection:
                for name in (await connection.scalars(_ORPHANS, {"prefix": _PREFIX})).all():
                    collection_id = int(str(name).removeprefix(_PREFIX))
                    async with _alone(connection, collection_id) as alone:
                        if alone:
                            await _drop(connection, collection_id)
        except DBAPIError as error:
            logger.warning("indexes of removed collections couldn't be dropped: %s", str(error.orig)[:300])


def index_name(collection_id: int) -> str:
    """The name of a collection's index."""
    return f"{_PREFIX}{int(collection_id)}"


async def _has_grown(connection: AsyncConnection, collection_id: int, size: int) -> bool:
    some = select(VectorRow.id).where(VectorRow.collection_id == collection_id).limit(size).subquery()
    return bool(await connection.scalar(select(func.count()).select_from(some)) == size)


async def _make(connection: AsyncConnection, row: VectorCollectionRow) -> None:
    async with _alone(connection, row.id) as alone:
        if not alone:
            return
        valid = await connection.scalar(
            text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"), {"name": index_name(row.id)}
        )
        if valid is False:
            # Whoever made it was interrupted.
            await _drop(connection, row.id)
        if not valid:
            await connection.execute(text(definition(row)))


def definition(row: VectorCollectionRow) -> str:
    """The statement that makes a collection's index; it holds nothing but names of ours and numbers."""
    as_type = indexed_type(row.dimensions)
    return (
        f"CREATE INDEX CONCURRENTLY {index_name(row.id)} ON memory_vectors "
        f"USING hnsw ((embedding::{as_type}({int(row.dimensions)})) {as_type}_{OPERATOR_CLASSES[row.metric]}) "
        f"WHERE collection_id = {int(row.id)}"
    )


async def _drop(connection: AsyncConnection, collection_id: int) -> None:
    await connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {index_name(collection_id)}"))


@asynccontextmanager
async def _alone(connection: AsyncConnection, collection_id: int) -> AsyncIterator[bool]:
    """Whether nobody else works on the collection's index; gives the statements inside more time."""
    lock = {"lock": _LOCK, "collection": collection_id % 2**31}
    if not await connection.scalar(text("SELECT pg_try_advisory_lock(:lock, :collection)"), lock):
        yield False
        return
    try:
        await connection.execute(text(f"SET statement_timeout = '{BUILD_MINUTES}min'"))
        yield True
        await connection.execute(text("RESET statement_timeout"))
        await connection.execute(text("SELECT pg_advisory_unlock(:lock, :collection)"), lock)
    except BaseException:
        # With the connection, the lock and the setting are gone, whatever state it is in.
        await connection.invalidate()
        raise

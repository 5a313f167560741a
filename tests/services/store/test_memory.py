"""What the memory store does beside the nodes' view of it: indexes, the extension, sweeping, outages."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from nodes.errors import PermanentError, RetryableError
from nodes.memory.request import Caller, Condition, Message, Metric, Page, Search, TextSearch, VectorRecord
from services.store import migrate
from services.store.engine import Database
from services.store.memory import vectors as vector_store
from services.store.memory.comparing import Comparing
from services.store.memory.stored import StoredMemory
from services.store.memory.work import sweep

ADA = Caller("ada")
COLLECTION = "notes"


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    async with Database(postgres_url, pool_size=10) as opened:
        yield opened


async def fetch(database: Database, statement: str, **values: Any) -> list[Any]:
    """The first column of what a statement answers."""
    async with database.single() as connection:
        return list((await connection.execute(text(statement), values)).scalars())


async def run(database: Database, statement: str, **values: Any) -> None:
    async with database.single() as connection:
        await connection.execute(text(statement), values)


async def indexes(database: Database) -> list[str]:
    """The HNSW indexes that may be used."""
    statement = (
        "SELECT c.relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid "
        "WHERE c.relname LIKE 'ix_memory_vectors_hnsw%' AND i.indisvalid"
    )
    return await fetch(database, statement)


def records(count: int, dimensions: int = 8, seed: int = 1) -> list[VectorRecord]:
    chance = random.Random(seed)
    return [
        VectorRecord(f"{seed}-{n}", [chance.gauss(0, 1) for _ in range(dimensions)], None, f'{{"n": {n}}}')
        for n in range(count)
    ]


async def store(
    memory: StoredMemory, count: int, dimensions: int = 8, seed: int = 1, metric: Metric = "cosine"
) -> None:
    await memory.vectors.upsert(ADA, COLLECTION, records(count, dimensions, seed), metric, "")


async def plan_of(database: Database, search: Search, *, exact: bool = False) -> str:
    """How PostgreSQL would carry out a search, statement and values as they are sent."""
    async with database.transaction() as session:
        row = await vector_store.find(session, ADA.workspace, COLLECTION)
        assert row is not None
        comparing = Comparing.of(row, search)
        await comparing.prepare(session, indexed=comparing.metric == row.metric)
        compiled = comparing.statement(exact=exact).compile(
            dialect=database.engine.dialect, compile_kwargs={"render_postcompile": True}
        )
        connection = await session.connection()
        rows = await connection.exec_driver_sql(f"EXPLAIN {compiled}", compiled.construct_params())
        return "\n".join(rows.scalars())


@pytest.mark.parametrize("metric", ["cosine", "l2", "inner_product"])
async def test_the_index_is_used(database: Database, metric: Metric) -> None:
    memory = StoredMemory(database, indexed_from=1000)
    await store(memory, 1000, 32, metric=metric)
    (name,) = await indexes(database)
    await run(database, "ANALYZE memory_vectors")
    search = Search(records(1, 32, seed=9)[0].vector, 10)
    assert f"Index Scan using {name}" in await plan_of(database, search)
    assert name not in await plan_of(database, search, exact=True)
    other: Metric = "l2" if metric != "l2" else "cosine"
    assert name not in await plan_of(database, replace(search, metric=other))


async def test_long_vectors_are_indexed_by_halves(database: Database) -> None:
    memory = StoredMemory(database, indexed_from=20)
    await store(memory, 30, 3072)
    (name,) = await indexes(database)
    search = Search(records(1, 3072, seed=9)[0].vector, 5)
    assert f"Index Scan using {name}" in await plan_of(database, search)
    found = await memory.vectors.search(ADA, COLLECTION, search, "")
    exact = await memory.vectors.search(ADA, COLLECTION, replace(search, top_k=1000), "")
    assert [one["id"] for one in found["matches"]] == [one["id"] for one in exact["matches"]][:5]
    assert exact["count"] == 30


async def test_vectors_too_long_for_an_index_are_found_without(database: Database) -> None:
    memory = StoredMemory(database, indexed_from=5)
    await store(memory, 10, 4001)
    assert await indexes(database) == []
    wanted = records(10, 4001)[3]
    found = await memory.vectors.search(ADA, COLLECTION, Search(wanted.vector, 1), "")
    assert found["matches"][0]["id"] == wanted.id


async def test_small_collections_have_no_index_and_growing_ones_get_one(database: Database) -> None:
    memory = StoredMemory(database, indexed_from=50)
    await store(memory, 49)
    assert await indexes(database) == []
    await asyncio.gather(*(store(memory, 10, seed=seed) for seed in range(2, 8)))
    assert len(await indexes(database)) == 1


async def test_an_index_goes_with_its_collection(database: Database) -> None:
    memory = StoredMemory(database, indexed_from=20)
    await store(memory, 30)
    assert (await memory.vectors.delete(ADA, COLLECTION, [], None))["deleted"] == 30
    assert await indexes(database) == []
    assert await fetch(database, "SELECT count(*) FROM memory_vectors") == [0]


async def test_an_index_whose_making_was_interrupted_is_made_again(database: Database) -> None:
    await store(StoredMemory(database, indexed_from=20), 30)
    (name,) = await indexes(database)
    await run(database, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(:name)", name=name)
    assert await indexes(database) == []
    await store(StoredMemory(database, indexed_from=20), 1)
    assert await indexes(database) == [name]


async def test_without_the_right_to_make_indexes_searches_work(
    database: Database, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    role = make_url(postgres_url).database + "_worker"
    await run(database, f"CREATE ROLE {role} LOGIN")
    await run(database, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        async with Database(_as(postgres_url, role)) as limited:
            memory = StoredMemory(limited, indexed_from=20)
            with caplog.at_level(logging.WARNING):
                await store(memory, 30)
            assert "couldn't be made; searches in the collection work" in caplog.text
            found = await memory.vectors.search(ADA, COLLECTION, Search([1.0] * 8, 3), "")
            assert found["count"] == 3
    finally:
        await run(database, f"DROP OWNED BY {role}")
        await run(database, f"DROP ROLE {role}")


async def test_a_database_without_the_extension_keeps_everything_but_vectors(
    empty_postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    role = make_url(empty_postgres_url).database + "_owner"
    async with Database(empty_postgres_url) as database:
        await run(database, f"CREATE ROLE {role} LOGIN")
        await run(database, f"GRANT ALL ON SCHEMA public TO {role}")
        try:
            with caplog.at_level(logging.WARNING):
                await asyncio.to_thread(migrate.upgrade, _as(empty_postgres_url, role))
            assert "VECTOR_STORE won't work before CREATE EXTENSION vector does" in caplog.text
            memory = StoredMemory(database)
            assert (await memory.values.set(ADA, "n", "k", "1", None, Condition()))["stored"]
            with pytest.raises(PermanentError, match="no pgvector extension") as caught:
                await store(memory, 1)
            assert caught.value.code == "VECTOR_EXTENSION_MISSING"
            assert "CREATE EXTENSION vector" in caught.value.hint
            with pytest.raises(PermanentError, match="no pgvector extension"):
                await memory.vectors.search(ADA, COLLECTION, Search([1.0], 1), "")
            # Once the operator has made it, nothing else is needed.
            await run(database, "CREATE EXTENSION vector")
            await store(memory, 1)
        finally:
            await run(database, f"DROP OWNED BY {role} CASCADE")
            await run(database, f"DROP ROLE {role}")


async def test_what_has_expired_is_swept_at_writes(database: Database) -> None:
    memory = StoredMemory(database, sweep_seconds=0)
    await memory.values.set(ADA, "n", "brief", "1", 0.01, Condition())
    await memory.values.set(ADA, "n", "lasting", "1", 60, Condition())
    await asyncio.sleep(0.02)
    await memory.values.set(Caller("ada", "call-1"), "n", "other", "1", None, Condition())
    assert await fetch(database, "SELECT key FROM memory_values ORDER BY key") == ["lasting", "other"]
    assert await fetch(database, "SELECT key FROM memory_writes") == ["call-1"]
    await run(database, "UPDATE memory_writes SET at = at - CAST(:age AS interval)", age=timedelta(days=31))
    async with database.transaction() as session:
        assert await sweep(session) == 1
        assert await sweep(session) == 0


async def test_concurrent_sweeps_dont_wait_for_each_other(database: Database) -> None:
    memory = StoredMemory(database)
    for n in range(20):
        await memory.values.set(ADA, "n", str(n), "1", 0.001, Condition())
    await asyncio.sleep(0.01)
    async with database.transaction() as first, database.transaction() as second:
        assert await sweep(first) == 20
        assert await asyncio.wait_for(sweep(second), 2) == 0


async def test_an_attempt_that_lost_its_connection_is_neither_lost_nor_made_twice(
    database: Database, postgres_url: str
) -> None:
    memory, caller, codes = StoredMemory(database), Caller("ada", "call-1"), set()
    url = make_url(postgres_url)
    async with Database(url.set(database="postgres").render_as_string(hide_password=False)) as elsewhere:
        for attempts in range(20):
            attempt = asyncio.create_task(memory.values.increment(caller, "n", "k", 1, None))
            await asyncio.sleep(attempts / 2000)
            await run(
                elsewhere,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name",
                name=url.database,
            )
            (told,) = await asyncio.gather(attempt, return_exceptions=True)
            codes.add(told.code if isinstance(told, RetryableError) else told["value"])
    assert codes <= {"STORE_UNAVAILABLE", 1}
    for _ in range(20):  # the pool may still hold connections that were cut
        try:
            assert (await memory.values.increment(caller, "n", "k", 1, None))["value"] == 1
        except RetryableError:
            continue
        break
    assert (await memory.values.get(ADA, "n", "k"))["value"] == 1


async def test_an_outage_is_worth_a_retry(unused_port: int) -> None:
    async with Database(f"postgresql://nobody@127.0.0.1:{unused_port}/none") as nowhere:
        memory = StoredMemory(nowhere)
        calls = [
            memory.values.get(ADA, "n", "k"),
            memory.buffers.append(ADA, "s", [Message("user", '"a"', 1)], 10, None),
            memory.vectors.search(ADA, COLLECTION, Search([1.0], 1), ""),
            memory.documents.search(ADA, COLLECTION, TextSearch("a", 1)),
            memory.documents.list(ADA, COLLECTION, Page()),
        ]
        for call in calls:
            with pytest.raises(RetryableError, match="doesn't answer") as caught:
                await call
            assert caught.value.code == "STORE_UNAVAILABLE"


async def test_a_statement_that_takes_too_long_is_stopped(postgres_url: str, database: Database) -> None:
    async with Database(postgres_url, statement_timeout=0.2) as hasty, database.transaction() as session:
        memory = StoredMemory(hasty)
        await memory.values.set(ADA, "n", "k", "1", None, Condition())
        await session.execute(text("SELECT 1 FROM memory_values FOR UPDATE"))
        with pytest.raises(RetryableError, match="took longer") as caught:
            await memory.values.increment(ADA, "n", "k", 1, None)
        assert caught.value.code == "TIMEOUT"


def _as(url: str, role: str) -> str:
    return make_url(url).set(username=role).render_as_string(hide_password=False)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port

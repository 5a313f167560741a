"""Bodies by content hash: kept once, for as long as a run refers to them."""

import asyncio
import hashlib
import os
from datetime import UTC, datetime

import pytest

from orchestrator.record import ExecutionRecord, Status
from services.store import executions, payloads, recording
from tests.services.conftest import Store


async def end_and_delete(store: Store, execution_id: str) -> None:
    await recording.record(store.database, execution_id, [], ExecutionRecord(Status.COMPLETED, datetime.now(UTC)))
    async with store.database.transaction() as session:
        await executions.delete(session, execution_id)


async def test_bodies_come_back_in_order(store: Store) -> None:
    run = await store.execution()
    bodies = [b"", b"two", bytes(range(256)), b"two"]
    refs = await payloads.put(store.database, run, bodies)
    assert refs == [hashlib.sha256(body).hexdigest() for body in bodies]
    assert await payloads.get(store.database, refs) == bodies
    assert await payloads.get(store.database, []) == []
    assert await store.count("payloads") == 3


async def test_a_large_body(store: Store) -> None:
    run, other = await store.execution(), await store.execution()
    body = os.urandom(64 * 1024 * 1024)
    (ref,) = await payloads.put(store.database, run, [body])
    assert await payloads.put(store.database, other, [body]) == [ref]
    (found,) = await payloads.get(store.database, [ref])
    assert found == body
    assert (await store.count("payloads"), await store.count("payload_links")) == (1, 2)


async def test_what_is_missing_is_named(store: Store) -> None:
    run = await store.execution()
    (ref,) = await payloads.put(store.database, run, [b"x"])
    with pytest.raises(LookupError, match="abc"):
        await payloads.get(store.database, [ref, "abc", "def"])
    with pytest.raises(LookupError, match="nowhere"):
        await payloads.put(store.database, "nowhere", [b"x"])


async def test_a_payload_goes_with_the_last_run_that_refers_to_it(store: Store) -> None:
    first, second = await store.execution(), await store.execution()
    shared, own = b"shared", b"own"
    refs = await payloads.put(store.database, first, [shared, own])
    await payloads.put(store.database, second, [shared])
    await end_and_delete(store, first)
    assert await payloads.get(store.database, refs[:1]) == [shared]
    with pytest.raises(LookupError):
        await payloads.get(store.database, refs[1:])
    await end_and_delete(store, second)
    assert await store.count("payloads") == 0


async def test_deleting_and_putting_the_same_body_at_once(store: Store) -> None:
    for size in (10, 300_000):
        for _ in range(10):
            body = os.urandom(size)
            old, new = await store.execution(), await store.execution()
            await payloads.put(store.database, old, [body])
            refs, _ = await asyncio.gather(payloads.put(store.database, new, [body]), end_and_delete(store, old))
            assert await payloads.get(store.database, refs) == [body]

"""Watchers hear of every commit, and of what they missed once the connection is back."""

import asyncio
from datetime import UTC, datetime

import psycopg
import pytest

from orchestrator.errors import RunError
from orchestrator.record import ExecutionRecord, NodeRecord, NodeStatus, Status
from services.store import recording, serial
from services.store.listen import Listener, Standing
from tests.services.conftest import Store


async def test_only_the_watchers_of_a_run_are_woken(store: Store) -> None:
    one, other = await store.execution(), await store.execution()
    listener = Listener(store.database.url)
    await listener.start()
    try:
        with listener.watch(one) as first, listener.watch(one) as second, listener.watch(other) as third:
            await recording.record(store.database, one, [NodeRecord("A", 0, NodeStatus.COMPLETED)])
            assert await first.wait(5)
            assert await second.wait(5)
            assert not await third.wait(0.1)
            assert not await first.wait(0.1)
            await recording.record(store.database, one, [], ExecutionRecord(Status.COMPLETED, datetime.now(UTC)))
            assert await first.wait(5)
    finally:
        await listener.stop()


@pytest.mark.parametrize(("message", "told"), [("short", True), ("ö" * 4000, False)])
async def test_how_a_run_stands_is_told_unless_that_is_too_long(store: Store, message: str, told: bool) -> None:
    run, now = await store.execution(), datetime.now(UTC)
    error = RunError("BROKEN", message, "A")
    listener = Listener(store.database.url)
    await listener.start()
    try:
        with listener.watch(run, nodes=False) as watcher:
            await recording.record(store.database, run, [NodeRecord("A", 0, NodeStatus.FAILED)])
            await recording.record(store.database, run, [], ExecutionRecord(Status.FAILED, now, error))
            assert await watcher.wait(5)
            expected = Standing("FAILED", 4, now, now, serial.write(error), 4)
            assert watcher.standing == (expected if told else None)
    finally:
        await listener.stop()


async def test_news_before_the_wait_is_not_missed(store: Store) -> None:
    run = await store.execution()
    listener = Listener(store.database.url)
    await listener.start()
    try:
        with listener.watch(run) as watcher:
            await recording.record(store.database, run, [NodeRecord("A", 0, NodeStatus.COMPLETED)])
            await asyncio.sleep(0.2)
            assert await watcher.wait(0.01)
    finally:
        await listener.stop()


async def test_after_a_lost_connection_everybody_is_woken(store: Store) -> None:
    run = await store.execution()
    listener = Listener(store.database.url)
    await listener.start()
    try:
        with listener.watch(run) as watcher:
            async with store.database.single() as connection:
                await connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'orchestrator listener'"
                )
            assert await watcher.wait(10)
            await listener.listening()
            await recording.record(store.database, run, [NodeRecord("A", 0, NodeStatus.COMPLETED)])
            assert await watcher.wait(5)
    finally:
        await listener.stop()


async def test_an_unreachable_database_fails_the_start() -> None:
    with pytest.raises(psycopg.OperationalError, match="connection"):
        await Listener("postgresql://localhost:1/none").start()

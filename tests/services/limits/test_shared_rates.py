"""Rates that processes share: exact in Redis and in PostgreSQL, and counted on when Redis is lost."""

import asyncio
import time

import pytest

from services.gateway.rates import Buckets
from services.gateway.shared_rates import RedisRates
from services.rates import SharedRates
from services.redis import PAUSE, RedisAwayError, RedisLink
from services.store import rates
from tests.services.conftest import Store
from tests.services.limits.redis_server import RedisServer


async def taken(shared: list[SharedRates], key: str) -> list[float]:
    return await asyncio.gather(*(one.take(key, 10, 60) for _ in range(20) for one in shared))


async def test_postgresql_counts_for_all(store: Store) -> None:
    waits = await taken([SharedRates(store.database, None) for _ in range(2)], "k")
    assert waits.count(0) == 10
    assert all(0 < wait <= 6.001 for wait in waits if wait)
    assert await SharedRates(store.database, None).take("other", 1, 60) == 0


async def test_a_bucket_fills_up_again(store: Store) -> None:
    shared = SharedRates(store.database, None)
    assert [await shared.take("k", 1, 0.3) == 0 for _ in range(2)] == [True, False]
    await asyncio.sleep(await shared.take("k", 1, 0.3))
    assert await shared.take("k", 1, 0.3) == 0
    await rates.sweep(store.database)
    assert await store.count("rate_buckets") == 1


@pytest.mark.system
async def test_redis_counts_for_all(store: Store, redis: RedisServer) -> None:
    links = [RedisLink(redis.url) for _ in range(2)]
    waits = await taken([SharedRates(store.database, link) for link in links], "k")
    assert waits.count(0) == 10
    assert all(0 < wait <= 6.001 for wait in waits if wait)
    assert await store.count("rate_buckets") == 0
    for link in links:
        await link.close()


@pytest.mark.system
@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_nothing_fails_or_waits_when_redis_is_lost(store: Store, redis: RedisServer, how: str) -> None:
    now = time.monotonic()
    link = RedisLink(redis.url, clock=lambda: now)
    shared = SharedRates(store.database, link)
    clients = RedisRates(link, 40, Buckets(40))
    assert await shared.take("k", 2, 60) == await clients.take("a") == 0
    if how == "killed":
        await redis.kill()
    else:
        redis.freeze()
    begun = time.monotonic()
    assert [await shared.take("k", 2, 60) == 0 for _ in range(5)] == [True, True, False, False, False]
    assert [await clients.take("a") == 0 for _ in range(12)] == [True] * 10 + [False] * 2
    assert time.monotonic() - begun < 5
    with pytest.raises(RedisAwayError):
        await link.ask(lambda client: client.ping())
    await redis.kill()
    await redis.start()
    now += PAUSE + 1
    assert await link.ask(lambda client: client.ping())
    assert await shared.take("k", 2, 60) == 0
    await link.close()

"""Tries are counted by all servers together: in Redis, in PostgreSQL, and on when Redis is lost in between."""

import asyncio

import pytest

from services.errors import RateLimited
from services.identity.limits import Limit
from services.rates import SharedRates
from services.redis import RedisLink
from tests.services.conftest import Store
from tests.services.limits.redis_server import RedisServer


async def tried(*limits: Limit, key: str = "ada@example.org") -> list[bool]:
    """Whether each try is let through."""

    async def once(limit: Limit) -> bool:
        try:
            await limit.spend(key)
        except RateLimited:
            return False
        return True

    return [await once(limit) for limit in limits]


async def test_two_servers_without_redis(store: Store) -> None:
    one, other = (Limit(SharedRates(store.database, None), "account", 3, 300) for _ in range(2))
    assert await tried(one, other, one, other, one) == [True, True, True, False, False]
    assert await tried(one, other, key="somebody else") == [True, True]
    assert await tried(Limit(SharedRates(store.database, None), "address", 3, 300)) == [True]
    await other.forgive("ada@example.org")
    assert await tried(one, one, other, other) == [True, True, True, False]
    async with store.database.single() as connection:
        keys = (await connection.exec_driver_sql("SELECT key FROM rate_buckets")).scalars().all()
    assert not any("ada" in key for key in keys)


async def test_tries_come_back(store: Store) -> None:
    limit = Limit(SharedRates(store.database, None), "account", 2, 1)
    assert await tried(limit, limit, limit) == [True, True, False]
    with pytest.raises(RateLimited, match="try again in 1 s") as caught:
        await limit.spend("ada@example.org")
    await asyncio.sleep(caught.value.retry_after)
    assert await tried(limit) == [True]


@pytest.mark.system
@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_redis_is_lost_in_the_middle(store: Store, redis: RedisServer, how: str) -> None:
    links = [RedisLink(redis.url) for _ in range(2)]
    one, other = (Limit(SharedRates(store.database, link), "account", 3, 300) for link in links)
    assert await tried(one, other, one, other) == [True, True, True, False]
    assert await store.count("rate_buckets") == 0
    await one.forgive("ada@example.org")
    assert await tried(one, other, one, other) == [True, True, True, False]
    if how == "killed":
        await redis.kill()
    else:
        redis.freeze()
    # PostgreSQL begins to count, for both.
    assert await tried(one, other, one, other, one) == [True, True, True, False, False]
    await other.forgive("ada@example.org")
    assert await tried(one, other) == [True, True]
    for link in links:
        await link.close()

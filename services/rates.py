"""Rates that several processes share: counted in Redis where there is one, else in PostgreSQL or in this process."""

import math
from contextlib import suppress

from redis.asyncio import Redis

from services.redis import RedisAwayError, RedisLink
from services.store import rates
from services.store.engine import Database

# As take_rate in PostgreSQL: the bucket is the instant at which it is full. Redis's clock counts, for all.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local every, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + every
if full > now + most + 1 then return full - most - now end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
return 0
"""
_PREFIX = "orchestrator:rate:"


async def take_in_redis(link: RedisLink, key: str, count: float, seconds: float) -> float:
    """Takes one of `count` in `seconds`: 0, or how many seconds to wait; RedisAwayError if it can't be told."""
    most = seconds * 1_000_000
    arguments = (_PREFIX + key, math.ceil(most / count), math.ceil(most))

    async def call(redis: Redis) -> float:
        return float(await redis.eval(_TAKE, 1, *arguments))

    return await link.ask(call) / 1_000_000


class SharedRates:
    """Rates of whatever has a key: exact over all processes, for as long as one of the two stores keeps counting."""

    def __init__(self, database: Database, link: RedisLink | None) -> None:
        self._database = database
        self._link = link

    async def take(self, key: str, count: int, seconds: float) -> float:
        """Takes one of `count` in `seconds`: 0 if there is one, else how many seconds to wait."""
        if self._link is None:
            return await rates.take(self._database, key, count, seconds)
        try:
            return await take_in_redis(self._link, key, count, seconds)
        except RedisAwayError:
            return await rates.take(self._database, key, count, seconds)

    async def forget(self, key: str) -> None:
        """Has all of a key's rate there again."""
        await rates.forget(self._database, key)
        if self._link is not None:
            with suppress(RedisAwayError):
                await self._link.ask(lambda redis: redis.delete(_PREFIX + key))

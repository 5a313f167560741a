"""Redis, where an operator has one: asked briefly, and left alone for a while once it doesn't answer."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

T = TypeVar("T")
# What is asked of Redis saves time, or is done in PostgreSQL instead: it isn't worth a long wait.
TIMEOUT = 0.25
PAUSE = 5.0

_log = structlog.get_logger(__name__)


class RedisAwayError(Exception):
    """Redis doesn't answer, or didn't a moment ago."""


class RedisLink:
    """Connections to one Redis; every call is answered, or refused, within a moment."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0)
        )
        self._clock = clock
        self._away_until = 0.0
        self._lost = False

    async def ask(self, call: Callable[[Redis], Awaitable[T]]) -> T:
        """What the call comes to; RedisAwayError at once while it is known to be away."""
        if self._clock() < self._away_until:
            raise RedisAwayError
        try:
            answer = await call(self._redis)
        except (RedisError, OSError, TimeoutError) as error:
            if not self._lost:
                _log.warning("redis doesn't answer; going on without it", error=type(error).__name__)
            self._lost, self._away_until = True, self._clock() + PAUSE
            raise RedisAwayError from error
        if self._lost:
            _log.info("redis answers again")
            self._lost = False
        return answer

    async def close(self) -> None:
        """Closes its connections."""
        await self._redis.aclose()

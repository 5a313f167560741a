"""Counts clients' requests for all gateways together, where there is Redis."""

from services.gateway.rates import Rates
from services.rates import take_in_redis
from services.redis import RedisAwayError, RedisLink


class RedisRates(Rates):
    """The gateway's: a client has a quarter of a minute's requests at once; `own` counts while Redis is away."""

    def __init__(self, link: RedisLink, per_minute: int, own: Rates) -> None:
        self._link = link
        self._per_minute = per_minute
        self._own = own

    async def take(self, client: str) -> float:
        """Counts one request: 0 if there is room for it, else how many seconds to wait."""
        try:
            return await take_in_redis(self._link, f"client:{client}", max(self._per_minute / 4, 1.0), 15)
        except RedisAwayError:
            return await self._own.take(client)

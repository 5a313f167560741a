"""Limits how often something may be tried."""

import hashlib
import math

from services.errors import RateLimited
from services.rates import SharedRates


class Limit:
    """At most `count` tries in any `seconds` for each key, at all servers together; it comes back little by little."""

    def __init__(self, rates: SharedRates, what: str, count: int, seconds: float) -> None:
        self._rates = rates
        self._what = what
        self._count = count
        self._seconds = seconds

    async def spend(self, key: str) -> None:
        """Counts a try; RateLimited if it is one too many, which isn't counted."""
        wait = await self._rates.take(self._name(key), self._count, self._seconds)
        if wait:
            raise RateLimited("TOO_MANY_TRIES", f"too many tries; try again in {math.ceil(wait)} s", wait)

    async def forgive(self, key: str) -> None:
        """Forgets the tries of a key: the last one succeeded."""
        await self._rates.forget(self._name(key))

    def _name(self, key: str) -> str:
        # Who tries is nothing for Redis to know.
        return f"{self._what}:{hashlib.sha256(key.encode()).hexdigest()}"

"""Limits how often something may be tried."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from services.errors import RateLimited

_MOST_KEYS = 50_000


class Limit:
    """At most `count` tries in any `seconds` for each key, in this process."""

    def __init__(self, count: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._seconds = seconds
        self._clock = clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def spend(self, key: str) -> None:
        """Counts a try; RateLimited if it is one too many, which isn't counted."""
        now = self._clock()
        tries = self._tries.setdefault(key, deque())
        self._tries.move_to_end(key)
        while tries and tries[0] <= now - self._seconds:
            tries.popleft()
        if len(tries) >= self._count:
            wait = tries[0] + self._seconds - now
            raise RateLimited("TOO_MANY_TRIES", f"too many tries; try again in {wait:.0f} s", wait)
        tries.append(now)
        if len(self._tries) > _MOST_KEYS:
            self._tries.popitem(last=False)

    def forgive(self, key: str) -> None:
        """Forgets the tries of a key: the last one succeeded."""
        self._tries.pop(key, None)

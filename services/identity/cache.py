"""Remembers for a few seconds who was let in, so that a call needn't ask the database again."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from services.store.identity.principals import Principal

SECONDS = 5.0
_MOST = 10_000


class Cache:
    """Principals by session or hashed API key; what changes is forgotten at once, elsewhere by a notification."""

    def __init__(self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Principal]] = OrderedDict()
        self._changes = 0

    async def get(self, key: str, find: Callable[[], Awaitable[Principal | None]]) -> Principal | None:
        """What is remembered, or else is found."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        changes = self._changes
        found = await find()
        # Something may have changed while we read; and whoever guesses may not drive out who is known.
        if changes == self._changes and found is not None:
            self._kept[key] = self._clock() + self._seconds, found
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return found

    def forget(self, name: str = "") -> None:
        """Forgets what is known of a user, a session or an API key by its id; without a name, everything."""
        self._changes += 1
        if not name:
            self._kept.clear()
            return
        for key, (_, found) in list(self._kept.items()):
            if name in (found.user_id, found.session_id, found.api_key_id):
                del self._kept[key]

"""Results of nodes that workers share: in Redis where there is one, else in PostgreSQL; sealed in both."""

from activities.ports import Results
from services.redis import RedisAwayError, RedisLink
from services.store import results
from services.store.adapters import outages_named
from services.store.engine import Database
from services.store.keyring import KeyRing, Place, Unsealable

_PREFIX = "orchestrator:result:"


class SharedResults(Results):
    """Without keys nothing is kept: what nodes make may be as secret as what they were given."""

    def __init__(self, database: Database, link: RedisLink | None, keys: KeyRing | None) -> None:
        self._database = database
        self._link = link
        self._keys = keys

    async def get(self, workspace: str, key: str) -> bytes | None:
        """What is kept, if it is still good."""
        if self._keys is None:
            return None
        sealed = await self._read(key)
        if sealed is None:
            return None
        try:
            return self._keys.open(sealed, _place(workspace, key))
        except Unsealable:
            return None

    async def put(self, workspace: str, key: str, body: bytes, seconds: float) -> None:
        """Keeps a result for some seconds."""
        if self._keys is None:
            return
        sealed, link = self._keys.seal(body, _place(workspace, key)), self._link
        try:
            if link is None:
                raise RedisAwayError
            await link.ask(lambda redis: redis.set(_PREFIX + key, sealed, px=max(int(seconds * 1000), 1)))
        except RedisAwayError:
            async with outages_named():
                await results.put(self._database, key, sealed, seconds)

    async def _read(self, key: str) -> bytes | None:
        link = self._link
        try:
            if link is None:
                raise RedisAwayError
            found = await link.ask(lambda redis: redis.get(_PREFIX + key))
        except RedisAwayError:
            async with outages_named():
                return await results.get(self._database, key)
        return found.encode() if isinstance(found, str) else found


def _place(workspace: str, key: str) -> Place:
    return Place(workspace, key, "result")

"""API keys: what programs sign in with."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.errors import Forbidden, invalid
from services.identity.cache import Cache
from services.identity.caller import Caller, Role
from services.identity.membership import checked_name, signed_in
from services.identity.tokens import API_KEY, PREFIX_LENGTH, hashed, new_token
from services.store import paging
from services.store.audit import audit
from services.store.engine import Database
from services.store.identity import api_keys
from services.store.identity.tables import ApiKeyRow
from services.store.ids import new_id


class ApiKeys:
    """What can be done with the keys of the caller's workspace."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    async def create(self, name: str, role: Role, expires_at: datetime | None) -> tuple[ApiKeyRow, str]:
        """A new key and its secret, which nobody can read again."""
        caller = signed_in()
        if not caller.role.includes(role):
            raise Forbidden("PERMISSION_DENIED", f"a key may do at most what you may: your role is {caller.role}")
        if expires_at is not None and expires_at <= datetime.now(UTC):
            raise invalid("BAD_EXPIRY", "expires_at is in the past", "expires_at")
        async with self._database.transaction() as session:
            return make(session, caller, name, role, expires_at)

    async def listed(self, page_size: int, page_token: str) -> tuple[Sequence[ApiKeyRow], str]:
        """A page of keys, the newest first, and the next page's token."""
        caller = signed_in()
        size, after = paging.page_size(page_size, 50), paging.read_time_token(page_token)
        async with self._database.reading() as session:
            rows = await api_keys.listed(session, caller.workspace, size + 1, after)
        shown = rows[:size]
        return shown, paging.time_token(shown[-1].created_at, shown[-1].id) if len(rows) > size else ""

    async def revoke(self, key_id: str) -> None:
        """Ends a key, at once."""
        caller = signed_in()
        async with self._database.transaction() as session:
            row = await api_keys.revoke(session, caller.workspace, key_id)
            audit(session, caller, "api_key.revoke", "api_key", key_id, _shown(row))
        self._cache.forget(key_id)


def make(
    session: AsyncSession, caller: Caller, name: str, role: Role, expires_at: datetime | None
) -> tuple[ApiKeyRow, str]:
    """A key in the caller's workspace, and its secret."""
    secret = new_token(API_KEY)
    row = ApiKeyRow(
        id=new_id(),
        workspace=caller.workspace,
        created_by=caller.user_id,
        name=checked_name(name),
        prefix=secret[:PREFIX_LENGTH],
        sha256=hashed(secret),
        role=role.value,
        created_at=datetime.now(UTC),
        expires_at=expires_at,
    )
    session.add(row)
    audit(session, caller, "api_key.create", "api_key", row.id, after=_shown(row))
    return row, secret


def _shown(row: ApiKeyRow) -> dict[str, str]:
    return {"name": row.name, "prefix": row.prefix, "role": row.role}

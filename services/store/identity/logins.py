"""Sign-ins by the OpenID provider that are under way, as they are stored."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.identity.tables import LoginRow
from services.store.keyring import KeyRing, Place

LASTS = timedelta(minutes=10)
_PURPOSE = "oidc verifier"


@dataclass(frozen=True)
class Login:
    """A sign-in that was begun."""

    redirect_uri: str
    verifier: str
    nonce: str


async def begin(session: AsyncSession, state: str, login: Login, keys: KeyRing) -> datetime:
    """Keeps a sign-in until it is finished or too old; the old ones go."""
    now = datetime.now(UTC)
    await session.execute(delete(LoginRow).where(LoginRow.expires_at < now))
    key = _hashed(state)
    sealed = keys.seal(login.verifier.encode(), Place("", key, _PURPOSE))
    until = now + LASTS
    session.add(
        LoginRow(
            state_sha256=key, redirect_uri=login.redirect_uri, verifier=sealed, nonce=login.nonce, expires_at=until
        )
    )
    return until


async def take(session: AsyncSession, state: str, keys: KeyRing) -> Login | None:
    """The sign-in that a state stands for; a state works once."""
    key = _hashed(state)
    taken = delete(LoginRow).where(LoginRow.state_sha256 == key).returning(LoginRow)
    row = (await session.scalars(taken)).one_or_none()
    if row is None or row.expires_at <= datetime.now(UTC):
        return None
    return Login(row.redirect_uri, keys.open(row.verifier, Place("", key, _PURPOSE)).decode(), row.nonce)


def _hashed(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()

"""Sessions and their refresh tokens, as they are stored."""

from datetime import UTC, datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.identity import principals
from services.store.identity.tables import RefreshTokenRow, SignedInRow
from services.store.ids import new_id

REUSED = "a refresh token was used twice"


async def begin(session: AsyncSession, user_id: str, expires_at: datetime, address: str, via: str) -> SignedInRow:
    """A new session; those of the user that are long over are cleared away."""
    now = datetime.now(UTC)
    await session.execute(delete(SignedInRow).where(SignedInRow.user_id == user_id, SignedInRow.expires_at < now))
    row = SignedInRow(
        id=new_id(), user_id=user_id, address=address, via=via, created_at=now, expires_at=expires_at, revoked_for=""
    )
    session.add(row)
    await session.flush()
    return row


def give(session: AsyncSession, session_id: str, sha256: str) -> None:
    """Notes a refresh token that is given out."""
    session.add(RefreshTokenRow(sha256=sha256, session_id=session_id))


async def of_token(session: AsyncSession, sha256: str) -> tuple[SignedInRow, RefreshTokenRow] | None:
    """The session of a refresh token, locked: of two who use the token at once, one is the second."""
    query = select(SignedInRow, RefreshTokenRow).join(RefreshTokenRow, RefreshTokenRow.session_id == SignedInRow.id)
    found = (await session.execute(query.where(RefreshTokenRow.sha256 == sha256).with_for_update())).one_or_none()
    return None if found is None else (found[0], found[1])


async def revoke(session: AsyncSession, session_id: str, reason: str) -> None:
    """Ends a session: its tokens aren't good any more."""
    await session.execute(
        update(SignedInRow)
        .where(SignedInRow.id == session_id, SignedInRow.revoked_at.is_(None))
        .values(revoked_at=datetime.now(UTC), revoked_for=reason)
    )
    await principals.announce(session, session_id)


async def revoke_others(session: AsyncSession, user_id: str, kept: str, reason: str) -> None:
    """Ends all sessions of a user but one."""
    await session.execute(
        update(SignedInRow)
        .where(SignedInRow.user_id == user_id, SignedInRow.id != kept, SignedInRow.revoked_at.is_(None))
        .values(revoked_at=datetime.now(UTC), revoked_for=reason)
    )
    await principals.announce(session, user_id)

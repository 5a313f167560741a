"""Users, as they are stored."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.errors import AlreadyExists, NotFound, invalid
from services.store.ids import new_id
from services.store.tables import User

_LONGEST = 320


def clean_email(email: str, field: str = "email") -> str:
    """The address as it is kept: there is one user for it, however it is written."""
    kept = email.strip().lower()
    name, at, domain = kept.rpartition("@")
    if not (name and at and domain) or len(kept) > _LONGEST or any(char.isspace() for char in kept):
        raise invalid("BAD_EMAIL", f"{email[:80]!r} isn't an e-mail address", field)
    return kept


async def by_email(session: AsyncSession, email: str) -> User | None:
    """The user of an address."""
    return await session.scalar(select(User).where(User.email == email.strip().lower()))


async def by_subject(session: AsyncSession, issuer: str, subject: str) -> User | None:
    """The user that an OpenID provider knows by that name."""
    return await session.scalar(select(User).where(User.oidc_issuer == issuer, User.oidc_subject == subject))


async def get(session: AsyncSession, user_id: str, *, lock: bool = False) -> User:
    """A user; NotFound if there is none."""
    query = select(User).where(User.id == user_id)
    row = await session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound("USER_NOT_FOUND", f"there is no user {user_id[:128]!r}")
    return row


async def create(session: AsyncSession, email: str, name: str = "", password_hash: str | None = None) -> User:
    """A new user; AlreadyExists if there is one of that address."""
    kept, now = clean_email(email), datetime.now(UTC)
    row = User(id=new_id(), email=kept, name=name, password_hash=password_hash, created_at=now, updated_at=now)
    columns = {column.name: getattr(row, column.name) for column in User.__table__.columns}
    made = insert(User).values(columns).on_conflict_do_nothing().returning(User.id)
    if await session.scalar(made) is None:
        raise AlreadyExists("USER_EXISTS", f"there is a user {kept[:80]!r} already")
    return await get(session, row.id)


async def listed(session: AsyncSession) -> Sequence[User]:
    """All users, the oldest first."""
    return (await session.scalars(select(User).order_by(User.created_at, User.id))).all()

"""Results of nodes kept in PostgreSQL for a while."""

import random
from datetime import UTC, datetime

from sqlalchemy import Index, delete
from sqlalchemy.orm import Mapped, mapped_column

from services.store.engine import Database
from services.store.tables import Base

# One in so many writers clears up.
_SWEPT = 0.01


class CachedResultRow(Base):
    """A sealed result, by what it came of."""

    __tablename__ = "cached_results"
    __table_args__ = (Index("ix_cached_results_expires_at", "expires_at"), {"prefixes": ["UNLOGGED"]})

    key: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[bytes]
    expires_at: Mapped[datetime]


async def get(database: Database, key: str) -> bytes | None:
    """The result, if it is still good."""
    async with database.driver() as connection:
        cursor = await connection.execute(
            "SELECT body FROM cached_results WHERE key = %s AND expires_at > now()", [key]
        )
        row = await cursor.fetchone()
    return None if row is None else bytes(row.body)


async def put(database: Database, key: str, body: bytes, seconds: float) -> None:
    """Keeps a result for some seconds."""
    async with database.driver() as connection:
        await connection.execute(
            "INSERT INTO cached_results (key, body, expires_at) VALUES (%s, %s, now() + make_interval(secs => %s))"
            " ON CONFLICT (key) DO UPDATE SET body = excluded.body, expires_at = excluded.expires_at",
            [key, body, seconds],
        )
    if random.random() < _SWEPT:
        await sweep(database)


async def sweep(database: Database) -> None:
    """Removes those that are too old."""
    async with database.transaction() as session:
        await session.execute(delete(CachedResultRow).where(CachedResultRow.expires_at < datetime.now(UTC)))

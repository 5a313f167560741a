"""How often something may happen, counted in PostgreSQL: a bucket for each key that fills up with time."""

import random
from datetime import UTC, datetime, timedelta

from sqlalchemy import Index, delete
from sqlalchemy.orm import Mapped, mapped_column

from services.store.engine import Database
from services.store.tables import Base

# One in so many takers clears up.
_SWEPT = 0.001


class RateBucketRow(Base):
    """What is left of a rate: all of it from `full_at` on."""

    __tablename__ = "rate_buckets"
    __table_args__ = (Index("ix_rate_buckets_full_at", "full_at"), {"prefixes": ["UNLOGGED"]})

    key: Mapped[str] = mapped_column(primary_key=True)
    full_at: Mapped[datetime]


async def take(database: Database, key: str, count: int, seconds: float) -> float:
    """Takes one of `count` in `seconds`: 0 if there is one, else how many seconds to wait."""
    async with database.driver() as connection:
        row = await (await connection.execute("SELECT take_rate(%s, %s, %s)", [key, count, seconds])).fetchone()
    assert row is not None
    if random.random() < _SWEPT:
        await sweep(database)
    return float(row[0])


async def forget(database: Database, key: str) -> None:
    """Has all of a key's rate there again."""
    async with database.driver() as connection:
        await connection.execute("DELETE FROM rate_buckets WHERE key = %s", [key])


async def sweep(database: Database) -> None:
    """Removes buckets that have been full for a while: a missing one is full, too."""
    async with database.transaction() as session:
        long_ago = datetime.now(UTC) - timedelta(minutes=10)
        await session.execute(delete(RateBucketRow).where(RateBucketRow.full_at < long_ago))

"""Lists by key: one page at a time, limited in entries and in bytes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Select, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from nodes.memory.request import Page
from services.store.memory.work import LIST_BYTES


async def page_of(
    session: AsyncSession,
    query: Select[Any],
    key: InstrumentedAttribute[str],
    content: InstrumentedAttribute[str],
    page: Page,
) -> tuple[Sequence[Row[Any]], str | None]:
    """The rows of a page, and the key to go on after; None at the end."""
    if page.contents:
        # For its size no content is read.
        size = func.sum(func.octet_length(content)).over(order_by=key, rows=(None, 0))
        query = query.add_columns(size.label("bytes"))
    if page.prefix:
        query = query.where(key.op("^@")(page.prefix))
    if page.after:
        query = query.where(key > page.after)
    rows = (await session.execute(query.order_by(key).limit(page.limit + 1))).all()
    fitting = [row for row in rows[: page.limit] if not page.contents or row.bytes <= LIST_BYTES]
    fitting = fitting or list(rows[:1])
    name = key.key
    return fitting, getattr(fitting[-1], name) if len(fitting) < len(rows) else None


def iso(at: datetime | None) -> str | None:
    """A time as it is shown."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")

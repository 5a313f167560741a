"""API keys, as they are stored: by their hashes."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.errors import NotFound
from services.store.identity.principals import announce
from services.store.identity.tables import ApiKeyRow


async def listed(
    session: AsyncSession, workspace: str, limit: int, after: tuple[datetime, str] | None
) -> Sequence[ApiKeyRow]:
    """A workspace's keys that weren't revoked, the newest first."""
    query = select(ApiKeyRow).where(ApiKeyRow.workspace == workspace, ApiKeyRow.revoked_at.is_(None))
    if after is not None:
        query = query.where(tuple_(ApiKeyRow.created_at, ApiKeyRow.id) < after)
    return (await session.scalars(query.order_by(ApiKeyRow.created_at.desc(), ApiKeyRow.id.desc()).limit(limit))).all()


async def revoke(session: AsyncSession, workspace: str, key_id: str) -> ApiKeyRow:
    """Ends a key; NotFound if the workspace has none of that id."""
    query = select(ApiKeyRow).where(ApiKeyRow.id == key_id, ApiKeyRow.workspace == workspace)
    row = await session.scalar(query.where(ApiKeyRow.revoked_at.is_(None)).with_for_update())
    if row is None:
        raise NotFound("API_KEY_NOT_FOUND", f"there is no API key {key_id[:128]!r}")
    row.revoked_at = datetime.now(UTC)
    await announce(session, key_id)
    return row

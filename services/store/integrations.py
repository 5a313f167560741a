"""Stored connections to third parties: what counts of them is sealed, the rest is for showing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator import exact_json
from orchestrator.model import Workflow
from services.errors import NotFound
from services.store.keyring import KeyRing, Place, Unsealable
from services.store.tables import IntegrationRow, OAuthTokenRow, VersionRow, WorkflowRow

PURPOSE = "integration"


@dataclass(frozen=True)
class Content:
    """What an integration holds: all its fields in clear, and the hosts it may be sent to."""

    type: str
    hosts: tuple[str, ...]
    fields: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Filters:
    """Which integrations a list shows."""

    workspace: str
    type: str = ""
    name_contains: str = ""


def place_of(row: IntegrationRow, purpose: str = PURPOSE) -> Place:
    """What an integration's sealed values are bound to."""
    return Place(row.workspace, row.id, purpose)


def fill(row: IntegrationRow, content: Content, shown: dict[str, Any], keys: KeyRing) -> None:
    """Writes content into a row: sealed whole, and beside it what may be shown."""
    sealed = {"type": content.type, "hosts": list(content.hosts), "fields": content.fields}
    row.type = content.type
    row.hosts = list(content.hosts)
    row.shown_fields = exact_json.dumps(shown)
    row.sealed = keys.seal(exact_json.dumps(sealed).encode(), place_of(row))
    row.updated_at = datetime.now(UTC)


def content_of(row: IntegrationRow, keys: KeyRing) -> Content:
    """What a row holds; Unsealable if that can't be told. What lies beside the seal isn't believed."""
    opened = exact_json.loads(keys.open(row.sealed, place_of(row)))
    if opened["type"] != row.type:
        raise Unsealable("its type was altered")
    return Content(opened["type"], tuple(opened["hosts"]), opened["fields"])


async def find(
    session: AsyncSession, workspace: str, integration_id: str, *, lock: bool = False
) -> IntegrationRow | None:
    """An integration of a workspace; whoever locks it is the only one to change it and its tokens."""
    query = select(IntegrationRow).where(IntegrationRow.id == integration_id, IntegrationRow.workspace == workspace)
    return await session.scalar(query.with_for_update(key_share=True) if lock else query)


async def get(session: AsyncSession, workspace: str, integration_id: str, *, lock: bool = False) -> IntegrationRow:
    """An integration of a workspace; NotFound if there is none, or if it is another's."""
    row = await find(session, workspace, integration_id, lock=lock)
    if row is None:
        raise not_found(integration_id)
    return row


async def listed(
    session: AsyncSession, filters: Filters, limit: int, after: tuple[datetime, str] | None
) -> Sequence[tuple[IntegrationRow, OAuthTokenRow | None]]:
    """Integrations with their tokens, the newest first, that come after a place in the list."""
    query = select(IntegrationRow, OAuthTokenRow).where(IntegrationRow.workspace == filters.workspace)
    query = query.outerjoin(OAuthTokenRow, OAuthTokenRow.integration_id == IntegrationRow.id)
    if filters.type:
        query = query.where(IntegrationRow.type == filters.type)
    if filters.name_contains:
        query = query.where(func.strpos(func.lower(IntegrationRow.name), filters.name_contains.lower()) > 0)
    if after is not None:
        query = query.where(tuple_(IntegrationRow.created_at, IntegrationRow.id) < after)
    query = query.order_by(IntegrationRow.created_at.desc(), IntegrationRow.id.desc()).limit(limit)
    return [(row, tokens) for row, tokens in (await session.execute(query)).all()]


async def used_by(session: AsyncSession, workspace: str, integration_id: str) -> list[str]:
    """The names of the workspace's workflows whose latest version uses an integration."""
    query = (
        select(WorkflowRow.name, VersionRow.definition)
        .join(VersionRow, VersionRow.id == WorkflowRow.version_id)
        .where(WorkflowRow.workspace == workspace)
        .where(WorkflowRow.deleted_at.is_(None), func.strpos(VersionRow.definition, integration_id) > 0)
        .order_by(WorkflowRow.name)
    )
    found = []
    for name, definition in (await session.execute(query)).all():
        nodes = Workflow.model_validate(exact_json.loads(definition)).nodes
        if any(integration_id in node.credentials.values() for node in nodes):
            found.append(name)
    return found


def not_found(integration_id: str) -> NotFound:
    """For an integration that never was, was deleted, or is another's: all the same to who asks."""
    return NotFound("INTEGRATION_NOT_FOUND", f"there is no integration {integration_id[:128]!r}")

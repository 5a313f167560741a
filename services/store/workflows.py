"""Workflows and their versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from orchestrator.errors import Problem
from orchestrator.model import Workflow
from orchestrator.plan import Plan
from services.errors import AlreadyExists, VersionConflict, version_not_found, workflow_not_found
from services.identity.caller import DEFAULT_WORKSPACE
from services.store import serial
from services.store.definitions import definition_text
from services.store.ids import new_id
from services.store.tables import VersionRow, WorkflowRow


@dataclass(frozen=True)
class Draft:
    """A definition about to be stored, with what validation said; `plan` if it can be run."""

    workflow: Workflow
    problems: Sequence[Problem]
    plan: Plan | None


@dataclass(frozen=True)
class Filters:
    """Which workflows a list shows: of one workspace or of any, all of the tags, a part of the name in any case."""

    user_id: str = ""
    workspace: str | None = None
    tags: Sequence[str] = ()
    name_contains: str = ""


async def create(
    session: AsyncSession, workflow_id: str, user_id: str, draft: Draft, workspace: str = DEFAULT_WORKSPACE
) -> WorkflowRow:
    """Stores a new workflow and its first version; AlreadyExists if the id is, or ever was, another's."""
    version = _version(workflow_id, 1, draft, workspace)
    row = WorkflowRow(
        id=workflow_id,
        workspace=workspace,
        user_id=user_id,
        created_at=version.created_at,
        **_shown(version, draft),
    )
    columns = {column.name: getattr(row, column.name) for column in WorkflowRow.__table__.columns}
    inserted = insert(WorkflowRow).values(columns).on_conflict_do_nothing().returning(WorkflowRow.id)
    if await session.scalar(inserted) is None:
        raise AlreadyExists(
            "WORKFLOW_EXISTS", f"there is, or was, a workflow {workflow_id!r}; use another id or update it"
        )
    session.add(version)
    return row


async def get(session: AsyncSession, workflow_id: str, within: str | None = None) -> WorkflowRow:
    """A workflow that isn't deleted, of any workspace or of the one that it must be within."""
    return await _get(session, workflow_id, within, lock=False)


async def update(
    session: AsyncSession,
    workflow_id: str,
    draft: Draft,
    *,
    within: str | None = None,
    expected_version: int = 0,
    restored_from: int = 0,
) -> WorkflowRow:
    """Stores the next version; VersionConflict if the latest isn't the expected one (0 expects nothing)."""
    row = await _get(session, workflow_id, within, lock=True)
    if expected_version and expected_version != row.version:
        raise VersionConflict(
            "VERSION_CONFLICT",
            f"the workflow is at version {row.version}, the change was made on {expected_version}; "
            "read it again and repeat the change",
        )
    version = _version(workflow_id, row.version + 1, draft, row.workspace, restored_from)
    for name, value in _shown(version, draft).items():
        setattr(row, name, value)
    session.add(version)
    return row


async def delete(session: AsyncSession, workflow_id: str, within: str | None = None) -> WorkflowRow:
    """Marks a workflow as deleted; its runs keep their versions."""
    row = await _get(session, workflow_id, within, lock=True)
    row.deleted_at = datetime.now(UTC)
    return row


async def version_id(session: AsyncSession, workflow_id: str, version: int, within: str | None = None) -> str:
    """The id of one version, 0 for the latest."""
    row = await get(session, workflow_id, within)
    if version in (0, row.version):
        return row.version_id
    found = await session.scalar(
        select(VersionRow.id).where(VersionRow.workflow_id == workflow_id, VersionRow.version == version)
    )
    if found is None:
        raise version_not_found(workflow_id, version)
    return found


async def locked(session: AsyncSession, workflow_id: str, within: str | None = None) -> WorkflowRow:
    """A workflow that isn't deleted, which nobody else changes until the transaction ends."""
    return await _get(session, workflow_id, within, lock=True)


async def version_name(session: AsyncSession, version_id: str) -> str:
    """What a workflow is called in one version."""
    return await session.scalar(select(VersionRow.name).where(VersionRow.id == version_id)) or ""


async def add_unsaved_version(
    session: AsyncSession, draft: Draft, user_id: str = "", workspace: str = DEFAULT_WORKSPACE
) -> VersionRow:
    """Stores a definition that belongs to no workflow, for the run of a user's test."""
    row = _version(None, 0, draft, workspace)
    row.user_id = user_id
    session.add(row)
    await session.flush()
    return row


async def listed(
    session: AsyncSession, filters: Filters, limit: int, after: tuple[datetime, str] | None
) -> Sequence[WorkflowRow]:
    """Workflows, the newest first, that come after a place in the list."""
    query = select(WorkflowRow).where(WorkflowRow.deleted_at.is_(None))
    if filters.workspace is not None:
        query = query.where(WorkflowRow.workspace == filters.workspace)
    if filters.user_id:
        query = query.where(WorkflowRow.user_id == filters.user_id)
    if filters.tags:
        query = query.where(WorkflowRow.tags.contains(list(filters.tags)))
    if filters.name_contains:
        query = query.where(func.strpos(func.lower(WorkflowRow.name), filters.name_contains.lower()) > 0)
    if after is not None:
        query = query.where(tuple_(WorkflowRow.created_at, WorkflowRow.id) < after)
    query = query.order_by(WorkflowRow.created_at.desc(), WorkflowRow.id.desc()).limit(limit)
    return (await session.scalars(query)).all()


async def versions(
    session: AsyncSession, workflow_id: str, limit: int, before: int | None, within: str | None = None
) -> Sequence[VersionRow]:
    """A workflow's versions without their definitions, the latest first."""
    await get(session, workflow_id, within)
    shown = (
        VersionRow.version,
        VersionRow.name,
        VersionRow.node_count,
        VersionRow.created_at,
        VersionRow.restored_from,
    )
    query = select(VersionRow).options(load_only(*shown)).where(VersionRow.workflow_id == workflow_id)
    if before is not None:
        query = query.where(VersionRow.version < before)
    return (await session.scalars(query.order_by(VersionRow.version.desc()).limit(limit))).all()


async def _get(session: AsyncSession, workflow_id: str, within: str | None, *, lock: bool) -> WorkflowRow:
    query = select(WorkflowRow).where(WorkflowRow.id == workflow_id, WorkflowRow.deleted_at.is_(None))
    if within is not None:
        query = query.where(WorkflowRow.workspace == within)
    row = await session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise workflow_not_found(workflow_id)
    return row


def _version(workflow_id: str | None, number: int, draft: Draft, workspace: str, restored_from: int = 0) -> VersionRow:
    return VersionRow(
        id=new_id(),
        workspace=workspace,
        workflow_id=workflow_id,
        version=number,
        name=draft.workflow.name,
        node_count=len(draft.workflow.nodes),
        definition=definition_text(draft.workflow),
        plan=serial.write_optional(draft.plan),
        valid=draft.plan is not None,
        problems=serial.write(list(draft.problems)),
        restored_from=restored_from,
        created_at=datetime.now(UTC),
    )


def _shown(version: VersionRow, draft: Draft) -> dict[str, object]:
    return {
        "name": version.name,
        "description": draft.workflow.description,
        "tags": list(draft.workflow.tags),
        "node_count": version.node_count,
        "version": version.version,
        "version_id": version.id,
        "updated_at": version.created_at,
    }

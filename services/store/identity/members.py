"""Workspaces and their members, as they are stored."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.errors import AlreadyExists, NotFound
from services.identity.caller import Role
from services.store.identity.principals import Membership, announce
from services.store.identity.tables import ApiKeyRow, MembershipRow, WorkspaceRow
from services.store.tables import User


async def make_workspace(session: AsyncSession, workspace: str, name: str) -> None:
    """A new workspace; AlreadyExists if its id is taken."""
    made = insert(WorkspaceRow).values(id=workspace, name=name).on_conflict_do_nothing().returning(WorkspaceRow.id)
    if await session.scalar(made) is None:
        raise AlreadyExists("WORKSPACE_EXISTS", f"there is a workspace {workspace[:128]!r} already; use another id")


async def find_workspace(session: AsyncSession, workspace: str, *, lock: bool = False) -> WorkspaceRow | None:
    """A workspace; whoever locks it is the only one to change its members."""
    query = select(WorkspaceRow).where(WorkspaceRow.id == workspace)
    return await session.scalar(query.with_for_update() if lock else query)


async def of_user(session: AsyncSession, user_id: str) -> list[Membership]:
    """Where a user is a member, the oldest first."""
    query = (
        select(MembershipRow.workspace, WorkspaceRow.name, MembershipRow.role)
        .join(WorkspaceRow, WorkspaceRow.id == MembershipRow.workspace)
        .where(MembershipRow.user_id == user_id)
        .order_by(MembershipRow.joined_at, MembershipRow.workspace)
    )
    return [Membership(workspace, name, Role(role)) for workspace, name, role in await session.execute(query)]


async def add(session: AsyncSession, workspace: str, user_id: str, role: Role) -> MembershipRow:
    """Makes a user a member; AlreadyExists if they are one."""
    values = {"workspace": workspace, "user_id": user_id, "role": role.value, "joined_at": datetime.now(UTC)}
    made = insert(MembershipRow).values(values).on_conflict_do_nothing().returning(MembershipRow.user_id)
    if await session.scalar(made) is None:
        raise AlreadyExists("MEMBER_EXISTS", "the user is a member already; UpdateMember changes the role")
    await announce(session, user_id)
    return await get(session, workspace, user_id)


async def get(session: AsyncSession, workspace: str, user_id: str) -> MembershipRow:
    """A membership; NotFound if the user is no member."""
    query = select(MembershipRow).where(MembershipRow.workspace == workspace, MembershipRow.user_id == user_id)
    row = await session.scalar(query)
    if row is None:
        raise NotFound("MEMBER_NOT_FOUND", f"there is no member {user_id[:128]!r} in the workspace")
    return row


async def owners(session: AsyncSession, workspace: str) -> int:
    """How many owners a workspace has that can sign in."""
    query = select(func.count()).select_from(MembershipRow).join(User, User.id == MembershipRow.user_id)
    query = query.where(MembershipRow.workspace == workspace, MembershipRow.role == Role.OWNER.value)
    return await session.scalar(query.where(User.disabled_at.is_(None))) or 0


async def remove(session: AsyncSession, row: MembershipRow) -> None:
    """Takes a user out of a workspace, and their keys with them."""
    await session.execute(
        update(ApiKeyRow)
        .where(ApiKeyRow.workspace == row.workspace, ApiKeyRow.created_by == row.user_id)
        .where(ApiKeyRow.revoked_at.is_(None))
        .values(revoked_at=datetime.now(UTC))
    )
    await session.delete(row)
    await announce(session, row.user_id)


async def listed(
    session: AsyncSession, workspace: str, limit: int, after: tuple[datetime, str] | None
) -> Sequence[tuple[MembershipRow, User]]:
    """A workspace's members, the newest first."""
    query = select(MembershipRow, User).join(User, User.id == MembershipRow.user_id)
    query = query.where(MembershipRow.workspace == workspace)
    if after is not None:
        query = query.where(tuple_(MembershipRow.joined_at, MembershipRow.user_id) < after)
    query = query.order_by(MembershipRow.joined_at.desc(), MembershipRow.user_id.desc()).limit(limit)
    return [(row, user) for row, user in await session.execute(query)]

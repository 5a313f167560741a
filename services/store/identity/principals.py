"""Finds who a session or an API key stands for, with all that they may do, in one round trip."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.caller import Role
from services.store.drivers import Driver

CHANNEL = "orchestrator_identity"

_MEMBERSHIPS = """
(SELECT coalesce(json_agg(json_build_array(m.workspace, w.name, m.role) ORDER BY m.joined_at, m.workspace), '[]')
 FROM memberships m JOIN workspaces w ON w.id = m.workspace WHERE m.user_id = u.id)"""
_SESSION = f"""
SELECT u.id AS user_id, u.email, u.name, s.id AS session_id, s.expires_at, {_MEMBERSHIPS} AS memberships
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.id = %s AND s.revoked_at IS NULL AND u.disabled_at IS NULL"""
# Whoever uses a key is noted once a minute.
_API_KEY = """
WITH used AS (
  UPDATE api_keys SET last_used_at = now()
  WHERE sha256 = %(sha256)s AND revoked_at IS NULL
    AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
)
SELECT u.id AS user_id, u.email, u.name, k.id AS api_key_id, k.expires_at, k.workspace, w.name AS workspace_name,
  k.role AS key_role, m.role AS member_role
FROM api_keys k
JOIN users u ON u.id = k.created_by
JOIN workspaces w ON w.id = k.workspace
JOIN memberships m ON m.workspace = k.workspace AND m.user_id = k.created_by
WHERE k.sha256 = %(sha256)s AND k.revoked_at IS NULL AND u.disabled_at IS NULL"""


@dataclass(frozen=True)
class Membership:
    """What somebody may do in a workspace."""

    workspace: str
    name: str
    role: Role


@dataclass(frozen=True)
class Principal:
    """Somebody who can show that they are who they are; the first workspace is meant where none is named."""

    user_id: str
    email: str
    name: str
    memberships: tuple[Membership, ...]
    expires_at: datetime | None
    session_id: str = ""
    api_key_id: str = ""

    def membership(self, workspace: str) -> Membership | None:
        """The one in a workspace, or the first."""
        found = (each for each in self.memberships if not workspace or each.workspace == workspace)
        return next(found, None)


async def of_session(connection: Driver, session_id: str) -> Principal | None:
    """Who signed in, unless they signed out."""
    row = await (await connection.execute(_SESSION, [session_id])).fetchone()
    if row is None:
        return None
    memberships = tuple(Membership(workspace, name, Role(role)) for workspace, name, role in row.memberships)
    return Principal(row.user_id, row.email or "", row.name, memberships, row.expires_at, session_id=row.session_id)


async def of_api_key(connection: Driver, sha256: str) -> Principal | None:
    """Whose key it is; it may never do more than whoever made it may now."""
    row: Any = await (await connection.execute(_API_KEY, {"sha256": sha256})).fetchone()
    if row is None:
        return None
    role = Role(row.key_role).lesser(Role(row.member_role))
    membership = Membership(row.workspace, row.workspace_name, role)
    return Principal(row.user_id, row.email or "", row.name, (membership,), row.expires_at, api_key_id=row.api_key_id)


async def announce(session: AsyncSession, name: str) -> None:
    """Has every server forget what it knows of a user, a session or an API key, once this transaction commits."""
    await session.execute(text("SELECT pg_notify(:channel, :name)"), {"channel": CHANNEL, "name": name})

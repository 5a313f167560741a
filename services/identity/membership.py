"""Workspaces and who may do what in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.errors import invalid, precondition
from services.identity.cache import Cache
from services.identity.caller import Caller, Role, current_caller
from services.identity.passwords import Passwords, check_password
from services.store import paging
from services.store.audit import audit
from services.store.engine import Database
from services.store.identity import members, users
from services.store.identity.principals import Membership, announce
from services.store.ids import new_id
from services.store.tables import User

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Member:
    """A user and what they may do in a workspace."""

    user: User
    role: Role
    joined_at: datetime


class Memberships:
    """What can be done with the caller's workspace and its members."""

    def __init__(self, database: Database, cache: Cache, passwords: Passwords) -> None:
        self._database = database
        self._cache = cache
        self._passwords = passwords

    async def workspaces(self) -> Sequence[Membership]:
        """Those that the caller is a member of; a key is good for its own only."""
        caller = current_caller()
        if caller.local:
            return [Membership(caller.workspace, caller.workspace, Role.OWNER)] if caller.workspace else []
        async with self._database.reading() as session:
            found = await members.of_user(session, caller.user_id)
        if not caller.api_key_id:
            return found
        own = [each for each in found if each.workspace == caller.workspace]
        return [Membership(each.workspace, each.name, caller.role) for each in own]

    async def name_of(self, caller: Caller) -> str:
        """What the caller is called."""
        if caller.local:
            return ""
        async with self._database.reading() as session:
            return (await users.get(session, caller.user_id)).name

    async def create_workspace(self, name: str, workspace: str) -> Membership:
        """A new workspace that the caller owns."""
        caller, name = signed_in(), checked_name(name)
        workspace = checked_workspace(workspace) if workspace else new_id()
        async with self._database.transaction() as session:
            await members.make_workspace(session, workspace, name)
            await members.add(session, workspace, caller.user_id, Role.OWNER)
            told = {"name": name}
            audit(session, caller, "workspace.create", "workspace", workspace, after=told, workspace=workspace)
        self._cache.forget(caller.user_id)
        return Membership(workspace, name, Role.OWNER)

    async def add(self, email: str, name: str, role: Role, password: str) -> Member:
        """Makes a user a member; one who isn't known yet is made, with that password if there is one."""
        caller, email, name = signed_in(), users.clean_email(email), checked_name(name, empty=True)
        if password:
            check_password(password, "password")
        kept = await self._passwords.hash(password) if password else None
        async with self._database.transaction() as session:
            user = await users.by_email(session, email) or await users.create(session, email, name, kept)
            row = await members.add(session, caller.workspace, user.id, role)
            audit(session, caller, "member.add", "user", user.id, after={"email": email, "role": role.value})
        self._cache.forget(user.id)
        return Member(user, role, row.joined_at)

    async def listed(self, page_size: int, page_token: str) -> tuple[Sequence[Member], str]:
        """A page of members, the newest first, and the next page's token."""
        caller = signed_in()
        size, after = paging.page_size(page_size, 50), paging.read_time_token(page_token)
        async with self._database.reading() as session:
            found = await members.listed(session, caller.workspace, size + 1, after)
        shown = [Member(user, Role(row.role), row.joined_at) for row, user in found[:size]]
        token = paging.time_token(shown[-1].joined_at, shown[-1].user.id) if len(found) > size else ""
        return shown, token

    async def update(self, user_id: str, role: Role) -> Member:
        """Gives a member another role."""
        caller = signed_in()
        async with self._database.transaction() as session:
            await members.find_workspace(session, caller.workspace, lock=True)
            row = await members.get(session, caller.workspace, user_id)
            before = row.role
            row.role = role.value
            await session.flush()
            if not await members.owners(session, caller.workspace):
                raise _last_owner()
            await announce(session, user_id)
            audit(session, caller, "member.update", "user", user_id, {"role": before}, {"role": role.value})
            user = await users.get(session, user_id)
        self._cache.forget(user_id)
        return Member(user, role, row.joined_at)

    async def remove(self, user_id: str) -> None:
        """Takes a member out: what they have for this workspace ends at once."""
        caller = signed_in()
        async with self._database.transaction() as session:
            await members.find_workspace(session, caller.workspace, lock=True)
            row = await members.get(session, caller.workspace, user_id)
            await members.remove(session, row)
            await session.flush()
            if not await members.owners(session, caller.workspace):
                raise _last_owner()
            audit(session, caller, "member.remove", "user", user_id, {"role": row.role})
        self._cache.forget(user_id)


def checked_name(name: str, *, empty: bool = False) -> str:
    """A name as it is kept."""
    name = name.strip()
    if not (name or empty) or len(name) > _LONGEST_NAME:
        raise invalid("BAD_NAME", f"a name has 1 to {_LONGEST_NAME} characters", "name")
    return name


def checked_workspace(workspace: str) -> str:
    """A workspace's id, as a client chooses it."""
    if not _ID.fullmatch(workspace):
        raise invalid("BAD_WORKSPACE_ID", "a workspace's id has 1 to 64 of the characters A-Z, a-z, 0-9, - and _", "id")
    return workspace


def signed_in() -> Caller:
    """The caller, where signing in is asked for."""
    caller = current_caller()
    if caller.local:
        message = "this server asks nobody to sign in, so it has no members and no keys; `orchestrator serve` has"
        raise precondition("NO_SIGN_IN", message)
    return caller


def _last_owner() -> Exception:
    return precondition("LAST_OWNER", "the workspace would have no owner; make another member one first")

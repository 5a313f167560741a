"""What `orchestrator users …` does, on the database itself: for the operator, and for the first user of all."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.cli.console import table
from services.cli.failure import Exit, Failure, plain, print_json
from services.cli.operating import operated
from services.cli.signing_in import read_password
from services.identity.caller import Caller, Role
from services.identity.keys import make
from services.identity.membership import checked_workspace
from services.identity.passwords import Passwords, check_password
from services.store.audit import audit
from services.store.identity import members, sessions, users
from services.store.identity.principals import Membership
from services.store.tables import User

Named = Callable[[AsyncSession, User], Awaitable[None]]


async def create(
    email: str, name: str, role: Role, workspace: str, with_key: bool, from_stdin: bool, as_json: bool
) -> Exit:
    """Make a user who is a member of a workspace, which is made if there is none of that id."""
    password = read_password(f"A password for {email}: ", from_stdin)
    async with operated("users") as (_, database):
        check_password(password, "password")
        checked_workspace(workspace)
        kept, secret = await Passwords().hash(password), ""
        async with database.transaction() as session:
            user = await users.create(session, email, name, kept)
            by = Caller(user.id, workspace, role, via="cli")
            if await members.find_workspace(session, workspace) is None:
                await members.make_workspace(session, workspace, workspace)
            await members.add(session, workspace, user.id, role)
            told = {"email": user.email, "role": role.value}
            audit(session, by, "member.add", "user", user.id, after=told, actor="operator")
            if with_key:
                _, secret = make(session, by, "made with the user", role, None)
    shown = {"user_id": user.id, "email": user.email, "workspace": workspace, "role": role.value}
    if as_json:
        print_json(shown | ({"api_key": secret} if secret else {}))
        return Exit.OK
    print(plain(f"{user.email} is {role} of the workspace {workspace} now."))
    if secret:
        print(f"API key, shown this once: {secret}")
    return Exit.OK


async def list_all(as_json: bool) -> Exit:
    """List all users and where they are members."""
    async with operated("users") as (_, database), database.reading() as session:
        found = [(user, await members.of_user(session, user.id)) for user in await users.listed(session)]
    if as_json:
        print_json({"users": [_object(user) | {"workspaces": _roles(where)} for user, where in found]})
        return Exit.OK
    rows = [
        (
            user.id,
            user.email or "",
            user.name,
            "disabled" if user.disabled_at else "",
            ", ".join(f"{workspace} ({role})" for workspace, role in _roles(where).items()),
        )
        for user, where in found
    ]
    table(("ID", "E-MAIL", "NAME", "STATE", "WORKSPACES"), rows)
    return Exit.OK


async def set_password(email: str, from_stdin: bool) -> Exit:
    """Give a user another password; their sessions end."""
    password = read_password(f"A new password for {email}: ", from_stdin)

    async def change(session: AsyncSession, user: User) -> None:
        check_password(password, "password")
        user.password_hash = await Passwords().hash(password)
        await _end(session, user, "user.password", "the operator set another password")

    await _change(email, change)
    print(plain(f"{email} has another password now, and is signed in nowhere."))
    return Exit.OK


async def disable(email: str, *, disabled: bool) -> Exit:
    """Shut a user out, or let them in again."""

    async def change(session: AsyncSession, user: User) -> None:
        user.disabled_at = datetime.now(UTC) if disabled else None
        await _end(session, user, "user.disable" if disabled else "user.enable", "the operator shut the user out")

    await _change(email, change)
    print(plain(f"{email} may {'not ' if disabled else ''}sign in now."))
    return Exit.OK


async def _change(email: str, change: Named) -> None:
    async with operated("users") as (_, database), database.transaction() as session:
        user = await users.by_email(session, email)
        if user is None:
            raise Failure(f"there is no user {email}", "USER_NOT_FOUND")
        await change(session, await users.get(session, user.id, lock=True))


async def _end(session: AsyncSession, user: User, action: str, reason: str) -> None:
    await sessions.revoke_others(session, user.id, "", reason)
    by = Caller("", "", Role.OWNER, via="cli")
    for where in await members.of_user(session, user.id):
        audit(session, by, action, "user", user.id, workspace=where.workspace, actor="operator")


def _object(user: User) -> dict[str, object]:
    return {"user_id": user.id, "email": user.email, "name": user.name, "disabled": user.disabled_at is not None}


def _roles(where: list[Membership]) -> dict[str, str]:
    return {membership.workspace: membership.role.value for membership in where}

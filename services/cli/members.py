"""What `orchestrator workspaces`, `members`, `api-keys` and `audit` do by the API."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from workflow_engine.v1 import auth_pb2 as wire

from services.cli.console import local_time, table
from services.cli.failure import Exit, Failure, plain, print_json
from services.cli.server import TIMEOUT, address, connected_to_auth
from services.cli.signing_in import read_password
from services.identity.caller import Role

_PAGE = 1000


async def list_workspaces(as_json: bool) -> Exit:
    """List the caller's workspaces."""
    async with connected_to_auth(address()) as stub:
        found = (await stub.ListWorkspaces(wire.ListWorkspacesRequest(), timeout=TIMEOUT)).workspaces
    rows = [(each.id, each.name, wire.Role.Name(each.role)) for each in found]
    return _shown("workspaces", ("id", "name", "role"), rows, as_json)


async def create_workspace(workspace: str, name: str, as_json: bool) -> Exit:
    """Make a workspace that the caller owns."""
    request = wire.CreateWorkspaceRequest(id=workspace, name=name or workspace)
    async with connected_to_auth(address()) as stub:
        made = (await stub.CreateWorkspace(request, timeout=TIMEOUT)).workspace
    if as_json:
        print_json({"id": made.id, "name": made.name})
    else:
        print(plain(f"The workspace {made.id} is yours now."))
    return Exit.OK


async def list_members(as_json: bool) -> Exit:
    """List the workspace's members."""
    async with connected_to_auth(address()) as stub:
        found = (await stub.ListMembers(wire.ListMembersRequest(page_size=_PAGE), timeout=TIMEOUT)).members
    rows = [
        (each.user.id, each.user.email, each.user.name, wire.Role.Name(each.role), local_time(each.joined_at))
        for each in found
    ]
    return _shown("members", ("user_id", "email", "name", "role", "since"), rows, as_json)


async def add_member(email: str, role: str, name: str, known: bool, from_stdin: bool) -> Exit:
    """Make a user a member; one who isn't known yet gets a password."""
    password = "" if known else read_password(f"A password for {email}, if they are new: ", from_stdin)
    request = wire.AddMemberRequest(email=email, name=name, role=_role(role), password=password)
    async with connected_to_auth(address()) as stub:
        made = (await stub.AddMember(request, timeout=TIMEOUT)).member
    print(plain(f"{made.user.email} is {wire.Role.Name(made.role)} now ({made.user.id})."))
    return Exit.OK


async def set_role(user_id: str, role: str) -> Exit:
    """Give a member another role."""
    request = wire.UpdateMemberRequest(user_id=user_id, role=_role(role))
    async with connected_to_auth(address()) as stub:
        made = (await stub.UpdateMember(request, timeout=TIMEOUT)).member
    print(plain(f"{made.user.email} is {wire.Role.Name(made.role)} now."))
    return Exit.OK


async def remove_member(user_id: str) -> Exit:
    """Take a member out."""
    async with connected_to_auth(address()) as stub:
        await stub.RemoveMember(wire.RemoveMemberRequest(user_id=user_id), timeout=TIMEOUT)
    print(plain(f"{user_id} is no member any more."))
    return Exit.OK


async def create_key(name: str, role: str, days: int, as_json: bool) -> Exit:
    """Make a key and show its secret, this once."""
    request = wire.CreateApiKeyRequest(name=name, role=_role(role))
    if days:
        request.expires_at.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    async with connected_to_auth(address()) as stub:
        made = await stub.CreateApiKey(request, timeout=TIMEOUT)
    if as_json:
        print_json({"id": made.api_key.id, "name": made.api_key.name, "secret": made.secret})
    else:
        print(f"{made.secret}\nThis is shown once; set ORCHESTRATOR_API_KEY to it.")
    return Exit.OK


async def list_keys(as_json: bool) -> Exit:
    """List the workspace's keys."""
    async with connected_to_auth(address()) as stub:
        found = (await stub.ListApiKeys(wire.ListApiKeysRequest(page_size=_PAGE), timeout=TIMEOUT)).api_keys
    rows = [
        (
            each.id,
            each.name,
            each.prefix,
            wire.Role.Name(each.role),
            local_time(each.expires_at) if each.HasField("expires_at") else "",
            local_time(each.last_used_at) if each.HasField("last_used_at") else "",
        )
        for each in found
    ]
    return _shown("api_keys", ("id", "name", "prefix", "role", "expires", "last_used"), rows, as_json)


async def revoke_key(key_id: str) -> Exit:
    """End a key."""
    async with connected_to_auth(address()) as stub:
        await stub.RevokeApiKey(wire.RevokeApiKeyRequest(api_key_id=key_id), timeout=TIMEOUT)
    print(plain(f"The key {key_id} is good for nothing any more."))
    return Exit.OK


async def audit(actor: str, action: str, object_id: str, limit: int, as_json: bool) -> Exit:
    """Show who did what, the latest first."""
    request = wire.ListAuditEventsRequest(actor=actor, action=action, object_id=object_id, page_size=limit)
    async with connected_to_auth(address()) as stub:
        found = (await stub.ListAuditEvents(request, timeout=TIMEOUT)).events
    rows = [
        (
            local_time(each.at),
            each.actor,
            each.action,
            f"{each.object_type} {each.object_id}",
            each.address,
            each.via,
            each.before_json,
            each.after_json,
        )
        for each in found
    ]
    return _shown("events", ("at", "actor", "action", "object", "address", "via", "before", "after"), rows, as_json)


def _role(name: str) -> str:
    if name.upper() not in [role.value for role in Role]:
        raise Failure(f"{name!r} is no role: owner, editor, operator, approver, viewer", "BAD_ROLE")
    return name.upper()


def _shown(what: str, names: tuple[str, ...], rows: Sequence[tuple[str, ...]], as_json: bool) -> Exit:
    if as_json:
        print_json({what: [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        table([name.upper().replace("_", " ") for name in names], rows)
    return Exit.OK

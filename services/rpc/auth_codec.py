"""Users, workspaces, members, keys and the audit log as messages."""

from collections.abc import Iterable

from workflow_engine.v1 import auth_pb2 as pb

from services.errors import invalid
from services.identity.caller import Role
from services.identity.membership import Member
from services.identity.tokens import Tokens
from services.rpc.definition_codec import timestamp
from services.store.identity.principals import Membership
from services.store.identity.tables import ApiKeyRow
from services.store.tables import AuditRow, User


def read_role(role: "pb.Role") -> Role:
    """A role that a client names."""
    if role not in pb.Role.values() or role == pb.ROLE_UNSPECIFIED:
        names = ", ".join(name for name in pb.Role.keys() if name != "ROLE_UNSPECIFIED")  # noqa: SIM118
        raise invalid("BAD_ROLE", f"role must be one of {names}", "role")
    return Role(pb.Role.Name(role))


def tokens_message(tokens: Tokens) -> pb.Tokens:
    """What whoever signs in gets."""
    return pb.Tokens(
        access_token=tokens.access_token,
        access_expires_at=timestamp(tokens.access_expires_at),
        refresh_token=tokens.refresh_token,
        refresh_expires_at=timestamp(tokens.refresh_expires_at),
    )


def user_message(user: User) -> pb.User:
    """A user."""
    return pb.User(id=user.id, email=user.email or "", name=user.name)


def workspace_message(membership: Membership) -> pb.Workspace:
    """A workspace and what the caller may do in it."""
    return pb.Workspace(id=membership.workspace, name=membership.name, role=membership.role.value)


def workspace_messages(memberships: Iterable[Membership]) -> list[pb.Workspace]:
    """The workspaces of a caller."""
    return [workspace_message(membership) for membership in memberships]


def member_message(member: Member) -> pb.Member:
    """A member."""
    return pb.Member(user=user_message(member.user), role=member.role.value, joined_at=timestamp(member.joined_at))


def api_key_message(row: ApiKeyRow) -> pb.ApiKey:
    """A key, without its secret."""
    message = pb.ApiKey(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        role=row.role,
        created_at=timestamp(row.created_at),
        created_by=row.created_by,
    )
    if row.expires_at is not None:
        message.expires_at.CopyFrom(timestamp(row.expires_at))
    if row.last_used_at is not None:
        message.last_used_at.CopyFrom(timestamp(row.last_used_at))
    return message


def event_message(row: AuditRow) -> pb.AuditEvent:
    """An entry of the audit log."""
    return pb.AuditEvent(
        id=row.id,
        at=timestamp(row.at),
        actor=row.actor,
        action=row.action,
        object_type=row.object_type,
        object_id=row.object_id,
        address=row.address,
        via=row.via,
        before_json=row.before,
        after_json=row.after,
    )

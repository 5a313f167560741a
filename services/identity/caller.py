"""Who makes a call, for which workspace, and from where."""

from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

# Where everything is that belongs to nobody in particular.
DEFAULT_WORKSPACE = "default"


class Role(StrEnum):
    """What a member of a workspace may do; each may do what those after it may."""

    OWNER = "OWNER"
    EDITOR = "EDITOR"
    OPERATOR = "OPERATOR"
    APPROVER = "APPROVER"
    VIEWER = "VIEWER"

    def includes(self, other: "Role") -> bool:
        """Whether it may do all that the other may."""
        return _ORDER[self] <= _ORDER[other]

    def lesser(self, other: "Role") -> "Role":
        """The one of the two that may do less."""
        return other if self.includes(other) else self


_ORDER = {role: place for place, role in enumerate(Role)}


@dataclass(frozen=True)
class Caller:
    """Somebody who was let in. `address` is the client's, `via` the way that it came.

    A `local` caller is on a server of one's own machine that asks nobody to sign in: the `user_id` of a request
    then says whose workspace is meant. `user_id` is empty for who needn't sign in, `workspace` for who is nowhere
    a member.
    """

    user_id: str
    workspace: str
    role: Role
    address: str = ""
    via: str = "grpc"
    local: bool = False
    email: str = ""
    session_id: str = ""
    api_key_id: str = ""

    @property
    def actor(self) -> str:
        """Who is to be named for what the call does: an API key by its own id."""
        return self.api_key_id or self.user_id

    @property
    def names(self) -> frozenset[str]:
        """What others may call the caller by, such as where a task names who may answer it."""
        return frozenset(name for name in (self.user_id, self.email) if name)


# On one's own machine, where nobody signs in.
LOCAL = Caller("", "", Role.OWNER, local=True)
# The server's own loops: they look nothing up in a workspace's name, so they see none.
SYSTEM = Caller("system", "", Role.VIEWER, via="system")
# Without a default: who forgets to say who calls gets an error, not somebody's rights.
_CALLER: ContextVar[Caller | None] = ContextVar("caller")


def current_caller() -> Caller:
    """Who makes the call that is being answered; RuntimeError where nobody has said so."""
    caller = _CALLER.get(None)
    if caller is None:
        raise RuntimeError("nobody has said who calls: every entry point must set_caller before its use cases")
    return caller


def set_caller(caller: Caller) -> None:
    """Says who makes the call that this task answers."""
    _CALLER.set(caller)


def forget_caller() -> None:
    """Has nobody call, where a task that was begun by another call begins to answer one."""
    _CALLER.set(None)

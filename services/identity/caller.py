"""Who makes a call, for which workspace, and from where."""

from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a member of a workspace may do; each may do what those after it may."""

    OWNER = "OWNER"
    EDITOR = "EDITOR"
    OPERATOR = "OPERATOR"
    APPROVER = "APPROVER"
    VIEWER = "VIEWER"


@dataclass(frozen=True)
class Caller:
    """Somebody who was let in. `address` is the client's, `via` the way that it came.

    A `local` caller is on a server of one's own machine that asks nobody to sign in: the `user_id` of a request
    then says whose workspace is meant.
    """

    user_id: str
    workspace: str
    role: Role
    address: str = ""
    via: str = "grpc"
    local: bool = False


LOCAL = Caller("", "", Role.OWNER, local=True)
_CALLER: ContextVar[Caller] = ContextVar("caller", default=LOCAL)


def current_caller() -> Caller:
    """Who makes the call that is being answered."""
    return _CALLER.get()


def set_caller(caller: Caller) -> None:
    """Says who makes the call that this task answers."""
    _CALLER.set(caller)

"""Where a call works: the workspace that it may see, that it makes things in, and the user that it is for."""

from services.errors import Forbidden
from services.identity.caller import DEFAULT_WORKSPACE, Caller, current_caller


def scope() -> str | None:
    """The workspace in which whatever a call names must be; None on one's own machine where none is named."""
    caller = current_caller()
    return caller.workspace or None if caller.local else caller.workspace


def home(user_id: str) -> str:
    """The workspace that a call makes things in; on one's own machine a user's own, if it names no other."""
    caller = current_caller()
    if caller.local:
        return caller.workspace or user_id or DEFAULT_WORKSPACE
    return caller.workspace


def acting(user_id: str) -> str:
    """The user that a call is for: whoever signed in, on one's own machine whoever the request names."""
    caller = current_caller()
    if caller.local:
        return user_id
    check_user(caller, user_id)
    return caller.user_id


def actor(user_id: str = "") -> str:
    """Who is to be named in the audit log; on one's own machine whoever the request names."""
    caller = current_caller()
    return caller.actor or user_id


def check_user(caller: Caller, user_id: str) -> None:
    """Refuses a request that names another user than who makes it."""
    if user_id and not caller.local and user_id != caller.user_id:
        message = "user_id is another user's; leave it empty: whoever signed in is meant"
        raise Forbidden("FOREIGN_USER", message)

"""Whose credentials, files and memories there are: a workspace belongs to a user, today by the user's id."""

DEFAULT = "default"


def workspace_of(user_id: str) -> str:
    """A user's workspace; those who name no user share one."""
    return user_id or DEFAULT

"""Users, workspaces, members, keys and the audit log: the options; the work is imported when it is asked for."""

from typing import Annotated

import typer

from services.cli.command import perform
from services.identity.caller import DEFAULT_WORKSPACE, Role

users = typer.Typer(no_args_is_help=True, help="Make and manage users, on the database at DATABASE_URL.")
workspaces = typer.Typer(no_args_is_help=True, help="List and make workspaces.")
members = typer.Typer(no_args_is_help=True, help="Manage who may do what in a workspace.")
api_keys = typer.Typer(no_args_is_help=True, help="Manage the keys that programs sign in with.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The user's e-mail address.")]
UserId = Annotated[str, typer.Argument(metavar="USER", help="The user's id.")]
RoleName = Annotated[str, typer.Argument(metavar="ROLE", help="owner, editor, operator, approver or viewer.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from the standard input.")]


@users.command("create")
def create_user(
    email: Email,
    owner: Annotated[bool, typer.Option("--owner", help="Make them an owner; otherwise a viewer.")] = False,
    name: Annotated[str, typer.Option(help="What they are called.")] = "",
    workspace: Annotated[str, typer.Option(help="The workspace; made if there is none.")] = DEFAULT_WORKSPACE,
    api_key: Annotated[bool, typer.Option("--api-key", help="Make an API key of theirs, too, and print it.")] = False,
    password_stdin: FromStdin = False,
    as_json: AsJson = False,
) -> None:
    """Make a user, such as the first one."""
    from services.cli import users as work

    role = Role.OWNER if owner else Role.VIEWER
    perform(work.create(email, name, role, workspace, api_key, password_stdin, as_json), as_json=as_json)


@users.command("list")
def list_users(as_json: AsJson = False) -> None:
    """List all users."""
    from services.cli import users as work

    perform(work.list_all(as_json), as_json=as_json)


@users.command("set-password")
def set_password(email: Email, password_stdin: FromStdin = False) -> None:
    """Give a user another password; their sessions end."""
    from services.cli import users as work

    perform(work.set_password(email, password_stdin))


@users.command("disable")
def disable_user(email: Email) -> None:
    """Shut a user out: sessions and API keys of theirs are good for nothing."""
    from services.cli import users as work

    perform(work.disable(email, disabled=True))


@users.command("enable")
def enable_user(email: Email) -> None:
    """Let a user in again."""
    from services.cli import users as work

    perform(work.disable(email, disabled=False))


@workspaces.command("list")
def list_workspaces(as_json: AsJson = False) -> None:
    """List your workspaces; ORCHESTRATOR_WORKSPACE says which one commands are for."""
    from services.cli import members as work

    perform(work.list_workspaces(as_json), as_json=as_json)


@workspaces.command("create")
def create_workspace(
    workspace: Annotated[str, typer.Argument(metavar="ID", help="Letters, digits, - and _.")],
    name: Annotated[str, typer.Option(help="What it is called.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a workspace of your own."""
    from services.cli import members as work

    perform(work.create_workspace(workspace, name, as_json), as_json=as_json)


@members.command("list")
def list_members(as_json: AsJson = False) -> None:
    """List the workspace's members."""
    from services.cli import members as work

    perform(work.list_members(as_json), as_json=as_json)


@members.command("add")
def add_member(
    email: Email,
    role: RoleName,
    name: Annotated[str, typer.Option(help="What they are called, if they are new.")] = "",
    known: Annotated[
        bool, typer.Option("--known", help="Ask for no password: they have one, or sign in by OpenID.")
    ] = False,
    password_stdin: FromStdin = False,
) -> None:
    """Make a user a member; one who isn't known yet gets a password to change."""
    from services.cli import members as work

    perform(work.add_member(email, role, name, known, password_stdin))


@members.command("set-role")
def set_role(user: UserId, role: RoleName) -> None:
    """Give a member another role."""
    from services.cli import members as work

    perform(work.set_role(user, role))


@members.command("remove")
def remove_member(user: UserId) -> None:
    """Take a member out; their keys for the workspace end."""
    from services.cli import members as work

    perform(work.remove_member(user))


@api_keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    role: Annotated[str, typer.Option(help="What it may do.")] = "operator",
    days: Annotated[int, typer.Option(min=0, max=3650, help="How long it is good; 0 for ever.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Make a key; its secret is shown this once."""
    from services.cli import members as work

    perform(work.create_key(name, role, days, as_json), as_json=as_json)


@api_keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the workspace's keys."""
    from services.cli import members as work

    perform(work.list_keys(as_json), as_json=as_json)


@api_keys.command("revoke")
def revoke_key(key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id.")]) -> None:
    """End a key, at once."""
    from services.cli import members as work

    perform(work.revoke_key(key))


def sign_in(email: Email, password_stdin: FromStdin = False) -> None:
    """Sign in to the server at ORCHESTRATOR_ADDRESS, for the commands that follow."""
    from services.cli import signing_in as work

    perform(work.sign_in(email, password_stdin))


def sign_out() -> None:
    """End the session with the server."""
    from services.cli import signing_in as work

    perform(work.sign_out())


def whoami(as_json: AsJson = False) -> None:
    """Show who commands call as, and for which workspace."""
    from services.cli import signing_in as work

    perform(work.whoami(as_json), as_json=as_json)


def audit(
    actor: Annotated[str, typer.Option(help="Only what this user or key did.")] = "",
    action: Annotated[str, typer.Option(help="Only this, such as workflow.update.")] = "",
    object_id: Annotated[str, typer.Option("--object", help="Only what was done to this.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the workspace's audit log, the latest first."""
    from services.cli import members as work

    perform(work.audit(actor, action, object_id, limit, as_json), as_json=as_json)


def add_to(app: typer.Typer) -> None:
    """Puts all of these among the commands."""
    for name, group in (("users", users), ("workspaces", workspaces), ("members", members), ("api-keys", api_keys)):
        app.add_typer(group, name=name)
    for name, command in (("sign-in", sign_in), ("sign-out", sign_out), ("whoami", whoami), ("audit", audit)):
        app.command(name)(command)

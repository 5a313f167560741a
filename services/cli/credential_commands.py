"""`orchestrator credentials …`: the options; the work is in `credentials`, imported when it is asked for."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.command import perform

app = typer.Typer(no_args_is_help=True, help="Keep credentials for third parties; secrets are never arguments.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
CredentialId = Annotated[str, typer.Argument(metavar="CREDENTIAL", help="The credential's id.")]
User = Annotated[
    str, typer.Option("--user", metavar="ID", help="Whose credentials; nobody's in particular by default.")
]
Secrets = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A JSON object with the secret fields; - for the standard input."),
]


@app.command("types")
def list_types(as_json: AsJson = False) -> None:
    """List the types of credentials, and their fields."""
    from services.cli import credentials

    perform(credentials.types(as_json), as_json=as_json)


@app.command("create")
def create_credential(
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="As `credentials types` lists them.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    field: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A field that is no secret; may be repeated.")
    ] = None,
    secrets: Secrets = None,
    host: Annotated[
        list[str] | None, typer.Option(help="A host that may get it, instead of the type's; may be repeated.")
    ] = None,
    user: User = "",
    as_json: AsJson = False,
) -> None:
    """Keep a new credential. Secrets are asked for, or read from --secrets."""
    from services.cli import credentials

    perform(credentials.create(kind, name, field or [], secrets, host or [], user, as_json), as_json=as_json)


@app.command("list")
def list_credentials(
    kind: Annotated[str, typer.Option("--type", metavar="TYPE", help="Only of this type.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    user: User = "",
    as_json: AsJson = False,
) -> None:
    """List credentials, the latest first; never their secrets."""
    from services.cli import credentials

    perform(credentials.list_all(kind, limit, user, as_json), as_json=as_json)


@app.command("test")
def try_credential(credential: CredentialId, user: User = "", as_json: AsJson = False) -> None:
    """Try a credential out. Exit code 0: it works, 1: it doesn't."""
    from services.cli import credentials

    perform(credentials.try_out(credential, user, as_json), as_json=as_json)


@app.command("rotate")
def rotate_credential(
    credential: CredentialId, secrets: Secrets = None, user: User = "", as_json: AsJson = False
) -> None:
    """Replace a credential's secrets. They are asked for, or read from --secrets."""
    from services.cli import credentials

    perform(credentials.rotate(credential, secrets, user, as_json), as_json=as_json)


@app.command("delete")
def delete_credential(
    credential: CredentialId,
    force: Annotated[bool, typer.Option("--force", help="Even if a workflow uses it.")] = False,
    user: User = "",
    as_json: AsJson = False,
) -> None:
    """Delete a credential, unless a workflow uses it."""
    from services.cli import credentials

    perform(credentials.delete(credential, force, user, as_json), as_json=as_json)


@app.command("rotate-keys")
def rotate_keys(as_json: AsJson = False) -> None:
    """Seal everything again under the first key of SECRET_KEY, in the database at DATABASE_URL; may be repeated."""
    from services.cli import sealing

    perform(sealing.rotate_keys(as_json), as_json=as_json)


@app.command("new-key")
def new_key() -> None:
    """Print a new random key for SECRET_KEY."""
    from services.cli import sealing

    perform(sealing.print_new_key())

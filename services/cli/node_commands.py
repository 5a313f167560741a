"""`orchestrator nodes …`: the options; the work is in `nodes`, imported when it is asked for."""

from typing import Annotated

import typer

from services.cli.command import perform

app = typer.Typer(no_args_is_help=True, help="Show what nodes there are; needs no server.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command("list")
def list_nodes(
    family: Annotated[str, typer.Option("--type", metavar="TYPE", help="Only this type, such as FLOW_NODE.")] = "",
    as_json: AsJson = False,
) -> None:
    """List every type and subtype."""
    from services.cli import nodes

    perform(nodes.list_all(family, as_json), as_json=as_json)


@app.command("show")
def show_node(
    name: Annotated[str, typer.Argument(metavar="TYPE.SUBTYPE", help="Such as ACTION_NODE.HTTP_REQUEST.")],
    as_json: AsJson = False,
) -> None:
    """Show a node's ports, credentials and parameters."""
    from services.cli import nodes

    perform(nodes.show(name, as_json), as_json=as_json)

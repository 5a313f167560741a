"""`orchestrator retention …`: the options; the work is in `retention`, imported when it is asked for."""

from typing import Annotated

import typer

from services.cli.command import perform

app = typer.Typer(no_args_is_help=True, help="Show and set for how long the workspace keeps runs that have ended.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_UNSET = "0 to keep them for ever, -1 to leave it to the operator."


@app.command("show")
def show_retention(as_json: AsJson = False) -> None:
    """Show what the owners set, and what holds."""
    from services.cli import retention

    perform(retention.show(as_json), as_json=as_json)


@app.command("set")
def set_retention(
    days: Annotated[int | None, typer.Option(min=-1, help=f"Days; {_UNSET}")] = None,
    failed_days: Annotated[
        int | None, typer.Option(min=-1, help=f"Days for runs that failed, were cancelled or timed out; {_UNSET}")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set days as an owner; those that aren't named stay. The shorter of these and the operator's hold."""
    from services.cli import retention

    perform(retention.change({"days": days, "failed_days": failed_days}, as_json), as_json=as_json)

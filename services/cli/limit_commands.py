"""`orchestrator limits …`: the options; the work is in `limits`, imported when it is asked for."""

from typing import Annotated

import typer

from services.cli.command import perform
from services.identity.caller import DEFAULT_WORKSPACE

app = typer.Typer(no_args_is_help=True, help="Show and set what workspaces may do, on the database at DATABASE_URL.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Workspace = Annotated[str, typer.Option(metavar="ID", help="The workspace.")]
Workflow = Annotated[str, typer.Option(metavar="ID", help="A workflow of it, for its own limits besides.")]
_UNSET = "0 for no limit, -1 to unset it."


@app.command("show")
def show_limits(workspace: Workspace = DEFAULT_WORKSPACE, workflow: Workflow = "", as_json: AsJson = False) -> None:
    """Show what holds, the defaults filled in."""
    from services.cli import limits

    perform(limits.show(workspace, workflow, as_json), as_json=as_json)


@app.command("set")
def set_limits(
    workspace: Workspace = DEFAULT_WORKSPACE,
    workflow: Workflow = "",
    max_runs: Annotated[int | None, typer.Option(min=-1, help=f"Open runs at a time; {_UNSET}")] = None,
    starts_per_minute: Annotated[int | None, typer.Option(min=-1, help=f"Starts a minute; {_UNSET}")] = None,
    max_run_seconds: Annotated[int | None, typer.Option(min=-1, help=f"How long a run may take; {_UNSET}")] = None,
    max_payload_bytes: Annotated[int | None, typer.Option(min=-1, help=f"Bytes of a list of items; {_UNSET}")] = None,
    max_node_runs: Annotated[int | None, typer.Option(min=-1, help=f"Node runs of a run; {_UNSET}")] = None,
    weight: Annotated[float | None, typer.Option(help="The workspace's share under load; 1 is usual.")] = None,
    as_json: AsJson = False,
) -> None:
    """Set limits; those that aren't named stay. They count from the next start on, those of a run within 30 s."""
    from services.cli import limits

    given = {
        "max_runs": max_runs,
        "starts_per_minute": starts_per_minute,
        "max_run_seconds": max_run_seconds,
        "max_payload_bytes": max_payload_bytes,
        "max_node_runs": max_node_runs,
        "weight": weight,
    }
    perform(limits.change(workspace, workflow, given, as_json), as_json=as_json)

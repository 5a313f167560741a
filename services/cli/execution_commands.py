"""`orchestrator executions …`: the options; the work is in `executions`, imported when it is asked for."""

from typing import Annotated

import typer

from services.cli.command import perform

app = typer.Typer(no_args_is_help=True, help="List, show, watch and control runs.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
ExecutionId = Annotated[str, typer.Argument(metavar="EXECUTION", help="The run's id.")]


@app.command("list")
def list_executions(
    workflow: Annotated[str, typer.Option(help="Only runs of the workflow with this id.")] = "",
    status: Annotated[list[str] | None, typer.Option(help="Only this status; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List runs, the latest first."""
    from services.cli import executions

    perform(executions.list_all(workflow, status or [], limit, as_json), as_json=as_json)


@app.command("show")
def show_execution(
    execution: ExecutionId,
    node: Annotated[str, typer.Option(help="Show each run of this node, with its items and log.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show a run: its nodes, its output, its error."""
    from services.cli import executions

    perform(executions.show(execution, node, as_json), as_json=as_json)


@app.command("watch")
def watch_execution(
    execution: ExecutionId,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object an event.")] = False,
) -> None:
    """Print what happens in a run until it ends. Exit code as of `run`."""
    from services.cli import executions

    perform(executions.follow(execution, as_json), as_json=as_json)


@app.command("cancel")
def cancel_execution(
    execution: ExecutionId,
    reason: Annotated[str, typer.Option(help="Why; it is recorded with the run.")] = "",
    as_json: AsJson = False,
) -> None:
    """Cancel a run."""
    from services.cli import executions

    perform(executions.cancel(execution, reason, as_json), as_json=as_json)


@app.command("pause")
def pause_execution(execution: ExecutionId, as_json: AsJson = False) -> None:
    """Start no further node of a run until it is resumed."""
    from services.cli import executions

    perform(executions.pause(execution, as_json), as_json=as_json)


@app.command("resume")
def resume_execution(execution: ExecutionId, as_json: AsJson = False) -> None:
    """Let a paused run go on."""
    from services.cli import executions

    perform(executions.resume(execution, as_json), as_json=as_json)


@app.command("retry")
def retry_execution(
    execution: ExecutionId,
    node: Annotated[str, typer.Option(help="The node to begin at; without it, the one that failed.")] = "",
    argument: Annotated[
        str | None, typer.Option("--input", help="What the node gets instead of its input: JSON or @FILE.")
    ] = None,
    latest: Annotated[bool, typer.Option("--latest", help="Run the workflow's latest version.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run again from a node on, with what the run recorded before it. Exit code as of `run`."""
    from services.cli import executions

    perform(executions.retry(execution, node, argument, latest, as_json), as_json=as_json)


@app.command("purge")
def purge_executions(
    older_than: Annotated[str, typer.Option("--older-than", metavar="AGE", help="How long ago they ended: 30d, 12h.")],
    status: Annotated[list[str] | None, typer.Option(help="Only this status; may be repeated.")] = None,
    workspace: Annotated[str, typer.Option(help="Only runs of this workspace.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many there are.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete runs that ended long ago, with their payloads and files; by DATABASE_URL, in small steps."""
    from services.cli import purge

    perform(purge.purge(older_than, status or [], workspace, dry_run, as_json), as_json=as_json)

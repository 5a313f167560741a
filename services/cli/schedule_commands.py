"""`orchestrator schedules …`: the options; the work is in `schedules`, imported when it is asked for."""

from typing import Annotated

import typer

from services.cli.command import perform

app = typer.Typer(
    no_args_is_help=True,
    help="List, pause, resume and backfill what starts runs by time, on the database at DATABASE_URL and Temporal.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
WorkflowId = Annotated[str, typer.Argument(metavar="WORKFLOW", help="The workflow's id.")]
Trigger = Annotated[str, typer.Option(metavar="NAME", help="Only this trigger; all of the workflow's by default.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever looks at the schedule.")]


@app.command("list")
def list_schedules(
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="A workflow's id; all by default.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the schedules of active triggers, and when they act next."""
    from services.cli import schedules

    perform(schedules.show(workflow, as_json), as_json=as_json)


@app.command("pause")
def pause_schedules(workflow: WorkflowId, trigger: Trigger = "", reason: Reason = "", as_json: AsJson = False) -> None:
    """Have a workflow's schedules start nothing until they are resumed, whatever is activated meanwhile."""
    from services.cli import schedules

    perform(schedules.pause(workflow, trigger, reason, as_json), as_json=as_json)


@app.command("resume")
def resume_schedules(workflow: WorkflowId, trigger: Trigger = "", reason: Reason = "", as_json: AsJson = False) -> None:
    """Have paused schedules go on: times that have passed stay out, polls find what has come."""
    from services.cli import schedules

    perform(schedules.resume(workflow, trigger, reason, as_json), as_json=as_json)


@app.command("backfill")
def backfill_schedules(
    workflow: WorkflowId,
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="ISO 8601; UTC unless it says otherwise.")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="As --from, and not in the future.")],
    trigger: Trigger = "",
    overlap: Annotated[str, typer.Option(help="As CRON's parameter; one after the other by default.")] = "buffer_all",
    as_json: AsJson = False,
) -> None:
    """Start a run for each time of a period that has none: of CRON triggers."""
    from services.cli import schedules

    perform(schedules.backfill(workflow, trigger, (begin, end), overlap, as_json), as_json=as_json)

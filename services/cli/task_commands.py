"""`orchestrator tasks …`: the options; the work is in `tasks`, imported when it is asked for."""

from typing import Annotated

import typer

from services.cli.command import perform

app = typer.Typer(no_args_is_help=True, help="List and answer what runs ask people.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
TaskId = Annotated[str, typer.Argument(metavar="TASK", help="The task's id.")]


@app.command("list")
def list_tasks(
    execution: Annotated[str, typer.Option(help="Only tasks of the run with this id.")] = "",
    assignee: Annotated[str, typer.Option(help="Only tasks that name this person.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Answered ones, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List tasks, the latest first."""
    from services.cli import tasks

    perform(tasks.list_all(execution, assignee, everything, as_json), as_json=as_json)


@app.command("show")
def show_task(task: TaskId, as_json: AsJson = False) -> None:
    """Show a task: what is asked, about what, and what may be answered."""
    from services.cli import tasks

    perform(tasks.show(task, as_json), as_json=as_json)


@app.command("answer")
def answer_task(
    task: TaskId,
    decision: Annotated[str, typer.Argument(help="One of the task's options, such as approved.")],
    user: Annotated[str, typer.Option(help="Who answers.")] = "",
    comment: Annotated[str, typer.Option(help="What the run is told with it.")] = "",
    fields: Annotated[
        str, typer.Option(metavar="JSON|@FILE", help="What was filled in or changed, as one object.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Answer a task, once."""
    from services.cli import tasks

    perform(tasks.answer(task, decision, user, comment, fields, as_json), as_json=as_json)

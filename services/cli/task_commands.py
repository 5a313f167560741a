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
    mine: Annotated[bool, typer.Option("--mine", help="Only tasks that you may answer.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Answered ones, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List tasks, the latest first."""
    from services.cli import tasks

    perform(tasks.list_all(execution, assignee, mine, everything, as_json), as_json=as_json)


@app.command("show")
def show_task(task: TaskId, as_json: AsJson = False) -> None:
    """Show a task: what is asked, about what, and what may be answered."""
    from services.cli import tasks

    perform(tasks.show(task, as_json), as_json=as_json)


@app.command("reassign")
def reassign_task(
    task: TaskId,
    assignees: Annotated[list[str], typer.Argument(metavar="PERSON…", help="Who is to answer instead.")],
    reason: Annotated[str, typer.Option(help="What they are told.")] = "",
    as_json: AsJson = False,
) -> None:
    """Give a task to other people, and tell them."""
    from services.cli import tasks

    perform(tasks.reassign(task, assignees, reason, as_json), as_json=as_json)


@app.command("comment")
def comment_task(
    task: TaskId,
    comment: Annotated[str, typer.Argument(help="What all who see the task can read.")],
    as_json: AsJson = False,
) -> None:
    """Add a remark to a task."""
    from services.cli import tasks

    perform(tasks.comment(task, comment, as_json), as_json=as_json)


@app.command("answer")
def answer_task(
    task: TaskId,
    decision: Annotated[str, typer.Argument(help="One of the task's options, such as approved; `approve` does, too.")],
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

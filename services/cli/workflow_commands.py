"""`orchestrator workflows …`: the options; the work is in `workflows`, imported when it is asked for."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.command import perform

app = typer.Typer(no_args_is_help=True, help="Save, list, show, activate and delete stored workflows.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
WorkflowId = Annotated[str, typer.Argument(metavar="WORKFLOW", help="The workflow's id.")]


@app.command("list")
def list_workflows(
    name: Annotated[str, typer.Option(help="Only names that contain this.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List workflows, the latest first."""
    from services.cli import workflows

    perform(workflows.list_all(name, tag or [], limit, as_json), as_json=as_json)


@app.command("show")
def show_workflow(
    workflow: WorkflowId,
    version: Annotated[int, typer.Option(min=0, help="An older version; 0 for the latest.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Print a workflow's definition: JSON that `run` and `validate` read."""
    from services.cli import workflows

    perform(workflows.show(workflow, version), as_json=as_json)


@app.command("save")
def save_workflow(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The workflow as JSON.")], as_json: AsJson = False
) -> None:
    """Create a workflow, or make the next version of the one of its id or name; nothing of it is run."""
    from services.cli.save import save

    perform(save(file, as_json), as_json=as_json)


@app.command("versions")
def list_versions(workflow: WorkflowId, as_json: AsJson = False) -> None:
    """List a workflow's versions, the latest first."""
    from services.cli import workflows

    perform(workflows.versions(workflow, as_json), as_json=as_json)


@app.command("delete")
def delete_workflow(workflow: WorkflowId, as_json: AsJson = False) -> None:
    """Delete a workflow; runs of it that are under way go on."""
    from services.cli import workflows

    perform(workflows.delete(workflow, as_json), as_json=as_json)


@app.command("activate")
def activate_workflow(
    workflow: WorkflowId,
    version: Annotated[int, typer.Option(min=0, help="Which version; 0 for the latest.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Turn the triggers of a version on, in place of those of the version that was active."""
    from services.cli import activations

    perform(activations.activate(workflow, version, as_json), as_json=as_json)


@app.command("deactivate")
def deactivate_workflow(workflow: WorkflowId, as_json: AsJson = False) -> None:
    """Turn a workflow's triggers off; runs that have begun go on."""
    from services.cli import activations

    perform(activations.deactivate(workflow, as_json), as_json=as_json)


@app.command("activation")
def show_activation(workflow: WorkflowId, as_json: AsJson = False) -> None:
    """Show which version is active, where its triggers are called, and when they start runs."""
    from services.cli import activations

    perform(activations.show(workflow, as_json), as_json=as_json)

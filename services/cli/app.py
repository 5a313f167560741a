"""The commands and their options; what they do is imported only when it is asked for."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli import (
    credential_commands,
    execution_commands,
    identity_commands,
    limit_commands,
    node_commands,
    retention_commands,
    schedule_commands,
    task_commands,
    workflow_commands,
)
from services.cli.command import perform

app = typer.Typer(
    name="orchestrator",
    help="A durable workflow engine. Servers are found by ORCHESTRATOR_ADDRESS (host:port).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(workflow_commands.app, name="workflows")
app.add_typer(execution_commands.app, name="executions")
app.add_typer(credential_commands.app, name="credentials")
app.add_typer(node_commands.app, name="nodes")
app.add_typer(task_commands.app, name="tasks")
app.add_typer(limit_commands.app, name="limits")
app.add_typer(retention_commands.app, name="retention")
app.add_typer(schedule_commands.app, name="schedules")
identity_commands.add_to(app)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A workflow as JSON; - for the standard input.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]


def _port(meaning: str) -> Any:
    return typer.Option(min=0, max=65535, metavar="N", help=meaning)


@app.command()
def run(
    file: File,
    argument: Annotated[
        str | None, typer.Option("--input", metavar="JSON|@FILE", help="The run's input: one object or a list.")
    ] = None,
    trigger: Annotated[str, typer.Option(metavar="NAME", help="The trigger to begin at.")] = "",
    as_json: AsJson = False,
) -> None:
    """Run a workflow: on the server at ORCHESTRATOR_ADDRESS, else on one started for the purpose.

    Exit code 0: completed, 1: failed, 2: invalid.
    """
    from services.cli.run import run as work

    perform(work(file, argument, trigger, as_json), as_json=as_json)


@app.command()
def validate(file: File, as_json: AsJson = False) -> None:
    """Check a workflow without running it. Exit code 0: valid (also with warnings), 2: invalid."""
    from services.cli.validate import validate as work

    perform(work(file, as_json), as_json=as_json)


@app.command(name="eval")
def evaluate(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="A workflow and its cases, as JSON.")],
    at_once: Annotated[int, typer.Option(min=1, max=100, help="How many cases run at a time.")] = 4,
    as_json: AsJson = False,
) -> None:
    """Run a workflow over cases and report how many pass. Exit code 0: enough of them, 1: too few, 2: invalid."""
    from services.cli.evaluate import evaluate as work

    perform(work(dataset, at_once, as_json), as_json=as_json)


@app.command()
def dev(
    data: Annotated[Path, typer.Option(help="Where the data is kept.")] = Path(".data"),
    grpc_port: Annotated[int | None, _port("The API's port; GRPC_PORT or 50051 by default, 0 for a free one.")] = None,
    http_port: Annotated[
        int | None, _port("The web's and REST's port; HTTP_PORT or 8080 if that is free by default.")
    ] = None,
    ui_port: Annotated[int | None, _port("The Web UI's port; 8233 if that is free by default.")] = None,
    temporal_port: Annotated[int | None, _port("Temporal's port; 7233 if that is free by default.")] = None,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="Without Temporal's Web UI.")] = False,
) -> None:
    """Start everything on this machine: PostgreSQL, Temporal with its Web UI, the API and a worker."""
    from services.cli.dev import Wanted
    from services.cli.dev import dev as work

    perform(work(data, Wanted(grpc_port, ui_port, temporal_port, http_port), ui=not no_ui))


@app.command()
def serve() -> None:
    """Serve the gRPC API, by DATABASE_URL and Temporal's environment variables (TEMPORAL_ADDRESS, …)."""
    from services.cli.roles import serve as work

    perform(work())


@app.command()
def worker(
    queues: Annotated[
        str, typer.Option(help="The queues to work on, separated by commas, such as default,code; all by default.")
    ] = "",
    processes: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="How many processes work; one that dies is started again.")
    ] = 1,
) -> None:
    """Run workflows and their nodes, by DATABASE_URL and Temporal's environment variables."""
    names = [name.strip() for name in queues.split(",") if name.strip()]
    if processes > 1:
        from services.cli.fleet import fleet

        perform(fleet(names, processes))
    from services.cli.roles import worker as work

    perform(work(names))


@app.command()
def migrate() -> None:
    """Bring the database at DATABASE_URL up to date."""
    from services.cli.roles import migrate as work

    perform(work())


@app.command()
def promote(
    seconds: Annotated[float, typer.Option(min=0, metavar="N", help="How long to wait for its workers.")] = 300,
) -> None:
    """Give the workers of ORCHESTRATOR_BUILD_ID all work, once they serve every queue: after a release, or to go back.

    Without that variable workers aren't told apart, and nothing is done.
    """
    from services.cli.promote import promote as work

    perform(work(seconds))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look a deployment over, by the same environment as `serve` and `worker`: what is wrong, and what to do.

    Exit code 0: nothing that doesn't work (there may be warnings), 1: something doesn't.
    """
    from services.cli.doctor import doctor as work

    perform(work(as_json), as_json=as_json)


@app.command()
def reconcile(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """After PostgreSQL or Temporal was restored from a backup: close records whose runs are gone, terminate runs
    that aren't open on record, have triggers set up anew. By DATABASE_URL and Temporal's environment variables.
    """
    from services.cli.reconcile import reconcile as work

    perform(work(dry_run, as_json), as_json=as_json)

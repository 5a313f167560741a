"""`orchestrator run`: stores the workflow of a file, runs it, and shows what came of it."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from workflow_engine.v1 import execution_pb2, workflow_pb2, workflow_service_pb2

from orchestrator.model import Workflow
from services.cli import result
from services.cli.console import LiveView, on_stop_signals, pretty, table
from services.cli.failure import Exit, invalid, plain, print_json, refuse_errors
from services.cli.progress import Progress, watch
from services.cli.reading import read_input, read_workflow
from services.cli.server import ADDRESS, TIMEOUT, connected, details_of, from_wire
from services.cli.wire import same_definition, to_wire
from services.cli.workflows import summaries

if TYPE_CHECKING:
    from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceAsyncStub as Stub

_ROWS = 20
_HEADERS = ("NODE", "STATUS", "RUNS", "MS")


async def run(file: Path, argument: str | None, trigger: str, as_json: bool) -> Exit:
    """The whole command."""
    workflow = read_workflow(file)
    input_json = read_input(argument)
    definition = to_wire(workflow)
    async with server_for(workflow) as stub:
        stored = await store(stub, definition)
        request = execution_pb2.ExecuteWorkflowRequest(
            workflow_id=stored.id,
            version=stored.version,
            mode=execution_pb2.MANUAL,
            input=execution_pb2.Items(json=input_json),
            trigger=trigger,
            request_id=str(uuid.uuid4()),
        )
        started = await start(stub, request)
        progress = await follow(stub, started.execution_id, workflow.name)
        found = await stub.GetExecution(
            execution_pb2.GetExecutionRequest(execution_id=started.execution_id), timeout=TIMEOUT
        )
    names = [node.name for node in workflow.nodes]
    print_end(found.execution, list(progress.runs.values()), names, as_json)
    return Exit.OK if found.execution.status == execution_pb2.COMPLETED else Exit.FAILED


async def start(stub: "Stub", request: execution_pb2.ExecuteWorkflowRequest) -> execution_pb2.ExecuteWorkflowResponse:
    """Starts the run; what the stored workflow doesn't allow (no such trigger, say) makes it invalid."""
    try:
        return await stub.ExecuteWorkflow(request, timeout=TIMEOUT)
    except grpc.aio.AioRpcError as error:
        _, problems = details_of(error)
        if problems:
            raise invalid(problems) from None
        raise


@asynccontextmanager
async def server_for(workflow: Workflow) -> "AsyncIterator[Stub]":
    """The server that the environment names, or one of our own for the time of the run."""
    target = os.environ.get(ADDRESS, "").strip()
    if target:
        async with connected(target) as stub:
            await _validate_there(stub, to_wire(workflow))
            yield stub
        return
    from services.cli.embedded_run import embedded

    async with embedded(workflow) as target, connected(target) as stub:
        yield stub


async def _validate_there(stub: "Stub", definition: workflow_pb2.Workflow) -> None:
    if not definition.nodes:
        return
    request = workflow_service_pb2.ValidateWorkflowRequest(workflow=definition)
    answer = await stub.ValidateWorkflow(request, timeout=TIMEOUT)
    refuse_errors([from_wire(problem) for problem in answer.problems])


async def store(stub: "Stub", definition: workflow_pb2.Workflow) -> workflow_pb2.Workflow:
    """The stored workflow: created, updated, or as it was if nothing changed."""
    known = await _find(stub, definition)
    if known is None:
        create = workflow_service_pb2.CreateWorkflowRequest(
            id=definition.id,
            name=definition.name,
            description=definition.description,
            nodes=definition.nodes,
            connections=definition.connections,
            settings=definition.settings,
            tags=definition.tags,
        )
        return (await stub.CreateWorkflow(create, timeout=TIMEOUT)).workflow
    if same_definition(known, definition):
        return known
    update = workflow_service_pb2.UpdateWorkflowRequest(
        workflow_id=known.id, workflow=definition, expected_version=known.version
    )
    return (await stub.UpdateWorkflow(update, timeout=TIMEOUT)).workflow


async def _find(stub: "Stub", definition: workflow_pb2.Workflow) -> workflow_pb2.Workflow | None:
    """The stored workflow of the definition's id, or if it has none the latest of its name."""
    workflow_id = definition.id or await _id_of(stub, definition.name)
    if not workflow_id:
        return None
    request = workflow_service_pb2.GetWorkflowRequest(workflow_id=workflow_id)
    try:
        return (await stub.GetWorkflow(request, timeout=TIMEOUT)).workflow
    except grpc.aio.AioRpcError as error:
        if error.code() == grpc.StatusCode.NOT_FOUND:
            return None
        raise


async def _id_of(stub: "Stub", name: str) -> str:
    if not name:
        return ""
    request = workflow_service_pb2.ListWorkflowsRequest(name_contains=name)
    named = [each async for each in summaries(stub, request) if each.name == name]
    latest = max(named, key=lambda each: each.updated_at.ToMicroseconds(), default=None)
    return latest.id if latest else ""


async def follow(stub: "Stub", execution_id: str, title: str) -> Progress:
    """Watches a run to its end; Ctrl-C cancels the run, and a second one leaves it."""
    progress, task = Progress(), asyncio.current_task()
    cancellations: list[asyncio.Task[object]] = []

    def stop() -> None:
        if cancellations and task:
            task.cancel()
        else:
            cancellations.append(asyncio.ensure_future(_cancel(stub, execution_id)))

    on_stop_signals(stop)
    with LiveView(lambda: (title, _HEADERS, _rows(progress))).shown() as view:
        async for event in watch(stub, execution_id):
            progress.apply(event)
            view.refresh()
    return progress


async def _cancel(stub: "Stub", execution_id: str) -> object:
    request = execution_pb2.CancelExecutionRequest(execution_id=execution_id, reason="stopped at the command line")
    return await stub.CancelExecution(request, timeout=TIMEOUT)


def _rows(progress: Progress) -> list[Sequence[object]]:
    nodes = result.nodes(progress.runs.values(), ())
    rows = [(node["name"], node["status"], node["runs"], node["duration_ms"]) for node in nodes]
    return list(rows[-_ROWS:])


def print_end(
    execution: execution_pb2.Execution,
    runs: Sequence[execution_pb2.NodeRun],
    node_names: Sequence[str],
    as_json: bool,
) -> None:
    """The end of a run: its nodes, status, error and output."""
    shown = result.as_object(execution, runs, node_names)
    if as_json:
        print_json(shown)
        return
    rows = [(node["name"], node["status"], node["runs"], node["duration_ms"]) for node in shown["nodes"]]
    table(_HEADERS, rows)
    print(f"\n{shown['status']}  execution {shown['execution_id']}, version {shown['version']}")
    if shown["error"]:
        _print_error(execution.error)
    if shown["output"]:
        print(pretty(shown["output"]))


def _print_error(error: execution_pb2.ExecutionError) -> None:
    """Why it failed, where, and what to do."""
    item = f", item {error.item}" if error.HasField("item") else ""
    where = f" in node {error.node!r}{item}" if error.node else ""
    print(plain(f"Error {error.code}{where}: {error.message}", keep="\n"))
    if error.hint:
        print(plain(f"Hint: {error.hint}", keep="\n"))

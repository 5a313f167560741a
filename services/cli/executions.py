"""What `orchestrator executions …` does."""

import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import json_format
from workflow_engine.v1 import execution_pb2 as wire
from workflow_engine.v1 import workflow_service_pb2

from orchestrator import exact_json
from orchestrator.errors import Problem
from services.cli import result
from services.cli.console import fields, local_time, pretty, table
from services.cli.failure import Exit, invalid, plain, print_json, print_text
from services.cli.progress import Progress, describe, duration_ms, line, node_status, watch
from services.cli.reading import read_input
from services.cli.run import follow as follow_run
from services.cli.run import print_end
from services.cli.server import TIMEOUT, address, connected

if TYPE_CHECKING:
    from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceAsyncStub as Stub

_PAGE = 1000
_MAX_PORT_BYTES = 1024 * 1024


async def list_all(workflow_id: str, statuses: list[str], limit: int, as_json: bool) -> Exit:
    """List runs."""
    request = wire.ListExecutionsRequest(workflow_id=workflow_id, statuses=[_status(each) for each in statuses])
    found: list[wire.Execution] = []
    async with connected(address()) as stub:
        while len(found) < limit:
            request.page_size = min(limit - len(found), _PAGE)
            page = await stub.ListExecutions(request, timeout=TIMEOUT)
            found += page.executions
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
    if as_json:
        print_json({"executions": [_summary(each) for each in found]})
        return Exit.OK
    rows = [
        (
            each.execution_id,
            each.workflow_name,
            each.version,
            wire.ExecutionStatus.Name(each.status),
            local_time(each.started_at),
            local_time(each.finished_at) if each.HasField("finished_at") else "",
        )
        for each in found
    ]
    table(("ID", "WORKFLOW", "VERSION", "STATUS", "STARTED", "FINISHED"), rows)
    return Exit.OK


async def show(execution_id: str, node: str, as_json: bool) -> Exit:
    """Show a run, or each run of one of its nodes."""
    async with connected(address()) as stub:
        execution = await _get(stub, execution_id)
        if node:
            runs = [run async for run in _history(stub, execution_id, node, _MAX_PORT_BYTES)]
        else:
            runs = [run async for run in _history(stub, execution_id, "", 1)]
        names = await _node_names(stub, execution)
    if node and node not in names and not runs:
        raise invalid([Problem("UNKNOWN_NODE", f"the workflow has no node {node!r}", node)])
    if node:
        _show_node(runs, as_json)
    elif as_json:
        print_json(result.as_object(execution, runs, names) | _times(execution))
    else:
        _show_header(execution)
        print_end(execution, runs, names, as_json=False)
    return Exit.OK


async def follow(execution_id: str, as_json: bool) -> Exit:
    """Print events until the end."""
    last = wire.Execution()
    async with connected(address()) as stub:
        async for event in watch(stub, execution_id):
            if event.HasField("execution"):
                last = event.execution
            if as_json:
                print_text(_event_json(event))
            else:
                print(plain(line(event)), flush=True)
    return _exit_of(last)


async def cancel(execution_id: str, reason: str, as_json: bool) -> Exit:
    """Cancel a run."""
    async with connected(address()) as stub:
        request = wire.CancelExecutionRequest(execution_id=execution_id, reason=reason)
        answer = await stub.CancelExecution(request, timeout=TIMEOUT)
    return _told(answer.execution, "asked to cancel", as_json)


async def pause(execution_id: str, as_json: bool) -> Exit:
    """Pause a run."""
    async with connected(address()) as stub:
        request = wire.PauseExecutionRequest(execution_id=execution_id)
        answer = await stub.PauseExecution(request, timeout=TIMEOUT)
    return _told(answer.execution, "asked to pause", as_json)


async def resume(execution_id: str, as_json: bool) -> Exit:
    """Resume a run."""
    async with connected(address()) as stub:
        request = wire.ResumeExecutionRequest(execution_id=execution_id)
        answer = await stub.ResumeExecution(request, timeout=TIMEOUT)
    return _told(answer.execution, "asked to resume", as_json)


async def retry(execution_id: str, node: str, argument: str | None, latest: bool, as_json: bool) -> Exit:
    """Start a run that takes over what the old one recorded, and follow it."""
    text = read_input(argument)
    request = wire.RetryExecutionRequest(
        execution_id=execution_id, node=node, latest_version=latest, request_id=str(uuid.uuid4())
    )
    if text:
        request.inputs["0"].json = text
    async with connected(address()) as stub:
        started = await stub.RetryExecution(request, timeout=TIMEOUT)
        progress: Progress = await follow_run(stub, started.execution_id, f"retry of {execution_id}")
        execution = await _get(stub, started.execution_id)
        names = await _node_names(stub, execution)
    print_end(execution, list(progress.runs.values()), names, as_json)
    return _exit_of(execution)


async def _get(stub: "Stub", execution_id: str) -> wire.Execution:
    request = wire.GetExecutionRequest(execution_id=execution_id)
    return (await stub.GetExecution(request, timeout=TIMEOUT)).execution


async def _history(stub: "Stub", execution_id: str, node: str, max_bytes: int) -> AsyncIterator[wire.NodeRun]:
    request = wire.GetExecutionHistoryRequest(
        execution_id=execution_id, node=node, max_port_bytes=max_bytes, page_size=_PAGE
    )
    while True:
        page = await stub.GetExecutionHistory(request, timeout=TIMEOUT)
        for run in page.node_runs:
            yield run
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return


async def _node_names(stub: "Stub", execution: wire.Execution) -> list[str]:
    """The names of the version that ran; none if the workflow is gone."""
    request = workflow_service_pb2.GetWorkflowRequest(workflow_id=execution.workflow_id, version=execution.version)
    try:
        found = await stub.GetWorkflow(request, timeout=TIMEOUT)
    except grpc.aio.AioRpcError as error:
        if error.code() == grpc.StatusCode.NOT_FOUND:
            return []
        raise
    return [node.name for node in found.workflow.nodes]


def _status(name: str) -> str:
    names = wire.ExecutionStatus.keys()[1:]
    if name.upper() not in names:
        raise invalid([Problem("UNKNOWN_STATUS", f"{name!r} is no status; write one of {', '.join(names)}")])
    return name.upper()


def _exit_of(execution: wire.Execution) -> Exit:
    return Exit.OK if execution.status == wire.COMPLETED else Exit.FAILED


def _told(execution: wire.Execution, what: str, as_json: bool) -> Exit:
    if as_json:
        print_json(_summary(execution))
    else:
        status = wire.ExecutionStatus.Name(execution.status)
        print(f"Execution {plain(execution.execution_id)}: {what}; status {status}")
    return Exit.OK


def _show_header(execution: wire.Execution) -> None:
    fields(
        (
            ("Execution", execution.execution_id),
            ("Workflow", f"{execution.workflow_name} ({execution.workflow_id})"),
            ("Mode", wire.ExecutionMode.Name(execution.mode)),
            ("Trigger", execution.trigger),
            ("Parent", execution.parent_execution_id),
            ("Started", local_time(execution.started_at)),
            ("Finished", local_time(execution.finished_at) if execution.HasField("finished_at") else ""),
        )
    )
    print()


def _show_node(runs: list[wire.NodeRun], as_json: bool) -> None:
    if as_json:
        print_json({"runs": [_node_run(run) for run in runs]})
        return
    for run in runs:
        print(plain(describe(run)))
        shown = _node_run(run)
        for part in ("failed_attempts", "inputs", "outputs", "logs"):
            if shown[part]:
                print(f"{part}: {pretty(shown[part])}")


def _node_run(run: wire.NodeRun) -> dict[str, Any]:
    return {
        "node": run.node,
        "run_index": run.run_index,
        "status": node_status(run.status),
        "attempt": run.attempt,
        "duration_ms": duration_ms(run),
        "reused": run.reused,
        "cached": run.cached,
        "error": result.error_object(run.error) if run.HasField("error") else None,
        "failed_attempts": [result.error_object(each.error) for each in run.failed_attempts],
        "inputs": {port.port: _items(port) for port in run.inputs},
        "outputs": {port.port: _items(port) for port in run.outputs},
        "logs": list(run.logs),
    }


def _items(port: wire.PortItems) -> Any:
    """The items, or how many there are where they are too large to send."""
    if port.items_json:
        return exact_json.loads(port.items_json)
    return {"count": port.count, "size_bytes": port.size_bytes}


def _summary(each: wire.Execution) -> dict[str, Any]:
    return {
        "execution_id": each.execution_id,
        "workflow_id": each.workflow_id,
        "workflow_name": each.workflow_name,
        "version": each.version,
        "mode": wire.ExecutionMode.Name(each.mode),
        "status": wire.ExecutionStatus.Name(each.status),
        "error": result.error_object(each.error) if each.HasField("error") else None,
    } | _times(each)


def _times(each: wire.Execution) -> dict[str, Any]:
    finished = each.finished_at.ToJsonString() if each.HasField("finished_at") else None
    return {"started_at": each.started_at.ToJsonString(), "finished_at": finished}


def _event_json(event: wire.ExecutionEvent) -> str:
    return str(json_format.MessageToJson(event, preserving_proto_field_name=True, indent=None, ensure_ascii=False))

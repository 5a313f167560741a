"""Runs of other workflows that a run starts: sub-workflows, and the workflow that hears of failures.

They have the revision of the run that starts them, so that every build which may work on that knows theirs, too.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError, is_cancelled_exception

from orchestrator import exact_json
from orchestrator.commands import CallWorkflow
from orchestrator.errors import RunError
from orchestrator.interpreter import error_json
from orchestrator.items import Items, Part, join
from orchestrator.messages import PREPARE_CHILD, ChildPlan, ChildRequest, RunRequest, RunResult
from orchestrator.start import RunStart
from orchestrator.state import Done, Failed
from temporal import search_attributes
from temporal.attempts import STORE_RETRY

MAX_DEPTH = 10
MAX_AT_ONCE = 20


async def call_workflow(
    caller: RunStart, command: CallWorkflow, items: Items, port: str, *, revision: int
) -> Done | Failed:
    """What the other workflow results in, on `port`; without waiting, the items that it was given."""
    if caller.depth >= MAX_DEPTH:
        message = f"sub-workflows are nested more than {MAX_DEPTH} deep"
        return Failed(RunError("NESTED_TOO_DEEP", message, hint="does a workflow call itself without end?"))
    batches = [items.slice(i, 1) for i in range(items.count)] if command.each_item else [items]
    at_once = asyncio.Semaphore(MAX_AT_ONCE)

    async def one(batch: Items) -> Items | RunError:
        async with at_once:
            return await _call(caller, command, batch, revision)

    results = await asyncio.gather(*(one(batch) for batch in batches))
    error = next((result for result in results if isinstance(result, RunError)), None)
    if error:
        return Failed(error)
    return Done({port: join(result for result in results if isinstance(result, Items))})


async def start_error_workflow(failed: RunStart, workflow_id: str, error: RunError, *, revision: int) -> None:
    """Starts the workflow that hears of failures, with this one as its input; it goes on by itself."""
    failure = {
        "execution": {"id": failed.execution_id, "mode": failed.mode, "error": error_json(error)},
        "workflow": {"id": failed.workflow_id, "name": failed.workflow_name, "version": failed.version},
    }
    text = exact_json.dumps([{"json": failure}])
    start = await _prepare(failed, workflow_id, "TRIGGER", "ERROR")
    if isinstance(start, RunError):
        workflow.logger.warning("the error workflow can't be started: %s", start.message)
        return
    await _start(replace(start, input=Items((Part(1, len(text), 0, text),))), revision, detached=True)


async def _call(caller: RunStart, command: CallWorkflow, items: Items, revision: int) -> Items | RunError:
    start = await _prepare(caller, command.workflow_id, "SUBWORKFLOW", "SUBWORKFLOW")
    if isinstance(start, RunError):
        return start
    child = await _start(replace(start, input=items, depth=caller.depth + 1), revision, detached=not command.wait)
    if not command.wait:
        return items
    try:
        result: RunResult = await child
    except ChildWorkflowError as error:
        if is_cancelled_exception(error):
            raise
        return _child_error(start, error)
    return join(result.outputs.values())


async def _prepare(caller: RunStart, workflow_id: str, mode: str, trigger: str) -> RunStart | RunError:
    request = ChildRequest(
        execution_id=str(workflow.uuid4()),
        parent_execution_id=caller.execution_id,
        workflow_id=workflow_id,
        mode=mode,
        trigger_subtype=trigger,
        at=workflow.now(),
    )
    prepared: ChildPlan = await workflow.execute_local_activity(
        PREPARE_CHILD,
        request,
        result_type=ChildPlan,
        start_to_close_timeout=timedelta(seconds=30),
        retry_policy=STORE_RETRY,
    )
    if prepared.start is None:
        return prepared.error or RunError("WORKFLOW_NOT_RUNNABLE", f"the workflow {workflow_id!r} can't be run")
    return prepared.start


async def _start(start: RunStart, revision: int, *, detached: bool) -> workflow.ChildWorkflowHandle[object, RunResult]:
    policy = workflow.ParentClosePolicy.ABANDON if detached else workflow.ParentClosePolicy.REQUEST_CANCEL
    return await workflow.start_child_workflow(
        workflow.info().workflow_type,
        RunRequest(start, revision=revision),
        id=start.execution_id,
        result_type=RunResult,
        parent_close_policy=policy,
        static_summary=start.workflow_name,
        search_attributes=search_attributes.of(start),
    )


def _child_error(start: RunStart, error: ChildWorkflowError) -> RunError:
    cause = error.cause
    message = cause.message if isinstance(cause, ApplicationError) else str(cause or error)
    return RunError(
        "SUBWORKFLOW_FAILED",
        f"the workflow {start.workflow_name!r} failed: {message}",
        hint=f"see the execution {start.execution_id}",
    )

"""Runs one effectful node as an activity named after its subtype."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from orchestrator.errors import RunError
from orchestrator.interpreter import Interpreter
from orchestrator.messages import NodeResult, NodeTask
from orchestrator.record import NodeRecord, NodeStatus
from orchestrator.start import RunStart
from orchestrator.state import Done, Failed, Task
from temporal.attempts import HEARTBEAT_TIMEOUT, RETRY
from temporal.queues import task_queue
from temporal.spilling import INLINE_TOTAL, spilled

_LONGEST_ATTEMPT = timedelta(days=7)


async def run_node(start: RunStart, interpreter: Interpreter, task: Task) -> tuple[Done | Failed, NodeRecord | None]:
    """What came of the node, and its record where that is ours to see to."""
    plan = interpreter.plan.nodes[task.node]
    data = (interpreter.inputs(task), interpreter.reads(task))
    inputs, reads = await spilled(start.execution_id, data, INLINE_TOTAL)
    node = NodeTask(
        start.execution_id,
        start.version_id,
        start.mode,
        plan.name,
        interpreter.run_index(task),
        inputs,
        reads,
        start.input,
        workflow.now(),
        journaled=True,
    )
    try:
        result: NodeResult = await workflow.execute_activity(
            plan.subtype,
            node,
            task_queue=task_queue(plan.queue, workflow.info().task_queue),
            result_type=NodeResult,
            start_to_close_timeout=_LONGEST_ATTEMPT,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RETRY,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=plan.name,
        )
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        return Failed(run_error(plan.name, error)), None
    return Done(result.outputs), _record(node, result)


def _record(node: NodeTask, result: NodeResult) -> NodeRecord | None:
    ran = result.ran
    if ran is None:
        return None
    return NodeRecord(
        node.node,
        node.run_index,
        NodeStatus.COMPLETED,
        ran.attempt,
        ran.started_at,
        ran.finished_at,
        node.inputs,
        result.outputs,
    )


def run_error(node: str, error: ActivityError) -> RunError:
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.details:
        details = cause.details[0]
        return details if isinstance(details, RunError) else RunError(**details)
    return RunError("ACTIVITY_FAILED", str(cause or error)[:2000], node)

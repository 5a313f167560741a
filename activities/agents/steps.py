"""Takes an agent's steps for Temporal: says what comes next, what failed for good, and what is tried again when."""

from collections.abc import Callable
from datetime import timedelta

from temporalio.exceptions import ApplicationError

from activities.agents.answer import CallAnswer
from activities.agents.scene import Scene
from activities.agents.turn import Turn
from activities.invoke import Call, crashes_named
from nodes.errors import NodeError, RetryableError
from orchestrator.errors import RunError
from orchestrator.frontier import completed_outputs
from orchestrator.messages import ToolResult, ToolTask, TurnResult
from orchestrator.plan import Retry
from orchestrator.record import NodeStatus

# Models are busy now and then: an agent whose node says nothing of retries has these.
_PATIENCE = Retry(max_attempts=6, initial_interval=1.0, backoff=2.0, max_interval=60.0)


async def take_turn(scene: Scene, attempt: int, on_text: Callable[[str], None]) -> TurnResult:
    """What came of a turn."""
    call = await scene.call(scene.task.speaker)
    try:
        agent, context = await scene.speaker(call)
        async with crashes_named(call):
            return await Turn(scene, call, agent, context, on_text).run()
    except NodeError as error:
        retry = call.plan.retry if call.node.retry else _PATIENCE
        failure = call.error(error, scene.task.item, attempt)
        if isinstance(error, RetryableError) and attempt < retry.max_attempts:
            raise _again(failure, error, retry, attempt) from None
        await scene.record(scene.task.speaker, NodeStatus.FAILED, error=failure, logs=call.shown_logs)
        return await _failed(scene, call, failure)


async def answer_call(scene: Scene, task: ToolTask, attempt: int) -> ToolResult:
    """What came of a call."""
    try:
        return await CallAnswer(scene, task, attempt).run()
    except RetryableError as error:
        served = await scene.call(task.request.provider)
        failure = served.error(error, scene.task.item, attempt)
        raise _again(failure, error, served.plan.retry, attempt) from None


async def _failed(scene: Scene, call: Call, failure: RunError) -> TurnResult:
    replacement = call.error_output(failure, scene.task.item)
    if scene.task.prompt is not None:
        own = scene.task.run_index
        await scene.record(scene.task.agent, NodeStatus.FAILED, error=failure, run_index=own)
    if replacement is None:
        return TurnResult(error=failure)
    whole, run = scene.data.within(0), scene.task.execution_id
    saved = {port: await whole.save(run, list(items)) for port, items in replacement.ports.items()}
    return TurnResult(outputs=completed_outputs(call.plan, saved))


def _again(failure: RunError, error: NodeError, retry: Retry, attempt: int) -> ApplicationError:
    delay = timedelta(seconds=max(retry.delay(attempt), error.retry_after or 0.0))
    return ApplicationError(failure.message, failure, type=failure.code, next_retry_delay=delay)

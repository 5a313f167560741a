"""The process side of Temporal: polls for workflow tasks and activities."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from temporalio.client import Client
from temporalio.worker import Interceptor, PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from temporal import queues as queues_
from temporal.client import TASK_QUEUE
from temporal.trigger import TriggerWorkflow
from temporal.workflow import OrchestratorWorkflow

# How soon an activity hears of its cancellation.
HEARTBEAT_THROTTLE = timedelta(seconds=1)
# Many replays at once starve each other after a restart, until Temporal takes them for deadlocked.
MAX_WORKFLOW_TASKS = 20


def make_workers(
    client: Client,
    activities: Sequence[Callable[..., Any]],
    nodes: Sequence[Callable[..., Any]],
    queues: Sequence[str],
    *,
    task_queue: str = TASK_QUEUE,
    **limits: Any,
) -> list[Worker]:
    """A worker for each of the plan's queues: the default one runs workflows and all activities, others only nodes.

    `task_queue` is that of the runs; see make_worker for the limits, which are each worker's.
    """
    return [
        make_worker(
            client,
            activities if queue == queues_.DEFAULT else nodes,
            task_queue=queues_.task_queue(queue, task_queue),
            workflows=queue == queues_.DEFAULT,
            **limits,
        )
        for queue in queues
    ]


def make_worker(
    client: Client,
    activities: Sequence[Callable[..., Any]],
    *,
    task_queue: str = TASK_QUEUE,
    workflows: bool = True,
    max_activities: int = 100,
    graceful_shutdown: timedelta = timedelta(seconds=30),
    interceptors: Sequence[Interceptor] = (),
) -> Worker:
    """A worker for one task queue.

    The workflow's code runs without the SDK's sandbox: it is this project's own, a linter keeps clocks and
    randomness out of it, and recorded histories are replayed in the tests. That is a third of the CPU.
    """
    return Worker(
        client,
        task_queue=task_queue,
        # Else the SDK reads every loaded module to make an id up.
        build_id=f"orchestrator-{version('orchestrator')}",
        workflows=[OrchestratorWorkflow, TriggerWorkflow] if workflows else [],
        activities=activities,
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_workflow_tasks=MAX_WORKFLOW_TASKS if workflows else None,
        max_concurrent_activities=max_activities,
        max_concurrent_local_activities=max_activities,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        graceful_shutdown_timeout=graceful_shutdown,
        interceptors=interceptors,
    )

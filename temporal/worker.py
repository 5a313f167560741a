"""The process side of Temporal: polls for workflow tasks and activities."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import (
    Interceptor,
    PollerBehaviorAutoscaling,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkerDeploymentConfig,
)

from temporal import queues as queues_
from temporal.client import TASK_QUEUE
from temporal.converter import build_schemas
from temporal.trigger import TriggerWorkflow
from temporal.workflow import OrchestratorWorkflow

# How soon an activity hears of its cancellation.
HEARTBEAT_THROTTLE = timedelta(seconds=1)
# Many replays at once starve each other after a restart, until Temporal takes them for deadlocked.
MAX_WORKFLOW_TASKS = 20
# The SDK's own: calls that wait for work, which grow with the work.
MAX_POLLERS, INITIAL_POLLERS = 100, 5


def make_workers(
    client: Client,
    activities: Sequence[Callable[..., Any]],
    nodes: Sequence[Callable[..., Any]],
    queues: Sequence[str],
    *,
    task_queue: str = TASK_QUEUE,
    build_id: str = "",
    **limits: Any,
) -> list[Worker]:
    """A worker for each of the plan's queues: the default one runs workflows and all activities, others only nodes.

    `task_queue` is that of the runs. With a build id Temporal gives them only what is that build's to do: all queues
    are one deployment. See make_worker for the limits, which are each worker's.
    """
    deployment = WorkerDeploymentVersion(deployment_name(task_queue), build_id) if build_id else None
    return [
        make_worker(
            client,
            activities if queue == queues_.DEFAULT else nodes,
            task_queue=queues_.task_queue(queue, task_queue),
            workflows=queue == queues_.DEFAULT,
            deployment=deployment,
            **limits,
        )
        for queue in queues
    ]


def deployment_name(task_queue: str) -> str:
    """What Temporal calls the workers of all builds together."""
    # A dot parts the name from the build id where both are written as one.
    return f"orchestrator-{task_queue.replace('.', '-')}"


def make_worker(
    client: Client,
    activities: Sequence[Callable[..., Any]],
    *,
    task_queue: str = TASK_QUEUE,
    workflows: bool = True,
    deployment: WorkerDeploymentVersion | None = None,
    max_activities: int = 100,
    max_workflow_tasks: int = MAX_WORKFLOW_TASKS,
    max_pollers: int = MAX_POLLERS,
    graceful_shutdown: timedelta = timedelta(seconds=30),
    interceptors: Sequence[Interceptor] = (),
) -> Worker:
    """A worker for one task queue.

    The workflow's code runs without the SDK's sandbox: it is this project's own, a linter keeps clocks and
    randomness out of it, and recorded histories are replayed in the tests. That is a third of the CPU.
    """
    workflow_types: list[type[OrchestratorWorkflow | TriggerWorkflow]] = (
        [OrchestratorWorkflow, TriggerWorkflow] if workflows else []
    )
    build_schemas([*(type_.run for type_ in workflow_types), *activities])
    pollers = PollerBehaviorAutoscaling(maximum=max_pollers, initial=min(INITIAL_POLLERS, max_pollers))
    return Worker(
        client,
        task_queue=task_queue,
        **_release(deployment),
        workflows=workflow_types,
        activities=activities,
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_workflow_tasks=max_workflow_tasks if workflows else None,
        max_concurrent_activities=max_activities,
        max_concurrent_local_activities=max_activities,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        workflow_task_poller_behavior=pollers,
        activity_task_poller_behavior=pollers,
        graceful_shutdown_timeout=graceful_shutdown,
        interceptors=interceptors,
    )


def _release(deployment: WorkerDeploymentVersion | None) -> dict[str, Any]:
    """Which release the worker is.

    A run moves to a newer build with its next task: this interpreter replays what every earlier one recorded, and
    a run may wait for longer than anybody keeps old workers.
    """
    if deployment is None:
        # Else the SDK reads every loaded module to make an id up.
        return {"build_id": f"orchestrator-{version('orchestrator')}"}
    return {
        "deployment_config": WorkerDeploymentConfig(
            version=deployment,
            use_worker_versioning=True,
            default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
        )
    }

"""Asks Temporal what waits in a task queue, and who works on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from temporal.queues import DEFAULT, task_queue

WORKFLOWS, NODES = "workflows", "nodes"
_TYPES = {
    WORKFLOWS: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    NODES: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


@dataclass(frozen=True)
class Backlog:
    """One kind of work in one task queue: how much waits, since when, and how many workers ask for it."""

    task_queue: str
    kind: str
    tasks: int
    age_seconds: float
    workers: int


async def backlogs(client: Client, queues: Sequence[str], runs: str, seconds: float) -> list[Backlog]:
    """Every backlog of these queues of the plan; `runs` is the task queue of the runs themselves."""
    found = []
    for queue in queues:
        # Workflows are run on the default queue alone.
        for kind in (WORKFLOWS, NODES) if queue == DEFAULT else (NODES,):
            found.append(await _backlog(client, task_queue(queue, runs), kind, seconds))
    return found


async def _backlog(client: Client, name: str, kind: str, seconds: float) -> Backlog:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=name), task_queue_type=_TYPES[kind], report_stats=True
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=timedelta(seconds=seconds))
    age = answer.stats.approximate_backlog_age.ToTimedelta().total_seconds()
    workers = len({poller.identity for poller in answer.pollers})
    return Backlog(name, kind, answer.stats.approximate_backlog_count, max(age, 0.0), workers)

"""Moves work to the workers of a release."""

import asyncio
from collections.abc import Sequence

from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    DescribeWorkerDeploymentVersionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from temporal.queues import DEFAULT, task_queue
from temporal.worker import deployment_name

_PAUSE = 1.0


async def current_build(client: Client, runs: str) -> str:
    """The build whose workers get the tasks of `runs`, the task queue of the runs; empty: those without a build id."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=deployment_name(runs))
    try:
        answer = await client.workflow_service.describe_worker_deployment(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return ""
    return answer.worker_deployment_info.routing_config.current_deployment_version.build_id


async def unserved(client: Client, runs: str, build_id: str, queues: Sequence[str]) -> list[str]:
    """The task queues of these queues of the plan that no worker of the build has asked; `runs` is that of the runs."""
    request = DescribeWorkerDeploymentVersionRequest(
        namespace=client.namespace,
        deployment_version=WorkerDeploymentVersion(deployment_name=deployment_name(runs), build_id=build_id),
    )
    polled = set()
    try:
        answer = await client.workflow_service.describe_worker_deployment_version(request)
        polled = {(queue.name, queue.type) for queue in answer.version_task_queues}
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    wanted = [(task_queue(queue, runs), TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY) for queue in queues]
    if DEFAULT in queues:
        wanted.append((runs, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW))
    return list(dict.fromkeys(name for name, kind in wanted if (name, kind) not in polled))


async def make_current(client: Client, runs: str, build_id: str, queues: Sequence[str]) -> None:
    """Gives the workers of a build all tasks of their deployment, once they have polled every queue."""
    while True:
        if not await unserved(client, runs, build_id, queues):
            break
        await asyncio.sleep(_PAUSE)
    await client.workflow_service.set_worker_deployment_current_version(
        SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace,
            deployment_name=deployment_name(runs),
            build_id=build_id,
            identity=client.identity,
        )
    )

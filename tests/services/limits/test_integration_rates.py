"""A credential's rate: nodes of all runs wait for their turn, and none of them fails."""

import asyncio
import time
from typing import Any

import grpc
import pytest
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import integration_pb2 as pb
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub

from tests.nodes.http.server import Received, Reply, Server
from tests.services.conftest import Api, arrows

COUNT, SECONDS, RUNS = 2, 6, 6


async def create(api: Api, count: int, seconds: int) -> pb.Integration:
    request = pb.CreateIntegrationRequest(name="slow", type="http_bearer", hosts=["127.0.0.1"])
    request.fields.update({"token": "s3cr3t"})
    request.rate_limit.count, request.rate_limit.seconds = count, seconds
    response = await IntegrationServiceStub(api.channel).CreateIntegration(request)
    made: pb.Integration = response.integration
    return made


def calling(url: str, credential: str) -> dict[str, Any]:
    nodes = [
        {"id": "t", "name": "T", "type": "TRIGGER_NODE", "subtype": "MANUAL"},
        {
            "id": "c",
            "name": "C",
            "type": "ACTION_NODE",
            "subtype": "HTTP_REQUEST",
            "parameters": {"url": url},
            "credentials": {"auth": credential},
        },
    ]
    return {"name": "calls", "nodes": nodes, "connections": arrows([("T", "C")])}


async def ended(api: Api, workflow_id: str) -> ex.Execution:
    run = await api.stub.ExecuteWorkflow(ex.ExecuteWorkflowRequest(workflow_id=workflow_id))
    watching = ex.WatchExecutionRequest(execution_id=run.execution_id, types=[ex.EXECUTION_FINISHED])
    events = [each.event async for each in api.stub.WatchExecution(watching, timeout=120)]
    execution: ex.Execution = events[-1].execution
    return execution


async def test_nodes_wait_for_their_turn(api: Api, server: Server) -> None:
    times: list[float] = []

    def noted(received: Received) -> Reply:
        times.append(time.monotonic())
        return Reply(body=b"{}")

    server.replies["/x"] = noted
    made = await create(api, COUNT, SECONDS)
    assert (made.rate_limit.count, made.rate_limit.seconds) == (COUNT, SECONDS)
    workflow_id = await api.create(calling(f"{server.url}/x", made.id))
    runs = await asyncio.gather(*(ended(api, workflow_id) for _ in range(RUNS)))
    assert [run.status for run in runs] == [ex.COMPLETED] * RUNS
    assert len(times) == RUNS
    # A bucket of `COUNT` that was full, and one more each `SECONDS / COUNT`.
    assert all(
        later - first > (index - COUNT + 1) * SECONDS / COUNT - 0.5
        for first in times[:1]
        for index, later in enumerate(times)
        if index >= COUNT
    )
    history = await api.stub.GetExecutionHistory(ex.GetExecutionHistoryRequest(execution_id=runs[-1].execution_id))
    assert [(run.node, run.attempt) for run in history.node_runs] == [("T", 1), ("C", 1)]


async def test_a_rate_can_be_changed_and_removed(api: Api) -> None:
    stub = IntegrationServiceStub(api.channel)
    made = await create(api, 5, 60)
    update = pb.UpdateIntegrationRequest(integration_id=made.id, name="other")
    assert (await stub.UpdateIntegration(update)).integration.rate_limit == made.rate_limit
    update.rate_limit.count = 0
    assert not (await stub.UpdateIntegration(update)).integration.HasField("rate_limit")


@pytest.mark.parametrize(("count", "seconds"), [(-1, 1), (1, 0), (1, 86_401)])
async def test_what_is_no_rate_is_refused(api: Api, count: int, seconds: int) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="is no rate limit") as caught:
        await create(api, count, seconds)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

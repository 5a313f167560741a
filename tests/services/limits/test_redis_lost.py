"""A run in the midst of which Redis dies: with results that are kept, rates, and somebody who watches."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import pytest
from temporalio.client import Client
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import integration_pb2
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from services import wiring
from services.store.ids import new_id
from tests.graphs import flow, node, trigger, workflow
from tests.nodes.http.server import Received, Reply, Server
from tests.services.conftest import Api, api_settings
from tests.services.limits.redis_server import RedisServer

pytestmark = pytest.mark.system
PASSES, LOST_AT = 20, 6


@pytest.fixture
async def with_redis(postgres_url: str, temporal_client: Client, redis: RedisServer) -> AsyncIterator[Api]:
    """A server and a worker that have Redis."""
    settings = api_settings(
        postgres_url, orchestrator_task_queue=new_id(), redis_url=redis.url, orchestrator_rate_limit=6000
    )
    parts = wiring.build_parts(settings)
    server = wiring.build_server(settings, temporal_client, parts=parts, role=wiring.ServerRole(local=True))
    worker = wiring.build_worker(settings, temporal_client, parts=parts)
    await worker.start()
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            yield Api(WorkflowServiceStub(channel), channel, server, parts, temporal_client)
    finally:
        await server.stop()
        await worker.stop()
        await parts.close()


async def calling(api: Api, url: str) -> str:
    """A workflow that asks the third party in a loop, twice for each path, within a rate."""
    request = integration_pb2.CreateIntegrationRequest(name="rated", type="http_bearer", hosts=["127.0.0.1"])
    request.fields.update({"token": "s3cr3t"})
    request.rate_limit.count, request.rate_limit.seconds = 1000, 60
    credential = (await IntegrationServiceStub(api.channel).CreateIntegration(request)).integration.id
    parameters = {"url": url + "/{{ $json.a }}"}
    more = {"credentials": {"auth": credential}, "cache_ttl": "1h"}
    call = node("Call", "ACTION_NODE", "HTTP_REQUEST", parameters, **more)
    nodes = [trigger(), flow("Loop", "LOOP", mode="items"), call]
    return await api.create(workflow("rounds", nodes, "Start -> Loop", "Loop.body -> Call", "Call -> Loop"))


async def start(api: Api, workflow_id: str) -> str:
    given = ex.Items(json=json.dumps([{"a": number // 2} for number in range(PASSES)]))
    response = await api.stub.ExecuteWorkflow(ex.ExecuteWorkflowRequest(workflow_id=workflow_id, input=given))
    return str(response.execution_id)


async def events(api: Api, run: str) -> list[ex.ExecutionEvent]:
    watching = ex.WatchExecutionRequest(execution_id=run)
    return [response.event async for response in api.stub.WatchExecution(watching, timeout=90)]


def told(seen: list[ex.ExecutionEvent]) -> list[tuple[int, int, str, int]]:
    """What events say that stays as it was."""
    return [(event.sequence, event.type, event.node_run.node, event.node_run.run_index) for event in seen]


async def cached(api: Api, run: str) -> int:
    request = ex.GetExecutionHistoryRequest(execution_id=run, node="Call", page_size=100)
    return sum(one.cached for one in (await api.stub.GetExecutionHistory(request)).node_runs)


async def test_the_run_ends_right_and_its_watcher_sees_all(with_redis: Api, redis: RedisServer, server: Server) -> None:
    api, asked, kills = with_redis, list[str](), list[asyncio.Future[Any]]()
    loop = asyncio.get_running_loop()

    def reply(received: Received) -> Reply:
        asked.append(received.path)
        if len(asked) == LOST_AT:
            kills.append(asyncio.run_coroutine_threadsafe(redis.kill(), loop))  # type: ignore[arg-type]
        return Reply(body=b'{"n": %d}' % len(asked))

    for number in range(PASSES):
        server.replies[f"/{number}"] = reply
    workflow_id = await calling(api, server.url)
    run = await start(api, workflow_id)
    seen = await events(api, run)
    assert kills, "Redis was killed in the midst of it"
    assert seen[-1].execution.status == ex.COMPLETED
    sequences = [event.sequence for event in seen]
    assert sequences == sorted(set(sequences))
    assert told(seen) == told(await events(api, run))
    finished = [event for event in seen if event.type == ex.NODE_FINISHED and event.node_run.node == "Call"]
    assert sorted(event.node_run.run_index for event in finished) == list(range(PASSES))
    # What Redis had is asked for once more at most: that of the pass before it died.
    assert PASSES / 2 <= len(asked) <= PASSES / 2 + 1
    assert await cached(api, run) == PASSES - len(asked)

    again = await start(api, workflow_id)
    assert (await events(api, again))[-1].execution.status == ex.COMPLETED
    assert await cached(api, again) >= PASSES - 2 * LOST_AT
    async with httpx.AsyncClient(base_url=api.server.public_url, timeout=30) as http:
        answers = [await http.get("/api/v1/executions") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5

"""Results that are kept: taken for the same parameters and input only, sealed, and never a need."""

import time
from typing import Any

import pytest
from workflow_engine.v1 import execution_pb2 as ex

from services.redis import RedisLink
from services.results import SharedResults
from services.store import results
from services.store.keyring import read_keys
from tests.nodes.http.server import Received, Reply, Server
from tests.services.conftest import SECRET_KEY, Api, Store, arrows
from tests.services.limits.redis_server import RedisServer

KEYS = read_keys(SECRET_KEY)


def calling(url: str, ttl: str) -> dict[str, Any]:
    call = {"id": "c", "name": "C", "type": "ACTION_NODE", "subtype": "HTTP_REQUEST", "parameters": {"url": url}}
    nodes = [{"id": "t", "name": "T", "type": "TRIGGER_NODE", "subtype": "MANUAL"}, call | {"cache_ttl": ttl}]
    return {"name": "calls", "nodes": nodes, "connections": arrows([("T", "C")])}


async def run(api: Api, workflow_id: str, text: str) -> ex.NodeRun:
    request = ex.ExecuteWorkflowRequest(workflow_id=workflow_id, input=ex.Items(json=text))
    execution_id = (await api.stub.ExecuteWorkflow(request)).execution_id
    watching = ex.WatchExecutionRequest(execution_id=execution_id, types=[ex.EXECUTION_FINISHED])
    events = [each.event async for each in api.stub.WatchExecution(watching, timeout=60)]
    assert events[-1].execution.status == ex.COMPLETED
    history = await api.stub.GetExecutionHistory(ex.GetExecutionHistoryRequest(execution_id=execution_id))
    found: ex.NodeRun = next(run for run in history.node_runs if run.node == "C")
    return found


async def test_the_same_is_asked_once(api: Api, server: Server) -> None:
    asked: list[str] = []

    def reply(received: Received) -> Reply:
        asked.append(received.path)
        return Reply(body=b'{"n": %d}' % len(asked))

    for path in ("/1", "/2"):
        server.replies[path] = reply
    workflow_id = await api.create(calling(server.url + "/{{ $json.a }}", "1h"))
    first = await run(api, workflow_id, '{"a": 1}')
    again = await run(api, workflow_id, '{"a": 1}')
    assert (first.cached, again.cached, again.outputs) == (False, True, first.outputs)
    partly = await run(api, workflow_id, '[{"a": 1}, {"a": 2}]')
    assert (partly.cached, asked) == (False, ["/1", "/2"])
    uncached = await api.create(calling(server.url + "/{{ $json.a }}", ""))
    assert not (await run(api, uncached, '{"a": 1}')).cached
    async with api.parts.database.single() as connection:
        bodies = (await connection.exec_driver_sql("SELECT body FROM cached_results")).scalars().all()
    assert bodies
    assert not any(b'"json"' in body for body in bodies)


async def test_results_end_with_their_time(store: Store) -> None:
    shared = SharedResults(store.database, None, KEYS)
    await shared.put("a", "k", b"body", 60)
    assert await shared.get("a", "k") == b"body"
    await shared.put("a", "k", b"other", -1)
    assert await shared.get("a", "k") is None
    await results.sweep(store.database)
    assert await store.count("cached_results") == 0


async def test_nothing_is_kept_in_clear_or_for_another_workspace(store: Store) -> None:
    await SharedResults(store.database, None, None).put("a", "k", b"body", 60)
    assert await store.count("cached_results") == 0
    await SharedResults(store.database, None, KEYS).put("a", "k", b"body", 60)
    assert await SharedResults(store.database, None, KEYS).get("b", "k") is None
    assert await SharedResults(store.database, None, read_keys("k2:" + "B" * 43 + "=")).get("a", "k") is None


@pytest.mark.system
async def test_results_survive_the_loss_of_redis(store: Store, redis: RedisServer) -> None:
    link = RedisLink(redis.url)
    shared = SharedResults(store.database, link, KEYS)
    await shared.put("a", "k", b"body", 60)
    assert await shared.get("a", "k") == b"body"
    assert await store.count("cached_results") == 0
    sealed = await link.ask(lambda client: client.get("orchestrator:result:k"))
    assert sealed is not None
    assert b"body" not in bytes(sealed)  # type: ignore[arg-type]
    await redis.kill()
    begun = time.monotonic()
    assert await shared.get("a", "k") is None
    await shared.put("a", "k", b"body", 60)
    assert await shared.get("a", "k") == b"body"
    assert time.monotonic() - begun < 3
    await link.close()

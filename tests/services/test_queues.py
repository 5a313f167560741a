"""Workers that work on some queues only."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from temporalio.client import Client
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from nodes.errors import PermanentError
from nodes.factory import get_node_executor_factory
from orchestrator.messages import AGENT_TURN, CALL_TOOL
from services import wiring
from services.cli.failure import Failure
from services.cli.roles import _queues
from services.settings import Settings
from services.store.ids import new_id
from tests import graphs
from tests.agents.scripted import ScriptedModel
from tests.graphs import node, sets
from tests.services.conftest import Api, arrows
from tests.services.rpc.test_executions_rpc import execute, get, history, setter, trigger, watch


@pytest.fixture
async def apart(
    module_postgres_url: str, temporal_client: Client, settings_for: Callable[..., Settings]
) -> AsyncIterator[Api]:
    """The API, a worker for code, one for agents, and one for the rest."""
    settings = settings_for(module_postgres_url, orchestrator_task_queue=new_id())
    keyless = settings_for(
        module_postgres_url, orchestrator_task_queue=settings.orchestrator_task_queue, secret_key=None
    )
    parts = wiring.build_parts(settings)
    server = wiring.build_server(settings, temporal_client, parts=parts, eager=True, role=wiring.ServerRole(local=True))
    workers = [
        wiring.build_worker(settings, temporal_client, parts=parts, queues=["default"]),
        wiring.build_worker(keyless, temporal_client, queues=["code"]),
        wiring.build_worker(settings, temporal_client, queues=["ai"]),
    ]
    for role in (*workers, server):
        await role.start()
    async with grpc.aio.insecure_channel(server.address) as channel:
        yield Api(WorkflowServiceStub(channel), channel, server, parts, temporal_client)
    for role in (server, *workers):
        await role.stop()
    await parts.close()


async def test_code_runs_on_its_own_worker(apart: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def not_here(*_: Any, **__: Any) -> None:
        raise AssertionError("code must not run in the default worker")

    monkeypatch.setattr(apart.parts.resources.sandbox, "run", not_here)
    parameters = {"language": "python", "code": "return [{'n': 1}]"}
    code = {"id": "c", "name": "C", "type": "ACTION_NODE", "subtype": "RUN_CODE", "parameters": parameters}
    nodes = [trigger(), code, setter("S", "{{ $json.n + 1 }}")]
    workflow = {"name": "apart", "nodes": nodes, "connections": arrows([("T", "C"), ("C", "S")])}
    run = await execute(apart, await apart.create(workflow))
    await watch(apart, run)
    assert (await get(apart, run)).status == ex.COMPLETED
    assert (await history(apart, run))["S"].outputs[0].items_json == '[{"json":{"value":2}}]'


CALCULATION = {"language": "python", "code": "return [{'n': items[0]['n'] + 1}]"}


@pytest.mark.parametrize(
    ("tool", "arguments", "queue"),
    [
        (sets("Tool", at="{{ $fromAI('at') }}"), {"at": "it"}, "ai"),
        (node("Tool", "ACTION_NODE", "RUN_CODE", CALCULATION), {"n": 1}, "code"),
    ],
    ids=["any other", "code"],
)
async def test_agents_work_on_their_own_worker(
    apart: Api, tool: dict[str, Any], arguments: dict[str, Any], queue: str
) -> None:
    """Start ─ Agent, with a tool that it calls."""
    model = ScriptedModel()
    model.reply = lambda _: [("Tool", arguments)] if len(model.requests) == 1 else "seen"
    agent = node("Agent", "AI_AGENT_NODE", "ROUTER_AGENT", {"model_name": "m", "base_url": model.url, "prompt": "Look"})
    workflow = graphs.workflow("agents", [graphs.trigger(), agent, tool], "Start -> Agent", "Agent -ai_tool-> Tool")
    run = await execute(apart, await apart.create(workflow))
    await watch(apart, run)
    ended = await get(apart, run)
    assert ended.status == ex.COMPLETED, ended.error
    events = (await apart.client.get_workflow_handle(run).fetch_history()).events
    scheduled = [event.activity_task_scheduled_event_attributes for event in events]
    queues = {one.activity_type.name: one.task_queue.name for one in scheduled if one.activity_type.name}
    runs = apart.parts.settings.orchestrator_task_queue
    assert queues == {AGENT_TURN: f"{runs}-ai", CALL_TOOL: f"{runs}-{queue}"}


async def test_a_run_still_starts_eagerly(apart: Api) -> None:
    workflow = {"name": "eager", "nodes": [trigger(), setter("S", "1")], "connections": arrows([("T", "S")])}
    run = await execute(apart, await apart.create(workflow))
    await watch(apart, run)
    started = (await apart.client.get_workflow_handle(run).fetch_history()).events[0]
    assert started.workflow_execution_started_event_attributes.eager_execution_accepted


async def test_a_worker_for_code_opens_no_credentials(
    module_postgres_url: str, settings_for: Callable[..., Settings]
) -> None:
    parts = wiring.build_parts(settings_for(module_postgres_url), ["code"])
    try:
        with pytest.raises(PermanentError) as caught:
            await parts.resources.credentials.open("default", "any", ())
        assert caught.value.code == "SECRET_KEY_MISSING"
    finally:
        await parts.close()
    parts = wiring.build_parts(settings_for(module_postgres_url), ["default", "code"])
    assert parts.integrations.keys is not None
    await parts.close()


def test_a_worker_serves_every_queue_of_the_catalogue() -> None:
    queues = wiring.queues_of(get_node_executor_factory().catalogue)
    assert queues == ["default", "ai", "code"]


@pytest.mark.parametrize(
    ("named", "queues"),
    [
        ([], []),
        (["code"], ["code"]),
        (["code", "default", "ai", "code"], ["code", "default", "ai"]),
        (["own"], ["default"]),
    ],
)
def test_the_queues_that_are_named(named: list[str], queues: list[str]) -> None:
    assert _queues(named, "own") == queues


def test_an_unknown_queue_is_named() -> None:
    with pytest.raises(Failure, match="there is no queue 'defualt'; there are default, code, ai") as caught:
        _queues(["defualt"], "default")
    assert caught.value.code == "UNKNOWN_QUEUE"

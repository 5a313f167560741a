"""A worker dies in the middle of an agent's conversation."""

import asyncio
import json
import time
from collections import Counter

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from workflow_engine.v1 import execution_pb2, workflow_pb2, workflow_service_pb2, workflow_service_pb2_grpc

from tests.agents.scripted import Reply, Request, ScriptedModel
from tests.faults.processes import PATIENCE, Processes, until, watch_to_the_end
from tests.graphs import node, trigger, workflow

TURNS = 5


def turn(request: Request) -> int:
    """Which turn the model is asked for."""
    return sum(message["role"] == "assistant" for message in request["messages"])


@pytest.fixture
def model() -> ScriptedModel:
    def reply(request: Request) -> Reply:
        time.sleep(0.5)
        return "done" if turn(request) == TURNS - 1 else [("Note", {"text": f"step {turn(request)}"})]

    scripted = ScriptedModel()
    scripted.reply = reply
    return scripted


async def test_no_turn_is_repeated_but_the_one_in_flight(processes: Processes, model: ScriptedModel) -> None:
    """Start -> Agent ~ai_tool~ Note; the worker dies during the third of five turns"""
    fields = {"operation": "set", "fields": {"noted": "{{ $fromAI('text', 'what') }}"}}
    nodes = [
        trigger(),
        node("Agent", "AI_AGENT_NODE", "ROUTER_AGENT", {"model_name": "m", "base_url": model.url}),
        node("Note", "ACTION_NODE", "DATA_TRANSFORMATION", fields),
    ]
    written = workflow("agent", nodes, "Start -> Agent", "Agent -ai_tool-> Note")
    definition = ParseDict(written, workflow_pb2.Workflow())
    address = f"127.0.0.1:{processes.grpc_port}"
    async with grpc.aio.insecure_channel(address, interceptors=processes.signing) as channel:
        await asyncio.wait_for(channel.channel_ready(), PATIENCE)
        stub = workflow_service_pb2_grpc.WorkflowServiceStub(channel)
        create = workflow_service_pb2.CreateWorkflowRequest(name="agent", nodes=definition.nodes)
        create.connections.CopyFrom(definition.connections)
        created = await stub.CreateWorkflow(create)
        started = await stub.ExecuteWorkflow(
            execution_pb2.ExecuteWorkflowRequest(
                workflow_id=created.workflow.id, input=execution_pb2.Items(json='{"message": "go"}')
            )
        )
        await until(lambda: len(model.requests) >= 3)
        await processes.kill("worker")
        await watch_to_the_end(stub, started.execution_id)
        found = await stub.GetExecution(execution_pb2.GetExecutionRequest(execution_id=started.execution_id))
        history = await stub.GetExecutionHistory(
            execution_pb2.GetExecutionHistoryRequest(execution_id=started.execution_id)
        )
    assert found.execution.status == execution_pb2.COMPLETED, found
    assert json.loads(found.execution.output_json) == {"Agent": [{"output": "done"}]}
    asked = Counter(turn(request) for request in model.requests)
    assert set(asked) == set(range(TURNS))
    assert [asked[number] for number in (0, 1, 3, 4)] == [1, 1, 1, 1], asked
    assert asked[2] <= 2, "only the call that was in flight is made again"
    notes = [run for run in history.node_runs if run.node == "Note"]
    assert len(notes) == TURNS - 1

"""What is measured: our workflows through gRPC, and the peers through Temporal's client."""

import itertools
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
from google.protobuf.json_format import ParseDict
from temporalio.client import Client
from workflow_engine.v1 import execution_pb2, workflow_service_pb2, workflow_service_pb2_grpc

from benchmarks.peers import TASK_QUEUE, Chain, Fan, Floor

Run = Callable[[], Awaitable[None]]
Json = dict[str, Any]


def _node(name: str, type_: str, subtype: str, **parameters: Any) -> Json:
    return {"id": name, "name": name, "type": type_, "subtype": subtype, "parameters": parameters}


def _trigger() -> Json:
    return _node("Start", "TRIGGER_NODE", "MANUAL")


def _pure(name: str) -> Json:
    """A node that computes: an expression a run."""
    fields = {"n": "{{ $json.n + 1 }}"}
    return _node(name, "ACTION_NODE", "DATA_TRANSFORMATION", operation="set", fields=fields, keep_others=True)


def _definition(nodes: list[Json], edges: list[tuple[str, str, int]]) -> Json:
    connections: Json = {}
    for source, target, index in edges:
        arrows = connections.setdefault(source, {"connection_types": {"main": {"connections": []}}})
        arrow = {"node": target, "type": "MAIN", "index": index}
        arrows["connection_types"]["main"]["connections"].append(arrow)
    return {"nodes": nodes, "connections": {"connections": connections}}


def linear(count: int) -> Json:
    """A trigger and pure nodes, `count` in all."""
    nodes = [_trigger(), *(_pure(f"S{i}") for i in range(1, count))]
    names = [node["name"] for node in nodes]
    return _definition(nodes, [(a, b, 0) for a, b in itertools.pairwise(names)])


def fan(width: int) -> Json:
    """One node, `width` side by side, a MERGE."""
    nodes = [_trigger(), *(_pure(f"S{i}") for i in range(width))]
    nodes.append(_node("Merge", "FLOW_NODE", "MERGE", inputs=width))
    edges = [("Start", f"S{i}", 0) for i in range(width)]
    return _definition(nodes, edges + [(f"S{i}", "Merge", i) for i in range(width)])


def effectful(count: int) -> Json:
    """A trigger and `count` nodes that take an activity each."""
    nodes = [_trigger(), *(_node(f"E{i}", "CUSTOM_NODE", "NOTHING") for i in range(count))]
    names = [node["name"] for node in nodes]
    return _definition(nodes, [(a, b, 0) for a, b in itertools.pairwise(names)])


class Ours:
    """The engine, through its API: ExecuteWorkflow, then WatchExecution until the run has ended."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = workflow_service_pb2_grpc.WorkflowServiceStub(channel)

    async def subject(self, name: str, definition: Json) -> Run:
        """Stores a workflow; the run to measure."""
        request = workflow_service_pb2.CreateWorkflowRequest(name=name)
        for node in definition["nodes"]:
            ParseDict(node, request.nodes.add())
        ParseDict(definition["connections"], request.connections)
        created = await self._stub.CreateWorkflow(request)
        assert not created.problems, created.problems
        workflow_id = created.workflow.id

        async def run() -> None:
            started = await self._stub.ExecuteWorkflow(
                execution_pb2.ExecuteWorkflowRequest(
                    workflow_id=workflow_id,
                    mode=execution_pb2.ExecutionMode.MANUAL,
                    input=execution_pb2.Items(json=json.dumps({"n": 1})),
                )
            )
            # As the peers' client does: wait for the end, not for every step.
            ends = [execution_pb2.EXECUTION_FINISHED]
            watch = execution_pb2.WatchExecutionRequest(execution_id=started.execution_id, types=ends)
            status = 0
            async for message in self._stub.WatchExecution(watch):
                if message.event.type == execution_pb2.EXECUTION_FINISHED:
                    status = message.event.execution.status
            assert status == execution_pb2.COMPLETED, status

        return run


class Peers:
    """Bare Temporal, through its client: start, then the result."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def floor(self) -> Run:
        """The empty workflow."""
        return self._run(Floor.run, [{"n": 1}])

    def chain(self, count: int) -> Run:
        """An activity for each of `count` nodes."""
        return self._run(Chain.run, [{"n": 1}, count])

    def fan(self, width: int) -> Run:
        """One, `width` side by side, one."""
        return self._run(Fan.run, [{"n": 1}, width])

    def _run(self, method: Any, args: list[Any]) -> Run:
        async def run() -> None:
            await self._client.execute_workflow(method, args=args, id=str(uuid.uuid4()), task_queue=TASK_QUEUE)

        return run

"""The API with a worker, and a scripted model that its agents ask."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import grpc.aio
import pytest
from google.protobuf.json_format import ParseDict
from temporalio.client import Client
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import workflow_service_pb2 as pb
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from services import wiring
from tests.agents.scripted import ScriptedModel
from tests.services.conftest import api_settings

Json = dict[str, Any]


@dataclass
class Ended:
    """A run that has ended: its result, its error, and its node runs."""

    execution: ex.Execution
    runs: list[ex.NodeRun]

    @property
    def output(self) -> Any:
        """The result by node name."""
        return json.loads(self.execution.output_json or "{}")

    def of(self, node: str) -> list[Any]:
        """What each run of a node emitted."""
        return [
            [item["json"] for item in json.loads(run.outputs[0].items_json)] for run in self.runs if run.node == node
        ]


@dataclass
class Agents:
    """Runs workflows."""

    stub: Any
    people: Any
    client: Client
    parts: wiring.Parts
    address: str

    async def start(self, definition: Json, given: Any) -> str:
        """The id of a run just begun."""
        request = pb.CreateWorkflowRequest(name=definition["name"])
        ParseDict({key: definition[key] for key in ("nodes", "connections")}, request)
        created = await self.stub.CreateWorkflow(request)
        errors = [problem.message for problem in created.problems if problem.severity == 1]
        assert not errors, errors
        started = await self.stub.ExecuteWorkflow(
            ex.ExecuteWorkflowRequest(workflow_id=created.workflow.id, input=ex.Items(json=json.dumps(given)))
        )
        return str(started.execution_id)

    async def end(self, run: str) -> Ended:
        """How a run ended."""
        watch = ex.WatchExecutionRequest(execution_id=run, types=[ex.EXECUTION_FINISHED])
        async for _ in self.stub.WatchExecution(watch, timeout=60):
            pass
        found = (await self.stub.GetExecution(ex.GetExecutionRequest(execution_id=run))).execution
        history = await self.stub.GetExecutionHistory(ex.GetExecutionHistoryRequest(execution_id=run, page_size=1000))
        return Ended(found, list(history.node_runs))

    async def run(self, definition: Json, given: Any) -> Ended:
        """A run from start to end."""
        return await self.end(await self.start(definition, given))


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    scripted = ScriptedModel()
    yield scripted
    scripted.server.shutdown()


@pytest.fixture(scope="module")
async def agents(module_postgres_url: str, temporal_client: Client) -> AsyncIterator[Agents]:
    settings = api_settings(module_postgres_url, orchestrator_task_queue="agents")
    parts = wiring.build_parts(settings)
    server = wiring.build_server(settings, temporal_client, parts=parts, eager=True, role=wiring.ServerRole(local=True))
    worker = wiring.build_worker(settings, temporal_client, parts=parts)
    await worker.start()
    await server.start()
    async with grpc.aio.insecure_channel(server.address) as channel:
        yield Agents(
            WorkflowServiceStub(channel), HumanTaskServiceStub(channel), temporal_client, parts, server.address
        )
    await server.stop()
    await worker.stop()
    await parts.close()

"""The server with its gateway and a worker, which tests stop and start again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from workflow_engine.v1 import activation_pb2, execution_pb2, integration_pb2, workflow_service_pb2
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from orchestrator import exact_json
from services.settings import Settings
from services.store.ids import new_id
from tests.services.triggers.rig import Rig
from tests.services.triggers.rig import rig as running_rig

if TYPE_CHECKING:
    from temporalio.client import Client

    from services.wiring import Parts, Server, WorkerRole

LONG = 120.0
SECRET_KEY = "k1:" + "A" * 43 + "="


@dataclass
class Gateway:
    """One database, and what runs on it."""

    settings: Settings
    client: "Client"
    local: bool = True
    parts: "Parts | None" = None
    server: "Server | None" = None
    worker: "WorkerRole | None" = None
    channel: grpc.aio.Channel | None = None

    async def start(self) -> None:
        """Starts all that is down."""
        from services import wiring

        self.parts = wiring.build_parts(self.settings)
        role = wiring.ServerRole(local=self.local)
        self.server = wiring.build_server(self.settings, self.client, parts=self.parts, eager=True, role=role)
        self.worker = wiring.build_worker(self.settings, self.client, parts=self.parts)
        await self.worker.start()
        await self.server.start()
        self.channel = grpc.aio.insecure_channel(self.server.address)

    async def stop(self) -> None:
        """Stops server and worker."""
        assert self.parts
        assert self.server
        assert self.worker
        assert self.channel
        await self.channel.close()
        await self.server.stop()
        await self.worker.stop()
        await self.parts.close()

    async def restart(self) -> None:
        """Stops and starts server and worker."""
        await self.stop()
        await self.start()

    @property
    def stub(self) -> Any:
        """The API."""
        return WorkflowServiceStub(self.channel)

    @property
    def url(self) -> str:
        """Where the gateway is."""
        assert self.server
        assert self.server.http
        return self.server.http.url

    def http(self) -> httpx.AsyncClient:
        """A client from outside."""
        return httpx.AsyncClient(base_url=self.url, timeout=LONG)

    async def create(self, data: dict[str, Any]) -> str:
        """The id of a workflow just stored."""
        request = json_format.ParseDict(data, workflow_service_pb2.CreateWorkflowRequest())
        response = await self.stub.CreateWorkflow(request)
        assert not [one for one in response.problems if one.severity != 2], response.problems
        return str(response.workflow.id)

    async def update(self, workflow_id: str, data: dict[str, Any]) -> int:
        """The next version of a workflow."""
        request = workflow_service_pb2.UpdateWorkflowRequest(workflow_id=workflow_id)
        json_format.ParseDict(data, request.workflow)
        response = await self.stub.UpdateWorkflow(request)
        return int(response.workflow.version)

    async def activate(self, workflow_id: str, version: int = 0) -> Any:
        """What is on then."""
        request = activation_pb2.ActivateWorkflowRequest(workflow_id=workflow_id, version=version)
        return (await self.stub.ActivateWorkflow(request)).activation

    async def deactivate(self, workflow_id: str) -> None:
        """Turns it off."""
        await self.stub.DeactivateWorkflow(activation_pb2.DeactivateWorkflowRequest(workflow_id=workflow_id))

    async def activation(self, workflow_id: str) -> Any:
        """What is on; None if nothing is."""
        response = await self.stub.GetActivation(activation_pb2.GetActivationRequest(workflow_id=workflow_id))
        return response.activation if response.HasField("activation") else None

    async def on(self, data: dict[str, Any]) -> str:
        """The id of a workflow just stored and turned on."""
        workflow_id = await self.create(data)
        await self.activate(workflow_id)
        return workflow_id

    async def credential(self, kind: str, **fields: Any) -> str:
        """The id of a credential just stored."""
        values = Struct()
        values.update(fields)
        hosts = [] if kind == "webhook_secret" else ["webhook.invalid"]
        request = integration_pb2.CreateIntegrationRequest(name=kind, type=kind, fields=values, hosts=hosts)
        response = await IntegrationServiceStub(self.channel).CreateIntegration(request)
        return str(response.integration.id)

    async def runs(self, workflow_id: str) -> list[Any]:
        """The runs of a workflow, the latest first."""
        request = execution_pb2.ListExecutionsRequest(workflow_id=workflow_id, page_size=1000)
        return list((await self.stub.ListExecutions(request)).executions)

    async def ended(self, execution_id: str) -> Any:
        """A run, once it has ended."""
        async for _ in self.stub.WatchExecution(execution_pb2.WatchExecutionRequest(execution_id=execution_id)):
            pass
        request = execution_pb2.GetExecutionRequest(execution_id=execution_id)
        return (await self.stub.GetExecution(request)).execution

    async def output(self, execution_id: str) -> dict[str, list[Any]]:
        """What a run resulted in."""
        execution = await self.ended(execution_id)
        assert execution_pb2.ExecutionStatus.Name(execution.status) == "COMPLETED", execution
        found: dict[str, list[Any]] = exact_json.loads(execution.output_json)
        return found

    async def node_outputs(self, execution_id: str, node: str) -> list[Any]:
        """The items that a node emitted, files and all."""
        request = execution_pb2.GetExecutionHistoryRequest(execution_id=execution_id, node=node)
        history = await self.stub.GetExecutionHistory(request)
        items: list[Any] = exact_json.loads(history.node_runs[0].outputs[0].items_json)
        return items

    async def waits(self, execution_id: str) -> None:
        """Returns once a node of the run waits."""
        request = execution_pb2.WatchExecutionRequest(execution_id=execution_id)
        watching = self.stub.WatchExecution(request)
        async for response in watching:
            if response.event.type == execution_pb2.NODE_WAITS:
                watching.cancel()
                return
        raise AssertionError("the run has ended")

    async def count(self, statement: str) -> int:
        """A number that the database has."""
        assert self.parts
        async with self.parts.database.single() as connection:
            return int((await connection.exec_driver_sql(statement)).scalar_one())


def gateway_on(url: str, client: "Client", files: str, *, local: bool = True) -> Gateway:
    """What isn't started yet."""
    settings = Settings(
        database_url=url,
        grpc_host="127.0.0.1",
        grpc_port=0,
        http_host="127.0.0.1",
        http_port=0,
        secret_key=SECRET_KEY,
        orchestrator_egress_allow="127.0.0.1",
        orchestrator_files_url=files,
        orchestrator_shutdown_seconds=2,
        orchestrator_drain_seconds=0,
        orchestrator_task_queue=new_id(),
    )
    return Gateway(settings, client, local)


@pytest.fixture(scope="module")
async def gateway(
    module_postgres_url: str, temporal_client: "Client", tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """One that the tests of a module share; it may be restarted, not left down."""
    made = gateway_on(module_postgres_url, temporal_client, str(tmp_path_factory.mktemp("files")))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def rig(postgres_url: str, temporal_client: "Client", tmp_path: Path) -> AsyncIterator[Rig]:
    """A database and a worker of the test's own, for triggers that time drives."""
    async with running_rig(postgres_url, temporal_client, tmp_path) as started:
        yield started

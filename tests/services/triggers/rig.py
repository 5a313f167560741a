"""Triggers that are turned on, on real servers, with a worker that can be stopped and started again."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from sqlalchemy import select
from temporalio.client import Client
from workflow_engine.v1 import activation_pb2, integration_pb2
from workflow_engine.v1 import workflow_service_pb2 as pb
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from activities.triggers.polling import Poller
from services import wiring
from services.store.ids import new_id
from services.store.triggers.tables import BindingRow
from services.usecases.firing import Firing
from temporal.schedules import Schedules
from tests.services.conftest import api_settings

PATIENCE = 60


async def until(what: Callable[[], Awaitable[Any]], *, patience: float = PATIENCE) -> Any:
    """What comes out once it is true; fails if that takes too long."""
    async with asyncio.timeout(patience):
        while not (found := await what()):  # noqa: ASYNC110 - another process's clock makes it true
            await asyncio.sleep(0.1)
    return found


@dataclass(frozen=True)
class Run:
    """A run as recorded."""

    id: str
    mode: str
    status: str
    trigger: str
    version: int
    started: datetime
    item: dict[str, Any]


@dataclass
class Rig:
    """The API, a worker, and what turns triggers on."""

    parts: wiring.Parts
    client: Client
    stub: Any
    timers: Schedules
    firing: Firing
    poller: Poller
    channel: Any
    worker: wiring.WorkerRole | None = None
    active: set[str] = field(default_factory=set)

    async def start_worker(self) -> None:
        """Starts a worker."""
        self.worker = wiring.build_worker(self.parts.settings, self.client, parts=self.parts)
        await self.worker.start()

    async def stop_worker(self) -> None:
        """Stops the worker; what it was at goes on in the next one."""
        if self.worker:
            await self.worker.stop()
        self.worker = None

    async def create(self, definition: dict[str, Any]) -> str:
        """Stores a workflow; its id."""
        request = json_format.ParseDict(definition, pb.CreateWorkflowRequest())
        response = await self.stub.CreateWorkflow(request)
        assert not [one for one in response.problems if one.severity == 1], response.problems
        return str(response.workflow.id)

    async def credential(self, kind: str, fields: dict[str, Any]) -> str:
        """The id of a new integration that may be used on this machine."""
        request = integration_pb2.CreateIntegrationRequest(
            user_id="default", name="mine", type=kind, hosts=["127.0.0.1"]
        )
        request.fields.update(fields)
        response = await IntegrationServiceStub(self.channel).CreateIntegration(request)
        return str(response.integration.id)

    async def update(self, workflow_id: str, definition: dict[str, Any]) -> None:
        """Stores the next version."""
        request = pb.UpdateWorkflowRequest(workflow_id=workflow_id)
        json_format.ParseDict(definition, request.workflow)
        await self.stub.UpdateWorkflow(request)

    async def turn_on(self, workflow_id: str) -> str:
        """Activates the latest version; the id of its one binding."""
        await self.stub.ActivateWorkflow(activation_pb2.ActivateWorkflowRequest(workflow_id=workflow_id))
        async with self.parts.database.reading() as session:
            binding_id: str = (
                await session.scalars(select(BindingRow.id).where(BindingRow.workflow_id == workflow_id))
            ).one()
        self.active.add(workflow_id)
        return binding_id

    async def turn_off(self, workflow_id: str) -> None:
        """Deactivates it."""
        await self.stub.DeactivateWorkflow(activation_pb2.DeactivateWorkflowRequest(workflow_id=workflow_id))
        self.active.discard(workflow_id)

    async def shown(self, workflow_id: str) -> activation_pb2.ActiveTrigger:
        """What GetActivation says of the one trigger."""
        request = activation_pb2.GetActivationRequest(workflow_id=workflow_id)
        response = await self.stub.GetActivation(request)
        (found,) = response.activation.triggers
        return found

    async def runs(self, workflow_id: str) -> list[Run]:
        """The runs, the oldest first."""
        query = (
            "SELECT id, mode, status, trigger, version, started_at, start FROM workflow_executions"
            " WHERE workflow_id = %s ORDER BY started_at"
        )
        async with self.parts.database.driver() as connection:
            rows = await (await connection.execute(query, (workflow_id,))).fetchall()
        return [Run(*row[:6], _first(json.loads(row[6]))) for row in rows]

    async def binding(self, binding_id: str) -> BindingRow:
        """The binding's row."""
        async with self.parts.database.reading() as session:
            row = await session.get(BindingRow, binding_id)
        assert row is not None
        return row


def _first(start: dict[str, Any]) -> dict[str, Any]:
    parts = start["input"]["parts"]
    text = parts[0]["text"] if parts and parts[0].get("text") else None
    return dict(json.loads(text)[0]) if text else {}


@asynccontextmanager
async def rig(postgres_url: str, client: Client, files: Path) -> AsyncIterator[Rig]:
    """A rig with a running worker."""
    settings = api_settings(postgres_url, orchestrator_task_queue=new_id(), orchestrator_files_url=str(files))
    parts = wiring.build_parts(settings)
    server = wiring.build_server(settings, client, parts=parts, role=wiring.ServerRole(local=True))
    await server.start()
    async with grpc.aio.insecure_channel(server.address) as channel:
        firing = Firing(server._backend)
        timers = wiring.build_timers(parts, client, firing)
        poller = wiring.build_poller(parts, firing)
        made = Rig(parts, client, WorkflowServiceStub(channel), timers, firing, poller, channel)
        await made.start_worker()
        try:
            yield made
        finally:
            for workflow_id in list(made.active):
                await made.turn_off(workflow_id)
            await made.stop_worker()
            await server.stop()
            await parts.close()

"""The whole installation, chat services that it writes to, and what these send back, signed as they sign."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import grpc.aio
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.json_format import ParseDict
from temporalio.client import Client
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import human_task_pb2 as tasks
from workflow_engine.v1 import integration_pb2 as integrations
from workflow_engine.v1 import workflow_service_pb2 as pb
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceStub
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from services import wiring
from services.store.ids import new_id
from tests.graphs import node, sets, trigger, workflow
from tests.people.vendor import ChatService
from tests.services.conftest import api_settings

Json = dict[str, Any]
SIGNING_SECRET = "slack-signing-secret-of-the-tests"
TELEGRAM_SECRET = "telegram-secret-token-of-the-tests"
DISCORD_KEY = Ed25519PrivateKey.from_private_bytes(b"d" * 32)
PORTS = ("approved", "rejected", "timeout")


@dataclass
class Installation:
    """A server with its gateway, and a worker."""

    stub: Any
    people: Any
    integrations: Any
    client: Client
    parts: wiring.Parts
    server: wiring.Server
    http: httpx.AsyncClient
    chat: ChatService
    credentials: dict[str, str] = field(default_factory=dict)

    async def credential(self, kind: str, fields: Json) -> str:
        """The id of a credential; the same again for the same."""
        name = f"{kind} {json.dumps(fields, sort_keys=True)}"
        if name not in self.credentials:
            request = integrations.CreateIntegrationRequest(name=kind, type=kind, hosts=["127.0.0.1"])
            ParseDict(fields, request.fields)
            self.credentials[name] = str((await self.integrations.CreateIntegration(request)).integration.id)
        return self.credentials[name]

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

    async def task(self, run: str, status: Any = tasks.TASK_OPEN) -> tasks.HumanTask:
        """The run's only task, once it has a status and (if it is open) was delivered."""
        async with asyncio.timeout(60):
            while True:
                listed = await self.people.ListHumanTasks(tasks.ListHumanTasksRequest(execution_id=run))
                for task in listed.tasks:
                    found = await self.show(task.task_id)
                    kinds = [event.kind for event in found.events]
                    if found.status == status and (status != tasks.TASK_OPEN or "delivered" in kinds):
                        return found
                await asyncio.sleep(0.05)

    async def show(self, task_id: str) -> tasks.HumanTask:
        """A task with what happened."""
        found: tasks.HumanTask = (await self.people.GetHumanTask(tasks.GetHumanTaskRequest(task_id=task_id))).task
        return found

    async def end(self, run: str) -> Json:
        """The result of a run, by node."""
        watch = ex.WatchExecutionRequest(execution_id=run, types=[ex.EXECUTION_FINISHED])
        async for _ in self.stub.WatchExecution(watch, timeout=60):
            pass
        found = (await self.stub.GetExecution(ex.GetExecutionRequest(execution_id=run))).execution
        assert found.status == ex.COMPLETED, found
        result: Json = json.loads(found.output_json or "{}")
        return result

    async def human(self, run: str, port: str = "Approved") -> Json:
        """What the only item of the only port says of its task."""
        result = await self.end(run)
        assert list(result) == [port], result
        (item,) = result[port]
        found: Json = item["human"]
        return found


def asking(subtype: str, credential: str = "", **parameters: Any) -> Json:
    """Start -> Ask, with a node at each port."""
    credentials = {"credentials": {"auth": credential}} if credential else {}
    given = {"title": "Large order", "message": "Ship {{ $json.id }}?", **parameters}
    ask = node("Ask", "HUMAN_IN_THE_LOOP_NODE", subtype, given, **credentials)
    nodes = [trigger(), ask, *(sets(port.capitalize(), port=port) for port in PORTS)]
    return workflow("asking", nodes, "Start -> Ask", *(f"Ask.{port} -> {port.capitalize()}" for port in PORTS))


@pytest.fixture(scope="module")
def chat() -> Iterator[ChatService]:
    service = ChatService()
    service.start()
    yield service
    service.shutdown()


@pytest.fixture(scope="module")
async def installation(
    module_postgres_url: str, temporal_client: Client, chat: ChatService
) -> AsyncIterator[Installation]:
    settings = api_settings(module_postgres_url, orchestrator_task_queue=f"people-{new_id()}")
    parts = wiring.build_parts(settings)
    server = wiring.build_server(settings, temporal_client, parts=parts, eager=True, role=wiring.ServerRole(local=True))
    worker = wiring.build_worker(settings, temporal_client, parts=parts)
    await worker.start()
    await server.start()
    assert server.http
    async with (
        grpc.aio.insecure_channel(server.address) as channel,
        httpx.AsyncClient(base_url=server.http.url, timeout=60) as http,
    ):
        yield Installation(
            WorkflowServiceStub(channel),
            HumanTaskServiceStub(channel),
            IntegrationServiceStub(channel),
            temporal_client,
            parts,
            server,
            http,
            chat,
        )
    await server.stop()
    await worker.stop()
    await parts.close()


def slack_signed(payload: Json, *, secret: str = SIGNING_SECRET, at: float | None = None) -> Json:
    """The headers and the body of what Slack sends."""
    body = urlencode({"payload": json.dumps(payload)}).encode()
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={digest}",
    }
    return {"headers": headers, "content": body}


def discord_signed(interaction: Json, *, key: Ed25519PrivateKey = DISCORD_KEY, at: float | None = None) -> Json:
    """The headers and the body of what Discord sends."""
    body = json.dumps(interaction).encode()
    stamp = str(int(time.time() if at is None else at))
    signature = key.sign(stamp.encode() + body).hex()
    return {"headers": {"x-signature-ed25519": signature, "x-signature-timestamp": stamp}, "content": body}


def telegram_sent(update: Json, *, secret: str = TELEGRAM_SECRET) -> Json:
    """The headers and the body of what Telegram sends."""
    return {"headers": {"x-telegram-bot-api-secret-token": secret}, "content": json.dumps(update).encode()}

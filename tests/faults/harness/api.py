"""The API of all servers, as clients have it: by gRPC and over REST."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import grpc.aio
import httpx
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceStub
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from services.cli.signing import signing
from tests.faults.harness.proxy import Proxy
from tests.faults.harness.rest import Rest

_CHANNEL = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


class Api:
    """Stubs of each server; streams are gRPC's alone, and a gateway has more than the API."""

    def __init__(self) -> None:
        self.workflows: list[WorkflowServiceStub] = []
        self.tasks: list[HumanTaskServiceStub] = []
        self.integrations: list[IntegrationServiceStub] = []
        self.streams: list[WorkflowServiceStub] = []
        self.gateways: list[httpx.AsyncClient] = []
        self._open = AsyncExitStack()

    async def connect(self, doors: Sequence[tuple[Proxy, Proxy]], api_key: str) -> None:
        """Calls the servers behind these ports for gRPC and HTTP."""
        authorization = f"Bearer {api_key}"
        signed = signing([("authorization", authorization)])
        for client, web in doors:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{client.port}", options=_CHANNEL, interceptors=signed)
            gateway = httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{web.port}", headers={"Authorization": authorization}
            )
            await self._open.enter_async_context(channel)
            await self._open.enter_async_context(gateway)
            self.gateways.append(gateway)
            self.streams.append(WorkflowServiceStub(channel))
            self.workflows += [WorkflowServiceStub(channel), _over_rest(gateway, "WorkflowService")]
            self.tasks += [HumanTaskServiceStub(channel), _over_rest(gateway, "HumanTaskService")]
            self.integrations += [IntegrationServiceStub(channel), _over_rest(gateway, "IntegrationService")]

    async def close(self) -> None:
        """Calls no more."""
        await self._open.aclose()


def _over_rest(gateway: httpx.AsyncClient, service: str) -> Any:
    return Rest(gateway, f"workflow_engine.v1.{service}")

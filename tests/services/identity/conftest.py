"""A server that asks everybody to sign in, with a worker, and people who can."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from workflow_engine.v1 import auth_pb2 as wire
from workflow_engine.v1.auth_pb2_grpc import AuthServiceStub
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceStub
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from services.identity.caller import Role
from services.identity.passwords import Passwords
from services.store.identity import members, users
from services.store.ids import new_id
from tests.services.conftest import api_settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from services.wiring import Parts, Server

PASSWORD = "correct horse battery"
Code = grpc.StatusCode
Metadata = Sequence[tuple[str, str]]


@dataclass
class Person:
    """Somebody who has signed in; calls carry `metadata`."""

    id: str
    email: str
    tokens: wire.Tokens

    @property
    def metadata(self) -> Metadata:
        """What the calls carry."""
        return (("authorization", f"Bearer {self.tokens.access_token}"),)


@dataclass
class Guarded:
    """The API that asks to sign in."""

    channel: grpc.aio.Channel
    server: "Server"
    parts: "Parts"
    url: str
    stubs: dict[str, Any] = field(default_factory=dict)

    @property
    def auth(self) -> Any:
        """The service that lets in."""
        return self.stubs["AuthService"]

    @property
    def workflows(self) -> Any:
        """What it is about."""
        return self.stubs["WorkflowService"]

    async def make(self, workspace: str = "", role: Role | None = Role.OWNER) -> tuple[str, str]:
        """A user's id and address; they are a member of a workspace with that role."""
        email = f"{new_id()}@example.org"
        kept = await _hashed(PASSWORD)
        async with self.parts.database.transaction() as session:
            user = await users.create(session, email, "Somebody", kept)
            if workspace and role:
                if await members.find_workspace(session, workspace) is None:
                    await members.make_workspace(session, workspace, workspace)
                await members.add(session, workspace, user.id, role)
        return user.id, email

    async def person(self, workspace: str = "", role: Role | None = Role.OWNER) -> Person:
        """A new user who has signed in."""
        user_id, email = await self.make(workspace, role)
        return Person(user_id, email, await self.sign_in(email))

    async def sign_in(self, email: str, password: str = PASSWORD) -> wire.Tokens:
        """Tokens for a password."""
        return (await self.auth.SignIn(wire.SignInRequest(email=email, password=password))).tokens


_HASHES: dict[str, str] = {}


async def _hashed(password: str) -> str:
    if password not in _HASHES:
        _HASHES[password] = await Passwords().hash(password)
    return _HASHES[password]


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    """The status and the reason of a refusal."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), reason_of(caught.value)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason that an error's details tell."""
    status, info = Status(), ErrorInfo()
    status.ParseFromString(dict(error.trailing_metadata() or ())["grpc-status-details-bin"])
    return next((info.reason for detail in status.details if detail.Unpack(info)), "")


def wait_of(error: grpc.aio.AioRpcError) -> float:
    """How long an error says to wait, in seconds."""
    status, info = Status(), RetryInfo()
    status.ParseFromString(dict(error.trailing_metadata() or ())["grpc-status-details-bin"])
    return next((info.retry_delay.ToTimedelta().total_seconds() for each in status.details if each.Unpack(info)), 0.0)


@pytest.fixture(scope="module")
async def guarded(module_postgres_url: str, temporal_client: "Client") -> AsyncIterator[Guarded]:
    """The API with a worker, for the tests of a module."""
    from services import wiring

    settings = api_settings(module_postgres_url, orchestrator_task_queue=new_id())
    parts = wiring.build_parts(settings)
    server = wiring.build_server(settings, temporal_client, parts=parts, eager=True)
    # People share one address here.
    server.identity.signing_in._by_address._count = 10_000
    worker = wiring.build_worker(settings, temporal_client, parts=parts)
    await worker.start()
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            yield Guarded(
                channel,
                server,
                parts,
                module_postgres_url,
                {
                    "AuthService": AuthServiceStub(channel),
                    "WorkflowService": WorkflowServiceStub(channel),
                    "IntegrationService": IntegrationServiceStub(channel),
                    "HumanTaskService": HumanTaskServiceStub(channel),
                },
            )
    finally:
        await server.stop()
        await worker.stop()
        await parts.close()

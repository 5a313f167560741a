"""The gateway over real HTTP: on the real API, and on a channel whose AuthService the tests control."""

import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import pytest
from workflow_engine.v1 import auth_pb2
from workflow_engine.v1.auth_pb2_grpc import AuthServiceServicer, add_AuthServiceServicer_to_server

from services.gateway.app import make_app
from services.gateway.contract import KNOWN
from services.gateway.server import HttpServer
from services.gateway.site import Site
from services.store.keyring import read_keys
from tests.services.conftest import SECRET_KEY

if TYPE_CHECKING:
    from tests.services.conftest import Api

# For sites whose endpoints don't get as far as the store or Temporal.
UNUSED: Any = None


@dataclass
class Gateway:
    """A server, a client of it, and its API."""

    client: httpx.AsyncClient
    url: str
    site: Site


async def served(site: Site) -> AsyncIterator[Gateway]:
    server = HttpServer(host="127.0.0.1", port=0)
    await server.start(make_app(site))
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            yield Gateway(client, server.url, site)
    finally:
        await server.stop(1)


@pytest.fixture(scope="module")
async def gateway(api: "Api") -> AsyncIterator[Gateway]:
    """The gateway of a running server with a worker."""
    assert api.server.http
    async with httpx.AsyncClient(base_url=api.server.http.url, timeout=60) as client:
        yield Gateway(client, api.server.http.url, None)  # type: ignore[arg-type]


def access_token(session_id: str, seconds: float) -> str:
    """Shaped like a JWT; only the servicer below believes it."""
    claims = json.dumps({"sid": session_id, "exp": time.time() + seconds}).encode()
    return "e30." + base64.urlsafe_b64encode(claims).decode().rstrip("=") + ".x"


@dataclass
class People(AuthServiceServicer):
    """An AuthService with one user; it remembers what calls carried."""

    seconds: float = 1800
    sessions: dict[str, str] = field(default_factory=dict)
    metadata: list[dict[str, Any]] = field(default_factory=list)
    refreshed: int = 0

    def _tokens(self, session_id: str) -> auth_pb2.Tokens:
        access, refresh = access_token(session_id, self.seconds), f"refresh-{session_id}-{self.refreshed}"
        self.sessions[access] = session_id
        self.sessions[refresh] = session_id
        tokens = auth_pb2.Tokens(access_token=access, refresh_token=refresh)
        tokens.refresh_expires_at.FromDatetime(datetime.now(UTC) + timedelta(days=1))
        return tokens

    async def _session(self, context: Any) -> str:
        given = dict(context.invocation_metadata())
        self.metadata.append(given)
        token = given.get("authorization", "").removeprefix("Bearer ")
        if token not in self.sessions:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "sign in first")
        return self.sessions[token]

    async def SignIn(self, request: auth_pb2.SignInRequest, context: Any) -> auth_pb2.SignInResponse:
        self.metadata.append(dict(context.invocation_metadata()))
        if request.password != "right":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the e-mail address or the password is wrong")
        return auth_pb2.SignInResponse(tokens=self._tokens("s1"), user=auth_pb2.User(id="u1", email=request.email))

    async def RefreshToken(self, request: auth_pb2.RefreshTokenRequest, context: Any) -> auth_pb2.RefreshTokenResponse:
        session_id = self.sessions.pop(request.refresh_token, "")
        if not session_id:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "it was used before")
        self.refreshed += 1
        self.seconds = 1800
        return auth_pb2.RefreshTokenResponse(tokens=self._tokens(session_id))

    async def SignOut(self, request: auth_pb2.SignOutRequest, context: Any) -> auth_pb2.SignOutResponse:
        ended = await self._session(context)
        self.sessions = {token: session for token, session in self.sessions.items() if session != ended}
        return auth_pb2.SignOutResponse()

    async def WhoAmI(self, request: auth_pb2.WhoAmIRequest, context: Any) -> auth_pb2.WhoAmIResponse:
        await self._session(context)
        return auth_pb2.WhoAmIResponse(user=auth_pb2.User(id="u1"))

    async def CreateWorkspace(self, request: auth_pb2.CreateWorkspaceRequest, context: Any) -> Any:
        await self._session(context)
        return auth_pb2.CreateWorkspaceResponse(workspace=auth_pb2.Workspace(id="w", name=request.name))


@pytest.fixture
def people() -> People:
    """The AuthService that `signing` asks."""
    return People()


@pytest.fixture
async def auth_channel(people: People) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server that has it."""
    server = grpc.aio.server()
    add_AuthServiceServicer_to_server(people, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)


@pytest.fixture
async def signing(auth_channel: grpc.aio.Channel) -> AsyncIterator[Gateway]:
    """A gateway that lets people sign in."""
    ring = read_keys(SECRET_KEY)
    site = Site(UNUSED, auth_channel, "http://127.0.0.1", ring, services=KNOWN)
    async for gateway in served(site):
        yield gateway

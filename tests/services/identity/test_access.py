"""Local servers, the gateway's word, and what is remembered."""

import asyncio
from typing import Any

import httpx
import pytest
from workflow_engine.v1 import auth_pb2 as wire
from workflow_engine.v1 import workflow_service_pb2 as ws

from services import wiring
from services.identity.authenticator import address_of
from services.identity.cache import Cache
from services.identity.caller import LOCAL, Caller, Role, current_caller, set_caller
from services.identity.scope import acting, home, scope
from services.store.identity.principals import Principal
from services.store.ids import new_id
from temporal.server_process import ServerError
from tests.services.conftest import Api, api_settings
from tests.services.identity.conftest import Guarded


async def test_only_the_gateway_is_believed_about_addresses(guarded: Guarded) -> None:
    owner = await guarded.person(new_id())
    claimed = (("x-client-address", "203.0.113.7"), ("x-via", "web"))
    token = guarded.server.identity.gateway_token
    for name, extra in (
        ("a", claimed),
        ("b", (*claimed, ("x-gateway", "guess"))),
        ("c", (*claimed, ("x-gateway", token))),
    ):
        await guarded.workflows.CreateWorkflow(ws.CreateWorkflowRequest(name=name), metadata=(*owner.metadata, *extra))
    request = wire.ListAuditEventsRequest(action="workflow.create")
    found = (await guarded.auth.ListAuditEvents(request, metadata=owner.metadata)).events
    assert [(event.address, event.via) for event in found] == [
        ("203.0.113.7", "web"),
        ("127.0.0.1", "grpc"),
        ("127.0.0.1", "grpc"),
    ]


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:5000", "127.0.0.1"),
        ("ipv6:%5B::1%5D:5000", "::1"),
        ("ipv6:[2001:db8::1]:443", "2001:db8::1"),
        ("unix:/run/x", ""),
        ("", ""),
    ],
)
def test_addresses_of_peers(peer: str, address: str) -> None:
    assert address_of(peer) == address


async def test_a_local_server_lets_everybody_in(api: Api) -> None:
    from workflow_engine.v1.auth_pb2_grpc import AuthServiceStub

    auth = AuthServiceStub(api.channel)
    answer = await auth.WhoAmI(wire.WhoAmIRequest())
    assert (answer.local, answer.user.id) == (True, "")
    assert "/workflow_engine.v1.WorkflowService/CreateWorkflow" in answer.methods
    made = (await api.stub.CreateWorkflow(ws.CreateWorkflowRequest(name="w", user_id="user-123"))).workflow
    get = ws.GetWorkflowRequest(workflow_id=made.id)
    assert (await api.stub.GetWorkflow(get)).workflow.id == made.id
    assert (await api.stub.GetWorkflow(get, metadata=(("x-workspace", "user-123"),))).workflow.id == made.id
    request = wire.ListAuditEventsRequest(object_id=made.id)
    (event,) = (await auth.ListAuditEvents(request, metadata=(("x-workspace", "user-123"),))).events
    assert (event.actor, event.action) == ("user-123", "workflow.create")


@pytest.mark.parametrize(
    ("changes", "local", "told"),
    [
        ({"secret_key": None}, False, "SECRET_KEY isn't set"),
        ({"grpc_host": "0.0.0.0"}, True, "GRPC_HOST"),
        ({"http_host": "::"}, True, "HTTP_HOST"),
        ({"grpc_host": "example.org"}, True, "GRPC_HOST"),
    ],
)
async def test_servers_that_may_not_be(
    changes: dict[str, Any], local: bool, told: str, postgres_url: str, temporal_client: Any
) -> None:
    settings = api_settings(postgres_url, **changes)
    with pytest.raises(ServerError, match=told):
        wiring.build_server(settings, temporal_client, role=wiring.ServerRole(local=local))


@pytest.mark.parametrize(
    ("caller", "user_id", "expected"),
    [
        (LOCAL, "", (None, "default", "")),
        (LOCAL, "ada", (None, "ada", "ada")),
        (Caller("", "team", Role.OWNER, local=True), "ada", ("team", "team", "ada")),
        (Caller("u", "team", Role.VIEWER), "", ("team", "team", "u")),
        (Caller("u", "team", Role.VIEWER), "u", ("team", "team", "u")),
        (Caller("u", "", Role.VIEWER), "", ("", "", "u")),
    ],
)
def test_where_a_call_works(caller: Caller, user_id: str, expected: tuple[Any, ...]) -> None:
    before = current_caller()
    set_caller(caller)
    try:
        assert (scope(), home(user_id), acting(user_id)) == expected
    finally:
        set_caller(before)


ADA = Principal("ada", "", "", (), None, session_id="s")


async def test_who_was_let_in_is_remembered_for_a_while() -> None:
    now, asked = 0.0, 0
    cache = Cache(5, lambda: now)

    async def find() -> Principal | None:
        nonlocal asked
        asked += 1
        return ADA

    for _ in range(3):
        assert await cache.get("k", find) is ADA
    assert asked == 1
    now = 5.1
    await cache.get("k", find)
    assert asked == 2
    for name in ("ada", "s", ""):
        cache.forget("somebody else")
        await cache.get("k", find)
        before = asked
        cache.forget(name)
        await cache.get("k", find)
        assert asked == before + 1


async def test_what_changes_while_it_is_read_is_not_remembered() -> None:
    cache, asked, begun, go = Cache(), 0, asyncio.Event(), asyncio.Event()

    async def find() -> Principal | None:
        nonlocal asked
        asked += 1
        begun.set()
        await go.wait()
        return ADA

    reading = asyncio.create_task(cache.get("k", find))
    await begun.wait()
    cache.forget("ada")
    go.set()
    assert await reading is ADA
    await cache.get("k", find)
    assert asked == 2


async def test_the_gateways_calls_pass_the_same_door(guarded: Guarded) -> None:
    owner = await guarded.person(new_id())
    assert guarded.server.http is not None
    service = f"{guarded.server.http.url}/workflow_engine.v1.WorkflowService"
    async with httpx.AsyncClient(timeout=60) as http:
        unsigned = await http.post(f"{service}/ListWorkflows", json={})
        assert (unsigned.status_code, unsigned.json()["code"]) == (401, "unauthenticated")
        headers = {"authorization": f"Bearer {owner.tokens.access_token}"}
        made = await http.post(f"{service}/CreateWorkflow", json={"name": "w"}, headers=headers)
        assert made.status_code == 200, made.text
    request = wire.ListAuditEventsRequest(action="workflow.create")
    (event,) = (await guarded.auth.ListAuditEvents(request, metadata=owner.metadata)).events
    assert (event.actor, event.address, event.via) == (owner.id, "127.0.0.1", "rest")

"""The codec endpoint: what the real `temporal` command sees with it, and who is refused."""

import asyncio
import base64
import os
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import grpc
import httpx
import pytest
from starlette.applications import Starlette
from temporalio.api.common.v1 import Payload
from workflow_engine.v1 import auth_pb2
from workflow_engine.v1.auth_pb2_grpc import AuthServiceServicer, add_AuthServiceServicer_to_server

from services.gateway import codec
from services.gateway.server import HttpServer
from services.gateway.site import Site
from temporal.client import connect
from temporal.codec import SealingCodec
from temporal.dev_server import DevServer, find_binary
from tests.graphs import sets, trigger, workflow
from tests.temporal.harness import engine

UI = "https://temporal.example.org"
LONG = 120


@dataclass(frozen=True)
class Ring:
    """A key ring."""

    current: str
    keys: dict[str, bytes]


RING = Ring("k1", {"k1": os.urandom(32)})


class SignedIn(AuthServiceServicer):
    """Knows a token for each role, called after it, in the workspace `ops`; with `@`, in another one."""

    async def WhoAmI(self, request: Any, context: Any) -> auth_pb2.WhoAmIResponse:
        metadata = dict(context.invocation_metadata())
        role, _, workspace = metadata.get("authorization", "").removeprefix("Bearer ").partition("@")
        if role not in list(auth_pb2.Role.keys()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who?")
        if workspace:
            # Whoever is signed in is told who they are, of the workspace that they asked for or not.
            return auth_pb2.WhoAmIResponse()
        found = auth_pb2.Workspace(id=metadata.get("x-workspace", "ops"), role=auth_pb2.Role.Value(role))
        return auth_pb2.WhoAmIResponse(workspace=found if found.id == "ops" else None)


@asynccontextmanager
async def gateway(*, local: bool = False, workspace: str = "ops") -> AsyncIterator[str]:
    api = grpc.aio.server()
    add_AuthServiceServicer_to_server(SignedIn(), api)
    port = api.add_insecure_port("127.0.0.1:0")
    await api.start()
    server = HttpServer(host="127.0.0.1", port=0)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        site = Site(
            cast(Any, None),
            channel,
            server.url,
            None,
            local=local,
            codec=SealingCodec(RING, "default"),
            temporal_ui_origin=UI,
            temporal_ui_workspace=workspace,
        )
        await server.start(Starlette(routes=codec.routes(site)))
        try:
            yield server.url
        finally:
            await server.stop(1)
            await api.stop(0)


def as_json(*payloads: Payload) -> dict[str, Any]:
    def text(value: bytes) -> str:
        return base64.b64encode(value).decode()

    return {
        "payloads": [
            {"metadata": {name: text(value) for name, value in payload.metadata.items()}, "data": text(payload.data)}
            for payload in payloads
        ]
    }


PLAIN = as_json(Payload(metadata={"encoding": b"json/plain"}, data=b'"canary"'))


def headers(role: str = "OPERATOR", **changes: str) -> dict[str, str]:
    named = {"authorization": f"Bearer {role}", "x-namespace": "default"}
    return named | {name.replace("_", "-"): value for name, value in changes.items()}


async def test_encoded_and_decoded() -> None:
    async with gateway() as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
        sealed = await http.post("/codec/encode", json=PLAIN, headers=headers(origin=UI))
        assert sealed.status_code == 200
        assert sealed.headers["access-control-allow-origin"] == UI
        metadata = sealed.json()["payloads"][0]["metadata"]
        assert base64.b64decode(metadata["encoding"]) == b"binary/encrypted"
        for role in ("OPERATOR", "EDITOR", "OWNER"):
            opened = await http.post("/codec/decode", json=sealed.json(), headers=headers(role))
            assert opened.json() == PLAIN


@pytest.mark.parametrize(
    ("given", "body", "status"),
    [
        (headers("APPROVER"), PLAIN, 403),
        (headers("VIEWER"), PLAIN, 403),
        (headers("ROLE_UNSPECIFIED"), PLAIN, 403),
        (headers("nobody"), PLAIN, 401),
        (headers("OWNER@another"), PLAIN, 403),
        (headers("OWNER@another", x_workspace="ops"), PLAIN, 403),
        ({"x-namespace": "default"}, PLAIN, 401),
        (headers(x_namespace="other"), PLAIN, 403),
        ({"authorization": "Bearer OPERATOR"}, PLAIN, 403),
        (headers(origin="https://evil.example"), PLAIN, 403),
        (headers(), [1], 400),
        (headers(), {"payloads": [{"data": 5}]}, 400),
        (headers(), {"others": 1}, 400),
        (headers(), {"payloads": [{"data": "A" * (9 << 20)}]}, 413),
    ],
)
async def test_refused(given: dict[str, str], body: Any, status: int) -> None:
    async with gateway() as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
        for path in ("/codec/encode", "/codec/decode"):
            answer = await http.post(path, json=body, headers=given)
            assert answer.status_code == status, answer.text
            assert answer.json()["message"]
            assert "canary" not in answer.text


async def test_nobody_opens_any_unless_the_operator_says_whose_operators_may() -> None:
    async with gateway(workspace="") as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
        answer = await http.post("/codec/decode", json=PLAIN, headers=headers("OWNER"))
    assert answer.status_code == 403
    assert "ORCHESTRATOR_TEMPORAL_UI_WORKSPACE" in answer.json()["message"]


async def test_a_key_that_is_missing_is_named() -> None:
    other = SealingCodec(Ring("k9", {"k9": os.urandom(32)}), "default")
    (sealed,) = await other.encode([Payload(data=b"x")])
    async with gateway() as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
        answer = await http.post("/codec/decode", json=as_json(sealed), headers=headers())
    assert answer.status_code == 400
    assert "'k9'" in answer.json()["message"]


@pytest.mark.parametrize(("origin", "allowed"), [(UI, UI), ("https://evil.example", None)])
async def test_browsers_ask_first(origin: str, allowed: str | None) -> None:
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-namespace",
    }
    async with gateway() as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
        answer = await http.options("/codec/decode", headers=asked)
    assert answer.headers.get("access-control-allow-origin") == allowed
    assert answer.status_code == (200 if allowed else 400)


async def test_a_local_server_asks_nobody_of_its_own_machine() -> None:
    async with gateway(local=True) as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
        assert (await http.post("/codec/encode", json=PLAIN, headers={"x-namespace": "default"})).status_code == 200
        rebound = {"x-namespace": "default", "host": "evil.example"}
        assert (await http.post("/codec/encode", json=PLAIN, headers=rebound)).status_code == 403


async def test_there_is_none_without_keys() -> None:
    assert codec.routes(Site(cast(Any, None), cast(Any, None), "", None)) == []


async def show(server: DevServer, execution_id: str, *options: str) -> tuple[int | None, str]:
    """What the real command prints of a history."""
    command = [find_binary() or "temporal", "workflow", "show", "--workflow-id", execution_id, "--output", "json"]
    command += ["--address", server.address, "--disable-config-file", "--disable-config-env", *options]
    done = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(LONG):
        printed, _ = await done.communicate()
    text = printed.decode()
    # Payloads are printed in base64.
    return done.returncode, text + "".join(
        base64.b64decode(data).decode("latin-1") for data in re.findall(r'"data": "([A-Za-z0-9+/=]+)"', text)
    )


async def test_the_temporal_command_shows_what_runs_hold(temporal_server: DevServer) -> None:
    client = await connect(keys=RING, target_host=temporal_server.address)
    async with engine(client, f"codec-{uuid.uuid4()}") as running, gateway() as url:
        definition = workflow("shown", [trigger(), sets("A", word="{{ $json.word }}")], "Start -> A")
        handle = await running.start(definition, {"word": "canary-5"})
        await running.result(handle)
        assert "canary-5" not in (await show(temporal_server, handle.id))[1]
        endpoint = ("--codec-endpoint", f"{url}/codec", "--codec-auth")
        code, printed = await show(temporal_server, handle.id, *endpoint, "Bearer OPERATOR")
        assert code == 0, printed
        assert "canary-5" in printed
        assert "canary-5" not in (await show(temporal_server, handle.id, *endpoint, "Bearer VIEWER"))[1]

"""Servers on the network: the SDK's own by streamable HTTP, and ones that misbehave."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as types
import pytest

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.http import hop
from nodes.http.egress import Egress
from nodes.mcp import servers as servers_module
from nodes.mcp.place import Place
from nodes.mcp.servers import McpServers
from tests.nodes.tool.parts import open_egress

ADD = types.Tool(name="add", input_schema={"type": "object"})
Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
async def egress() -> AsyncIterator[Egress]:
    egress = open_egress()
    yield egress
    await egress.close()


async def add(egress: Egress, url: str, timeout: float = 5, **headers: str) -> Any:
    place = Place(url=url, headers=headers)
    return await McpServers().use(egress, place, lambda session: session.call(ADD, {"a": 1, "b": 2}, timeout))


@asynccontextmanager
async def answering(status: str, body: bytes, *headers: str, endless: bytes = b"") -> AsyncIterator[str]:
    """The URL of a server that answers everything alike."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            asked = await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))  # type: ignore[index]
            sent = body.replace(b"ID", str(json.loads(asked).get("id", 0)).encode())
            length = [] if endless else [f"content-length: {len(sent)}"]
            writer.write("\r\n".join([f"HTTP/1.1 {status}", *headers, *length, "connection: close", "", ""]).encode())
            writer.write(sent)
            while endless:
                writer.write(endless)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp?key=hidden"


async def test_a_tool_is_called(egress: Egress, served: str) -> None:
    assert (await add(egress, served)).structured_content == {"sum": 3}


async def test_headers_are_sent(egress: Egress, served: str) -> None:
    place = Place(url=served, headers={"Authorization": "Bearer t0ken"})
    tool = types.Tool(name="headers", input_schema={"type": "object"})
    answer = await McpServers().use(egress, place, lambda session: session.call(tool, {}, 5))
    assert json.loads(answer.content[0].text)["authorization"] == "Bearer t0ken"


async def test_listings_are_kept_for_a_while(egress: Egress, served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    servers, place = McpServers(), Place(url=served)
    first = await servers.tools(egress, place, 5)
    assert await servers.tools(egress, place, 5) is first
    assert await servers.tools(egress, Place(url=served, owner="other"), 5) is not first
    servers.forget(place)
    assert await servers.tools(egress, place, 5) is not first
    monkeypatch.setattr(servers_module, "LISTING_LIVES", -1)
    servers.forget(place)
    await servers.tools(egress, place, 5)
    assert await servers.tools(egress, place, 5) is not first


async def test_an_unknown_tool_is_the_servers_error(egress: Egress, served: str) -> None:
    tool = types.Tool(name="nope", input_schema={"type": "object"})
    with pytest.raises(PermanentError, match=r"[Uu]nknown tool|not found"):
        await McpServers().use(egress, Place(url=served), lambda session: session.call(tool, {}, 5))


async def test_a_result_that_doesnt_fit_its_schema_is_refused(egress: Egress, served: str) -> None:
    tool = types.Tool(name="add", input_schema={}, output_schema={"properties": {"sum": {"type": "string"}}})
    with pytest.raises(PermanentError, match=r'"sum": 3 is not of type "string"') as caught:
        await McpServers().use(egress, Place(url=served), lambda session: session.call(tool, {"a": 1, "b": 2}, 5))
    assert caught.value.code == "INVALID_RESPONSE"


@pytest.mark.parametrize(
    ("status", "headers", "error", "said"),
    [
        ("401 Unauthorized", (), PermanentError, "answered 401"),
        ("403 Forbidden", (), PermanentError, "answered 403"),
        ("404 Not Found", (), PermanentError, "answered 404"),
        ("429 Too Many Requests", ("retry-after: 7",), RetryableError, "answered 429"),
        ("500 Internal Server Error", (), RetryableError, "answered 500"),
        ("503 Service Unavailable", (), RetryableError, "answered 503"),
    ],
)
async def test_statuses(
    egress: Egress, status: str, headers: tuple[str, ...], error: type[NodeError], said: str
) -> None:
    async with answering(status, b"no", *headers) as url:
        with pytest.raises(error, match=said) as caught:
            await add(egress, url)
    assert caught.value.code == "HTTP_STATUS"
    assert "hidden" not in caught.value.message
    assert caught.value.retry_after == (7 if headers else None)


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (b"<html>", ("content-type: text/html",), "doesn't greet"),
        (b"{", ("content-type: application/json",), "doesn't greet"),
        (b'{"jsonrpc": "2.0", "id": ID, "result": {"x": 1}}', ("content-type: application/json",), "protocol"),
        (b"", (), "doesn't greet"),
        (b"no gzip", ("content-type: application/json", "content-encoding: gzip"), "unpack"),
    ],
)
async def test_answers_that_are_no_mcp(egress: Egress, body: bytes, headers: tuple[str, ...], said: str) -> None:
    async with answering("200 OK", body, *headers) as url:
        with pytest.raises(PermanentError, match=said):
            await add(egress, url)


async def test_an_endless_answer_is_cut(egress: Egress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hop, "OUTPUT_LIMIT", 1 << 20)
    piece = b" " * 65536
    async with answering("200 OK", b"", "content-type: application/json", endless=piece) as url:
        with pytest.raises(PermanentError, match="larger than 1 MiB"):
            await add(egress, url)


async def test_redirects_to_elsewhere_arent_followed(egress: Egress, served: str) -> None:
    async with answering("307 Temporary Redirect", b"", f"location: {served}") as url:
        with pytest.raises(PermanentError, match="not followed"):
            await add(egress, url)


async def test_a_server_that_is_down_is_worth_retrying(egress: Egress) -> None:
    with pytest.raises(RetryableError) as caught:
        await add(egress, "http://127.0.0.1:1/mcp")
    assert caught.value.code == "CONNECTION_FAILED"


async def test_a_server_that_says_nothing_times_out(egress: Egress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers_module, "START_TIMEOUT", 0.3)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        with pytest.raises(RetryableError, match=r"didn't greet within 0\.3 s") as caught:
            await add(egress, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp")
    assert caught.value.code == "TIMEOUT"


async def test_egress_refuses_what_its_policy_doesnt_allow(served: str) -> None:
    egress = Egress()
    with pytest.raises(PermanentError) as caught:
        await add(egress, served)
    await egress.close()
    assert caught.value.code == "EGRESS_DENIED"


async def test_a_refused_credential_is_named(egress: Egress) -> None:
    async with answering("401 Unauthorized", b"no") as url:
        with pytest.raises(PermanentError, match='the credential "mine" was refused') as caught:
            await McpServers().use(egress, Place(url=url, credential="mine"), lambda session: session.tools(5))
    assert caught.value.code == "CREDENTIAL_REJECTED"

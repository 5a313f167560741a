"""The MCP tool: which server, which tool, what its answer becomes."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr

from nodes.errors import PermanentError, RetryableError
from nodes.http.authentication import HTTP_BEARER, HTTP_HEADER
from nodes.http.egress import Egress
from nodes.mcp.registry import RegisteredServer
from nodes.mcp.servers import McpServers
from nodes.tool import tool as tool_module
from nodes.tool.mcp import Mcp
from orchestrator.errors import Problem
from tests.nodes.mcp.conftest import served
from tests.nodes.tool.parts import call_of, credential, emitted, parts

TOOL = Mcp()
PEER = Path(__file__).parents[1] / "mcp" / "peer.py"
__all__ = ["served"]


@pytest.fixture(scope="module")
async def mcp(served: str) -> AsyncIterator[McpServers]:
    local = RegisteredServer(command=sys.executable, args=[str(PEER)], env={"API_TOKEN": SecretStr("s3cret-token")})
    remote = RegisteredServer(url=HttpUrl(served), headers={"x-key": SecretStr("s3cret-key")})
    servers = McpServers({"local": local, "remote": remote})
    yield servers
    await servers.close()


@pytest.mark.parametrize("place", ["local", "remote", "url"])
async def test_every_way_to_a_server_gives_the_same(egress: Egress, mcp: McpServers, served: str, place: str) -> None:
    where = {"url": served} if place == "url" else {"server": place}
    (item,) = await emitted(TOOL, parts(egress, mcp=mcp), {**where, "tool": "add", "arguments": {"a": 1, "b": 2}})
    assert item["json"]["structured_content"] == {"sum": 3}
    assert '"sum": 3' in item["json"]["text"]


async def test_pictures_sounds_and_resources_become_files(egress: Egress, served: str) -> None:
    resources: Any = parts(egress)
    (item,) = await emitted(TOOL, resources, {"url": served, "tool": "media"})
    text, image, audio, note, blob, link = item["json"]["content"]
    assert item["json"]["text"] == text["text"] == "two files and a link"
    assert image == {"type": "image", "content_type": "image/png", "file": "image_1"}
    assert (audio["file"], note["file"], blob["file"]) == ("audio_2", "resource_3", "resource_4")
    assert (note["uri"], note["text"]) == ("note://notes/shopping.txt", "milk")
    assert link == {"type": "resource_link", "name": "page", "uri": "https://docs.example/page"}
    names = {key: (file["name"], file["content_type"]) for key, file in item["files"].items()}
    assert names == {
        "image_1": ("image_1.png", "image/png"),
        "audio_2": ("audio_2.wav", "audio/wav"),
        "resource_3": ("shopping.txt", "text/plain"),
        "resource_4": ("b.bin", "application/octet-stream"),
    }
    contents = [resources.files.content[file["ref"]] for file in item["files"].values()]
    assert contents[1:] == [b"RIFF", b"milk", b"\x00\x01\x02"]


async def test_an_agent_sees_the_servers_tools(egress: Egress, mcp: McpServers) -> None:
    parameters = {"server": "local", "include_tools": ["add", "fail"]}
    context = call_of(TOOL, parts(egress, mcp=mcp), parameters)
    tools = await TOOL.list_tools(context)
    assert [tool.name for tool in tools] == ["add", "fail"]
    assert tools[0].description == "Adds two numbers."
    assert tools[0].schema["properties"]["a"]["type"] == "integer"
    (item,) = await TOOL.call_tool(context, "add", {"a": 2, "b": 2})
    assert item["json"]["structured_content"] == {"sum": 4}


@pytest.mark.parametrize(
    ("parameters", "code", "said"),
    [
        ({"tool": "add", "arguments": {"a": 1}}, "INVALID_ARGUMENTS", '"arguments.b" is missing'),
        ({"tool": "add", "arguments": {"a": 1, "b": "x"}}, "INVALID_ARGUMENTS", '"arguments.b": "x" is not'),
        ({"tool": "fail", "arguments": {"why": "no ink"}}, "TOOL_ERROR", "it failed: no ink"),
        ({"tool": "print"}, "UNKNOWN_TOOL", 'names "print", which there isn\'t; there are "add"'),
        ({}, "MISSING_PARAMETER", '"tool" is missing; there are "add"'),
        ({"tool": "add", "include_tools": ["fail"]}, "UNKNOWN_TOOL", 'there are "fail"'),
        ({"tool": "add", "include_tools": ["paint"]}, "UNKNOWN_TOOL", '"include_tools" names "paint"'),
        ({"server": "other", "tool": "add"}, "UNKNOWN_SERVER", 'there are "local", "remote"'),
    ],
)
async def test_mistakes(egress: Egress, mcp: McpServers, parameters: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(PermanentError) as caught:
        await emitted(TOOL, parts(egress, mcp=mcp), {"server": "local", **parameters})
    assert (caught.value.code, said in caught.value.message) == (code, True)


async def test_a_result_has_a_limit(egress: Egress, mcp: McpServers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_module, "RESULT_LIMIT", 1000)
    with pytest.raises(PermanentError) as caught:
        await emitted(TOOL, parts(egress, mcp=mcp), {"server": "local", "tool": "big", "arguments": {"size": 999}})
    assert caught.value.code == "RESPONSE_TOO_LARGE"


async def test_a_timeout_is_worth_retrying(egress: Egress, mcp: McpServers) -> None:
    parameters = {"server": "local", "tool": "slow", "arguments": {"seconds": 9}, "timeout": "0.3s"}
    with pytest.raises(RetryableError) as caught:
        await emitted(TOOL, parts(egress, mcp=mcp), parameters)
    assert caught.value.code == "TIMEOUT"


@pytest.mark.parametrize(
    ("opened", "name", "value"),
    [
        (credential(HTTP_BEARER, token="t0ken"), "authorization", "Bearer t0ken"),
        (credential(HTTP_HEADER, name="X-Mine", value="v4lue"), "x-mine", "v4lue"),
    ],
)
async def test_a_credential_is_sent(egress: Egress, served: str, opened: Any, name: str, value: str) -> None:
    (item,) = await emitted(TOOL, parts(egress, opened=opened), {"url": served, "tool": "headers"})
    assert f'"{name}": "{value}"' in item["json"]["text"]


async def test_a_registered_servers_headers_are_sent_and_are_secret(egress: Egress, mcp: McpServers) -> None:
    context = call_of(TOOL, parts(egress, mcp=mcp), {"server": "remote", "tool": "headers"})
    returned: Any = await TOOL.run(context)
    assert '"x-key": "s3cret-key"' in returned.ports["main"][0]["json"]["text"]
    assert context.secrets == {"s3cret-key"}


async def test_a_processs_tokens_are_secret(egress: Egress, mcp: McpServers) -> None:
    context = call_of(TOOL, parts(egress, mcp=mcp), {"server": "local", "tool": "environment"})
    await TOOL.run(context)
    assert context.secrets == {"s3cret-token"}


async def test_a_credential_goes_to_its_hosts_only(egress: Egress, served: str) -> None:
    resources = parts(egress, opened=credential(HTTP_BEARER, "api.example", token="t0ken"))
    with pytest.raises(PermanentError) as caught:
        await emitted(TOOL, resources, {"url": served, "tool": "add"})
    assert caught.value.code == "CREDENTIAL_HOST"


async def test_a_process_takes_no_credential(egress: Egress, mcp: McpServers) -> None:
    resources = parts(egress, mcp=mcp, opened=credential(HTTP_BEARER, token="t0ken"))
    with pytest.raises(PermanentError) as caught:
        await emitted(TOOL, resources, {"server": "local", "tool": "add"})
    assert caught.value.code == "INVALID_CREDENTIAL"


async def test_egress_is_asked(served: str) -> None:
    closed = Egress()
    with pytest.raises(PermanentError) as caught:
        await emitted(TOOL, parts(closed), {"url": served, "tool": "add"})
    await closed.close()
    assert caught.value.code == "EGRESS_DENIED"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, '"server" is missing; or give a "url"'),
        ({"server": "a", "url": "https://a.example/mcp"}, 'both "server" and "url"'),
        ({"server": "a", "arguments": []}, "expected an object"),
        ({"server": "a", "command": "sh"}, '"command" is unknown'),
    ],
)
def test_parameters_are_checked_when_saved(
    problems: Callable[..., list[Problem]], parameters: dict[str, Any], said: str
) -> None:
    (problem,) = problems("TOOL.MCP", **parameters)
    assert said in problem.message

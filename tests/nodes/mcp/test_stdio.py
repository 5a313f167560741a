"""Registered servers as processes: public ones of the MCP project, and our peer for what they don't do."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.mcp.place import Place
from nodes.mcp.registry import RegisteredServer
from nodes.mcp.servers import McpServers
from tests.nodes.tool.parts import open_egress

PEER = Path(__file__).with_name("peer.py")
SCRIPTS = Path(sys.executable).parent
SERVERS = {
    "peer": RegisteredServer(command=sys.executable, args=[str(PEER)], env={"TOKEN": SecretStr("s3cret")}),
    "time": RegisteredServer(command=str(SCRIPTS / "mcp-server-time"), args=["--local-timezone", "Europe/Zurich"]),
    "git": RegisteredServer(command=str(SCRIPTS / "mcp-server-git")),
    "absent": RegisteredServer(command="/no/such/command"),
    "quits": RegisteredServer(command="/bin/sh", args=["-c", "exit 3"]),
    "silent": RegisteredServer(command=sys.executable, args=["-c", "import time; time.sleep(60)"], start_timeout=0.5),
    "chatters": RegisteredServer(command="/bin/sh", args=["-c", "echo hello; cat >/dev/null"], start_timeout=0.5),
}
Call = Callable[..., Any]


@pytest.fixture(scope="module")
async def servers() -> AsyncIterator[McpServers]:
    servers = McpServers(SERVERS)
    yield servers
    await servers.close()
    assert children() == []


@pytest.fixture(scope="module")
def call(servers: McpServers) -> Call:
    egress = open_egress()

    async def run(server: str, name: str, timeout: float = 20, **arguments: Any) -> Any:
        place = Place(server=server)
        tools = {tool.name: tool for tool in await servers.tools(egress, place, timeout)}
        return await servers.use(egress, place, lambda session: session.call(tools[name], arguments, timeout))

    return run


def children() -> list[psutil.Process]:
    names = ("mcp-server-", str(PEER))
    found = psutil.Process().children(recursive=True)
    return [one for one in found if any(name in " ".join(one.cmdline()) for name in names)]


def peer_process() -> psutil.Process:
    (found,) = [one for one in children() if str(PEER) in " ".join(one.cmdline())]
    return found


async def test_the_public_time_server(call: Call) -> None:
    result = await call(
        "time", "convert_time", source_timezone="Asia/Tokyo", time="09:30", target_timezone="Europe/London"
    )
    assert result.structured_content["source"]["timezone"] == "Asia/Tokyo"
    assert result.structured_content["target"]["datetime"].endswith(("00:30:00+00:00", "01:30:00+01:00"))


async def test_the_public_time_servers_error(call: Call) -> None:
    with pytest.raises(PermanentError, match="Invalid timezone") as caught:
        await call("time", "get_current_time", timezone="Mars/Base")
    assert caught.value.code == "TOOL_ERROR"


async def test_the_public_git_server(call: Call, tmp_path: Path) -> None:
    await (await asyncio.create_subprocess_exec("git", "init", "-q", str(tmp_path))).wait()
    (tmp_path / "new.txt").write_text("new")
    result = await call("git", "git_status", repo_path=str(tmp_path))
    assert "new.txt" in result.content[0].text


async def test_calls_share_one_process_and_run_side_by_side(call: Call) -> None:
    await call("peer", "add", a=1, b=2)
    before = peer_process().pid
    slow, *quick = await asyncio.gather(
        call("peer", "slow", seconds=0.3), *(call("peer", "add", a=n, b=1) for n in range(10))
    )
    assert slow.structured_content == {"result": "done"}
    assert [result.structured_content["sum"] for result in quick] == list(range(1, 11))
    assert peer_process().pid == before


async def test_nothing_of_ours_is_in_its_environment(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "PYTEST_CURRENT_TEST" in os.environ
    variables = (await call("peer", "environment")).structured_content
    variables = variables.get("result", variables)
    assert variables["TOKEN"] == "s3cret"
    assert variables["HOME"] == variables["cwd"] != os.environ["HOME"]
    assert set(variables) <= {"PATH", "HOME", "LOGNAME", "USER", "SHELL", "TERM", "TOKEN", "cwd", "LC_CTYPE", "PWD"}


async def test_a_process_that_was_killed_is_started_again(call: Call) -> None:
    await call("peer", "add", a=1, b=2)
    killed = peer_process()
    os.kill(killed.pid, signal.SIGKILL)
    await asyncio.to_thread(psutil.wait_procs, [killed], 5)
    await asyncio.sleep(0.05)
    assert (await call("peer", "add", a=1, b=2)).structured_content == {"sum": 3}
    assert peer_process().pid != killed.pid


async def test_dying_under_a_call_is_worth_retrying(call: Call) -> None:
    with pytest.raises(RetryableError, match="ended while it was asked") as caught:
        await call("peer", "die")
    assert caught.value.code == "MCP_SERVER_FAILED"
    assert (await call("peer", "add", a=1, b=2)).structured_content == {"sum": 3}


async def test_a_timeout_reaches_the_server(call: Call) -> None:
    before = (await call("peer", "seen_cancelled")).structured_content["result"]
    with pytest.raises(RetryableError, match=r'didn\'t run the tool "slow" within 0\.2 s') as caught:
        await call("peer", "slow", timeout=0.2, seconds=30)
    assert caught.value.code == "TIMEOUT"
    assert (await call("peer", "seen_cancelled")).structured_content["result"] == before + 1


async def test_a_cancellation_reaches_the_server(call: Call) -> None:
    before = (await call("peer", "seen_cancelled")).structured_content["result"]
    task = asyncio.create_task(call("peer", "slow", seconds=30))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await call("peer", "seen_cancelled")).structured_content["result"] == before + 1


async def test_what_it_says_is_logged_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    servers = McpServers(SERVERS)
    with caplog.at_level(logging.DEBUG, logger="nodes.mcp"):
        await servers.tools(open_egress(), Place(server="peer"), 20)
        await servers.close()
    assert "the MCP server peer says: the peer starts" in caplog.messages


@pytest.mark.parametrize(
    ("server", "error", "code", "said"),
    [
        ("absent", PermanentError, "MCP_SERVER_FAILED", "can't be started: No such file"),
        ("quits", RetryableError, "MCP_SERVER_FAILED", "doesn't greet"),
        ("silent", RetryableError, "MCP_SERVER_FAILED", "didn't greet within 0.5 s"),
        ("chatters", RetryableError, "MCP_SERVER_FAILED", "didn't greet within 0.5 s"),
        ("unknown", PermanentError, "UNKNOWN_SERVER", 'names "unknown", which isn\'t registered; there are "peer"'),
    ],
)
async def test_servers_that_dont_start(call: Call, server: str, error: type[NodeError], code: str, said: str) -> None:
    with pytest.raises(error) as caught:
        await call(server, "add")
    assert (caught.value.code, said in caught.value.message) == (code, True)


async def test_closing_stops_the_processes_and_removes_their_folders(call: Call) -> None:
    servers = McpServers(SERVERS)
    await servers.tools(open_egress(), Place(server="time"), 20)
    others = [one for one in children() if "mcp-server-time" in " ".join(one.cmdline())]
    folder = Path(others[-1].cwd())
    assert folder.name.startswith("orchestrator-mcp-")
    await servers.close()
    assert not os.path.exists(folder)  # noqa: ASYNC240
    assert not others[-1].is_running()

"""The development server: it starts, keeps its data, says why it can't start, and never outlives us."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from temporal import search_attributes
from temporal.dev_server import DevServer
from temporal.server_process import ServerError


async def test_registers_the_search_attributes(temporal_server: DevServer) -> None:
    client = await Client.connect(temporal_server.address)
    found = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="default"))
    registered = dict(found.custom_attributes)
    assert {key.name for key in search_attributes.KEYS} <= registered.keys()
    assert registered[search_attributes.STATUS.name] == IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD


async def test_keeps_its_data_over_a_restart(tmp_path: Path) -> None:
    from google.protobuf.duration_pb2 import Duration

    request = RegisterNamespaceRequest(namespace="kept", workflow_execution_retention_period=Duration(seconds=86400))
    for known in (False, True):
        server = DevServer(database=tmp_path / "temporal.db", log=tmp_path / "log")
        await server.start()
        client = await Client.connect(server.address)
        if known:
            with pytest.raises(RPCError, match="already"):
                await client.workflow_service.register_namespace(request)
        else:
            await client.workflow_service.register_namespace(request)
        await server.stop()


async def test_serves_the_web_ui(tmp_path: Path) -> None:
    import httpx

    server = DevServer(ui_port=0, log=tmp_path / "log")
    await server.start()
    async with httpx.AsyncClient() as client:
        page = await client.get(server.ui_url, follow_redirects=True)
    await server.stop()
    assert page.status_code == 200
    assert "<html" in page.text


async def test_says_that_a_port_is_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"port {port} on 127.0.0.1 is in use"):
            await DevServer(port=port).start()


async def test_quotes_the_log_when_it_does_not_start(tmp_path: Path) -> None:
    server = DevServer(database=tmp_path / "no" / "such" / "folder.db", log=tmp_path / "log")
    with pytest.raises(ServerError, match=r"(?s)ended while starting.*log"):
        await server.start()


async def test_notices_that_it_was_killed(tmp_path: Path) -> None:
    server = DevServer(log=tmp_path / "log")
    await server.start()
    death = asyncio.create_task(server.died())
    os.kill(server.pid, signal.SIGKILL)
    assert await asyncio.wait_for(death, 10) == "Temporal's development server ended (killed by SIGKILL)"
    await server.stop()


def test_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import asyncio
        from pathlib import Path
        from temporal.dev_server import DevServer

        async def main():
            server = DevServer(log=Path({str(tmp_path / "log")!r}))
            await server.start()
            print(server.pid, flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, _ = psutil.wait_procs([server], timeout=20)
    assert gone == [server]

"""The harness itself: its wires, disks and services break as they say, and its schedules repeat."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc.aio
import httpx
import pytest
from workflow_engine.v1 import execution_pb2

from tests.faults.harness.cluster import Cluster
from tests.faults.harness.disk import Disk
from tests.faults.harness.effects import Journal
from tests.faults.harness.faults import kinds, schedule
from tests.faults.harness.proxy import Proxy, Wire
from tests.faults.harness.rest import Rest


@pytest.fixture
async def wire() -> AsyncIterator[Proxy]:
    """A proxy to a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(100):
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = Proxy("wire", server.sockets[0].getsockname()[:2])
    await proxy.start()
    yield proxy
    await proxy.stop()
    server.close()


async def test_a_good_wire_carries_and_a_cut_one_refuses(wire: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    writer.write(b"one")
    assert await reader.readexactly(3) == b"one"
    await wire.set(Wire.CUT)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", wire.port)
    await wire.set(Wire.GOOD)
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    writer.write(b"two")
    assert await reader.readexactly(3) == b"two"
    writer.close()


async def test_a_dead_wire_says_nothing(wire: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    await wire.set(Wire.DEAD)
    writer.write(b"one")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.3)
    await wire.set(Wire.GOOD)
    assert await reader.readexactly(3) == b"one"
    writer.close()


def test_a_seed_gives_the_same_faults_again() -> None:
    disk = SimpleNamespace(own=True)
    cluster = cast(
        Cluster,
        SimpleNamespace(
            roles={"serve-1": None, "worker-1": None},
            proxies={"client-serve-1": None},
            disks={"postgres": disk, "temporal": disk},
            has_clock=False,
        ),
    )
    once, again = (schedule("seed", 200, 1, cluster) for _ in range(2))
    assert once == again
    assert once[:50] == schedule("seed", 50, 1, cluster), "fewer are the first of more"
    assert once != schedule("other", 200, 1, cluster)
    assert {fault.kind for fault in once} == set(kinds(cluster)), "200 are of every kind"
    assert "clock" not in kinds(cluster)
    assert {fault.kind for fault in schedule("seed", 50, 1, cluster, only=["cut", "dead"])} == {"cut", "dead"}


def test_what_was_done_outlives_the_service(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.asked("a")
    journal.do("a", "t/Do/0")
    journal.repeat("t/Do/1")
    assert Journal(tmp_path / "journal").shown() == journal.shown()
    assert Journal(tmp_path / "journal").asked("a") == 2


def test_a_full_disk_takes_nothing_until_it_is_freed(data_folder: Path) -> None:
    disk = Disk(data_folder / "disk")
    disk.mount()
    file = disk.folder / "file"
    try:
        file.write_bytes(b"x" * 2**20)
        if disk.own:  # as root, on Linux
            disk.fill()
            with pytest.raises(OSError, match="No space"):
                file.with_name("other").write_bytes(b"x" * 2**20)
            disk.free()
        file.with_name("other").write_bytes(b"x" * 2**20)
        assert file.read_bytes() == file.with_name("other").read_bytes()
    finally:
        disk.unmount()


async def test_rest_is_called_as_a_stub_and_fails_as_one() -> None:
    asked: list[tuple[str, str, Any]] = []

    def gateway(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path, json.loads(request.content or b"{}")))
        if request.method == "GET":
            return httpx.Response(200, json={"execution": {"execution_id": "x", "status": "CANCELED"}})
        return httpx.Response(400, json={"code": "failed_precondition", "reason": "RUN_ENDED", "message": "too late"})

    async with httpx.AsyncClient(base_url="http://x", transport=httpx.MockTransport(gateway)) as web:
        rest = Rest(web, "workflow_engine.v1.WorkflowService")
        found = await rest.GetExecution(execution_pb2.GetExecutionRequest(execution_id="x"), timeout=1)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await rest.CancelExecution(execution_pb2.CancelExecutionRequest(execution_id="x", reason="r"), timeout=1)
    assert found.execution.status == execution_pb2.CANCELED
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert asked == [("GET", "/api/v1/executions/x", {}), ("POST", "/api/v1/executions/x:cancel", {"reason": "r"})]

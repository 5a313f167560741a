"""The harness itself: its wires break as they say, its schedules repeat, and its checks see what is wrong."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.faults.harness.checks import Checks
from tests.faults.harness.cluster import Cluster
from tests.faults.harness.effects import Journal
from tests.faults.harness.faults import schedule
from tests.faults.harness.proxy import Proxy, Wire
from tests.faults.harness.ticket import Ticket


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
    cluster = cast(
        Cluster,
        SimpleNamespace(
            roles={"serve-1": None, "worker-1": None},
            proxies={"client-serve-1": None},
            disk=SimpleNamespace(own=True),
            has_clock=False,
        ),
    )
    once, again = (schedule("seed", 50, 1, cluster) for _ in range(2))
    assert once == again
    assert once != schedule("other", 50, 1, cluster)
    assert {"kill", "cut"} <= {fault.kind for fault in once}
    assert "clock" not in {fault.kind for fault in once}


@pytest.mark.parametrize(
    ("done", "wrong"),
    [
        ({"a": "t/Do/0"}, []),
        ({"a": "t/Do/0", "b": "t/Do/0"}, ["t/Do/0: done under 2 keys"]),
        ({}, ["t/Do/0: never done"]),
    ],
)
def test_effects_are_counted(done: dict[str, str], wrong: list[str]) -> None:
    journal = Journal()
    for key, effect in done.items():
        journal.do(key, effect)
        journal.do(key, effect)
    checks = Checks(cast(Any, SimpleNamespace(journal=journal.shown)))
    ticket = Ticket("t", "items", ("COMPLETED",), ["t/Do/0"], {"run"})
    assert checks.effects([ticket]) == wrong

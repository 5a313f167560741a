"""One workspace's flood doesn't keep another's run waiting."""

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator

import pytest

from orchestrator.start import Share
from temporal.client import connect
from temporal.dev_server import DevServer
from tests.graphs import node, trigger, workflow
from tests.nodes.http.server import Received, Reply, Server, serving
from tests.temporal.harness import Engine, engine

FLOOD = 300


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


def calling(server: Server, path: str) -> dict[str, object]:
    nodes = [trigger(), node("Call", "ACTION_NODE", "HTTP_REQUEST", {"url": f"{server.url}/{path}"})]
    return workflow(path, nodes, "Start -> Call")


async def overtaken(running: Engine, server: Server, alone: Share, flood: Share) -> tuple[int, float]:
    """How many runs of the flood had called when the single run did, and how long that took to end."""

    all_started = threading.Event()

    def slow(received: Received) -> Reply:
        all_started.wait()
        time.sleep(0.02)
        return Reply(body=b"{}")

    # However slowly this machine starts runs, none of the flood is done before the single one has begun.
    server.replies["/flood"] = server.replies["/alone"] = slow
    floods = await asyncio.gather(*(running.start(calling(server, "flood"), share=flood) for _ in range(FLOOD)))
    begun = time.monotonic()
    single = await running.start(calling(server, "alone"), share=alone)
    all_started.set()
    await single.result()
    took = time.monotonic() - begun
    place = [one.path for one in server.received].index("/alone")
    for one in floods:
        await one.cancel()
    return place, took


@pytest.mark.parametrize("fair", [True, False])
async def test_workspaces_take_turns(server: Server, fair: bool) -> None:
    temporal = DevServer(dynamic_config=(f"matching.enableFairness={str(fair).lower()}",))
    await temporal.start()
    try:
        client = await connect(target_host=temporal.address)
        async with engine(client, str(uuid.uuid4()), max_activities=4) as running:
            place, took = await overtaken(running, server, Share("quiet"), Share("busy"))
    finally:
        await temporal.stop()
    print(f"fair={fair}: {place} of {FLOOD} went before, {took:.2f} s")
    assert (place < FLOOD / 3) == fair


async def test_urgent_runs_go_first(server: Server) -> None:
    temporal = DevServer()
    await temporal.start()
    try:
        client = await connect(target_host=temporal.address)
        async with engine(client, str(uuid.uuid4()), max_activities=4) as running:
            place, _ = await overtaken(running, server, Share("one", priority=1), Share("one", priority=5))
    finally:
        await temporal.stop()
    assert place < FLOOD / 3

"""A server that says when to come again isn't asked before."""

import time
from collections.abc import Iterator

import pytest

from tests.graphs import node, trigger, workflow
from tests.nodes.http.server import Received, Reply, Server, serving
from tests.temporal.harness import Engine

ASKED = 1


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


async def test_the_servers_wait_is_kept(engine: Engine, server: Server) -> None:
    times: list[float] = []

    def busy_once(received: Received) -> Reply:
        times.append(time.monotonic())
        return Reply(429, b"", {"retry-after": str(ASKED)}) if len(times) == 1 else Reply(body=b'{"ok": true}')

    server.replies["/x"] = busy_once
    retry = {"max_attempts": 2, "initial_interval": "10ms"}
    nodes = [trigger(), node("Call", "ACTION_NODE", "HTTP_REQUEST", {"url": f"{server.url}/x"}, retry=retry)]
    assert await engine.run(workflow("retry after", nodes, "Start -> Call")) == {"Call": [{"ok": True}]}
    first, second = times
    assert second - first >= ASKED
    assert len({one.headers.get("idempotency-key") for one in server.received}) == 1

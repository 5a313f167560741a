"""Processes that are started while gRPC is at work."""

import asyncio

import grpc.aio
import pytest


async def test_grpc_leaves_children_alone(capfd: pytest.CaptureFixture[str]) -> None:
    """It said at each fork what its handlers did; now there are none."""
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await channel.channel_ready()
        for _ in range(5):
            child = await asyncio.create_subprocess_exec("true", preexec_fn=lambda: None)
            assert await child.wait() == 0
    await server.stop(None)
    assert "fork" not in capfd.readouterr().err

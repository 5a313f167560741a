"""An API server, a worker and Temporal that are killed, and what their tests wait for."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc.aio
from workflow_engine.v1 import execution_pb2, workflow_service_pb2_grpc

from services.cli.signing import signing
from temporal.dev_server import DevServer, free_port

ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))
SECRET_KEY = "k1:" + "A" * 43 + "="
PATIENCE = 120


class Processes:
    """An API server, a worker and Temporal, each a process of its own that can be killed and started again."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.database_url = database_url
        self.grpc_port = free_port("127.0.0.1")
        self.http_port = free_port("127.0.0.1")
        self.temporal_port = free_port("127.0.0.1")
        self._folder = folder
        self._environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self.temporal_port}",
            "GRPC_HOST": "127.0.0.1",
            "ORCHESTRATOR_EGRESS_ALLOW": "127.0.0.0/8",
            "GRPC_PORT": str(self.grpc_port),
            "HTTP_PORT": str(self.http_port),
            "SECRET_KEY": SECRET_KEY,
        }
        self.signing: list[grpc.aio.ClientInterceptor] = []
        self.temporal = self._new_temporal()
        self.roles: dict[str, subprocess.Popen[bytes]] = {}

    async def start(self) -> None:
        """Starts all three, and has the calls that carry `signing` made by an owner's key."""
        made = await asyncio.to_thread(
            subprocess.run,
            [ORCHESTRATOR, "users", "create", "owner@example.org", "--owner", "--api-key", "--json"],
            env=self._environment,
            input="correct horse battery\n",
            capture_output=True,
            text=True,
            check=True,
        )
        self.signing = signing([("authorization", f"Bearer {json.loads(made.stdout)['api_key']}")])
        await self.temporal.start()
        self.start_role("serve")
        self.start_role("worker")

    def start_role(self, role: str) -> None:
        """Starts the API server or the worker."""
        log = (self._folder / f"{role}.log").open("ab")
        self.roles[role] = subprocess.Popen([ORCHESTRATOR, role], env=self._environment, stdout=log, stderr=log)

    async def kill(self, victim: str) -> None:
        """`kill -9`, then a new process in its place."""
        if victim == "temporal":
            os.killpg(self.temporal.pid, signal.SIGKILL)
            await self.temporal.died()
            self.temporal = self._new_temporal()
            await self.temporal.start()
            return
        self.roles[victim].kill()
        self.roles[victim].wait()
        self.start_role(victim)

    async def stop(self) -> None:
        """Stops all three."""
        for process in self.roles.values():
            process.terminate()
        for process in self.roles.values():
            process.wait(timeout=60)
        await self.temporal.stop()

    def _new_temporal(self) -> DevServer:
        return DevServer(
            database=self._folder / "temporal.db", log=self._folder / "temporal.log", port=self.temporal_port
        )


async def until(condition: Callable[[], bool]) -> None:
    """Waits for it."""
    for _ in range(int(PATIENCE / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it took too long")


async def watch_to_the_end(stub: "workflow_service_pb2_grpc.WorkflowServiceAsyncStub", execution_id: str) -> None:
    """Sees every event once, in order, though the stream may break."""
    sequence, finished = 0, False
    deadline = time.monotonic() + PATIENCE
    while not finished and time.monotonic() < deadline:
        watch = execution_pb2.WatchExecutionRequest(execution_id=execution_id, after_sequence=sequence)
        try:
            async for message in stub.WatchExecution(watch, timeout=PATIENCE):
                assert message.event.sequence > sequence
                sequence = message.event.sequence
                finished = message.event.type == execution_pb2.EXECUTION_FINISHED
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            await asyncio.sleep(0.2)
    assert finished

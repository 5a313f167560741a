"""Engines and workers as processes of their own, on one PostgreSQL and one Temporal."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
from google.protobuf.json_format import ParseDict
from workflow_engine.v1 import (
    execution_pb2,
    human_task_pb2_grpc,
    workflow_pb2,
    workflow_service_pb2,
    workflow_service_pb2_grpc,
)

from services.cli.signing import signing
from temporal.dev_server import free_port

# Not from the working directory: PYTHONPATH says which release it is.
ORCHESTRATOR = (sys.executable, "-P", "-c", "from services.cli import main; main()")
EMAIL, PASSWORD = "owner@example.org", "correct horse battery"
PATIENCE = 180.0
_BACKOFF = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]


class Process:
    """One command, and where it listens."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.grpc_port, self.http_port = free_port(), free_port()
        ports = {"GRPC_PORT": str(self.grpc_port), "HTTP_PORT": str(self.http_port)}
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*ORCHESTRATOR, *arguments],
                env={**_surroundings(), **environment, **ports},
                stdout=output,
                stderr=output,
            )

    @property
    def address(self) -> str:
        """Where its gRPC API is."""
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def url(self) -> str:
        """Where its gateway is."""
        return f"http://127.0.0.1:{self.http_port}"

    async def ready(self) -> "Process":
        """Once it says that it is."""
        await until(lambda: self._said('"ready"'), what=lambda: self.log.read_text()[-3000:])
        return self

    def terminate(self) -> None:
        """Asks it to end."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it at once."""
        self.process.kill()
        self.process.wait()

    async def ended(self) -> int:
        """Its exit code."""
        return await asyncio.to_thread(self.process.wait, PATIENCE)

    def _said(self, text: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return text in self.log.read_text()


class Deployment:
    """What was started, and an owner's API key."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.processes: list[Process] = []
        self.key = ""
        self._open = AsyncExitStack()

    async def prepare(self) -> None:
        """Makes the owner."""
        command = [*ORCHESTRATOR, "users", "create", EMAIL, "--owner", "--api-key", "--json"]
        made = await asyncio.to_thread(self._run, command, f"{PASSWORD}\n")
        self.key = json.loads(made)["api_key"]

    async def start(self, *arguments: str, source: Path | None = None, **environment: str) -> Process:
        """Starts a command as `spawn` does, and waits until it is ready."""
        return await self.spawn(*arguments, source=source, **environment).ready()

    def spawn(self, *arguments: str, source: Path | None = None, **environment: str) -> Process:
        """Starts a command, of the release in another folder if one is given."""
        given = {**self.environment, **environment}
        if source:
            given["PYTHONPATH"] = f"{source}{os.pathsep}{source / 'proto'}"
        self.processes.append(Process(arguments, given, self.folder / f"{len(self.processes)}.log"))
        return self.processes[-1]

    async def stub(self, process: Process) -> "workflow_service_pb2_grpc.WorkflowServiceAsyncStub":
        """Calls it, signed with the key."""
        return workflow_service_pb2_grpc.WorkflowServiceStub(await self.channel([process]))

    async def stub_of(
        self, processes: Sequence[Process], config: Mapping[str, Any]
    ) -> "workflow_service_pb2_grpc.WorkflowServiceAsyncStub":
        """Calls whichever of them the client chooses, by gRPC's service config."""
        return workflow_service_pb2_grpc.WorkflowServiceStub(await self.channel(processes, config))

    async def people(self, process: Process) -> "human_task_pb2_grpc.HumanTaskServiceAsyncStub":
        """Answers for people, signed with the key."""
        return human_task_pb2_grpc.HumanTaskServiceStub(await self.channel([process]))

    async def channel(self, processes: Sequence[Process], config: Mapping[str, Any] | None = None) -> grpc.aio.Channel:
        """A connection to them, signed with the key."""
        signed = signing([("authorization", f"Bearer {self.key}")])
        target = f"ipv4:{','.join(process.address for process in processes)}"
        options = [*_BACKOFF, *([("grpc.service_config", json.dumps(config))] if config else [])]
        channel = grpc.aio.insecure_channel(target, options=options, interceptors=signed)
        await self._open.enter_async_context(channel)
        await asyncio.wait_for(channel.channel_ready(), PATIENCE)
        return channel

    async def rest(self, process: Process, token: str = "") -> httpx.AsyncClient:
        """Calls its gateway, signed with the key or a token."""
        headers = {"Authorization": f"Bearer {token or self.key}"}
        return await self._open.enter_async_context(
            httpx.AsyncClient(base_url=process.url, headers=headers, timeout=PATIENCE)
        )

    async def stop(self) -> None:
        """Ends all."""
        await self._open.aclose()
        for process in self.processes:
            if process.process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                await asyncio.to_thread(process.process.wait, 60)
            except subprocess.TimeoutExpired:
                process.kill()

    def _run(self, command: Sequence[str], typed: str) -> str:
        environment = {**_surroundings(), **self.environment}
        done = subprocess.run(command, env=environment, input=typed, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _surroundings() -> dict[str, str]:
    """What a container has of itself, so that nothing else of ours is relied on."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


async def create(stub: Any, definition: dict[str, Any]) -> str:
    """Keeps a workflow; its id."""
    parsed = ParseDict(definition, workflow_pb2.Workflow())
    request = workflow_service_pb2.CreateWorkflowRequest(name=parsed.name, nodes=parsed.nodes)
    request.connections.CopyFrom(parsed.connections)
    created = await stub.CreateWorkflow(request)
    return str(created.workflow.id)


async def execute(stub: Any, workflow_id: str, given: Any, request_id: str = "") -> str:
    """Starts a run; its id."""
    items = execution_pb2.Items(json=json.dumps(given))
    request = execution_pb2.ExecuteWorkflowRequest(workflow_id=workflow_id, input=items, request_id=request_id)
    return str((await stub.ExecuteWorkflow(request, timeout=PATIENCE)).execution_id)


async def watched(stub: Any, execution_id: str, after: int = 0, seen: list[int] | None = None) -> int:
    """Sees a run's events in order until it ends or the stream does; the last one's number, negative at the end."""
    request = execution_pb2.WatchExecutionRequest(execution_id=execution_id, after_sequence=after)
    async for message in stub.WatchExecution(request, timeout=PATIENCE):
        assert message.event.sequence > after
        after = message.event.sequence
        if seen is not None:
            seen.append(after)
        if message.event.type == execution_pb2.EXECUTION_FINISHED:
            return -after
    return after


async def output(stub: Any, execution_id: str) -> Any:
    """What a run that must complete comes to."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = (await stub.GetExecution(execution_pb2.GetExecutionRequest(execution_id=execution_id))).execution
        if found.status == execution_pb2.COMPLETED:
            return json.loads(found.output_json)
        assert found.status in (execution_pb2.RUNNING, execution_pb2.PAUSED), found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.2)


async def until(condition: Callable[[], bool], what: Callable[[], object] = lambda: "it took too long") -> None:
    """Waits for something to be so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what()
        await asyncio.sleep(0.05)

"""How late live events are at another server than the one that was asked: `python -m benchmarks.events`.

Two servers and a worker on one PostgreSQL and one Temporal, with Redis and without, in turns; needs `redis-server`.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
from google.protobuf import json_format
from temporalio.client import Client
from workflow_engine.v1 import execution_pb2, workflow_service_pb2
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from benchmarks.stack import Nothing
from benchmarks.subjects import effectful
from nodes.factory import get_node_executor_factory
from services import logging, wiring
from services.embedded import EmbeddedPostgres
from services.settings import Settings
from services.store import migrate
from services.store.ids import new_id
from temporal.client import connect
from temporal.dev_server import DevServer, free_port

RUNS, ROUNDS = 30, 3


@asynccontextmanager
async def _redis() -> AsyncIterator[str]:
    if shutil.which("redis-server") is None:
        raise SystemExit("install redis-server first")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        await asyncio.sleep(1)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _servers(url: str, client: Client, redis: str) -> AsyncIterator[tuple[Any, Any]]:
    """Stubs of two servers with a worker behind them."""
    settings = Settings(
        database_url=url,
        redis_url=redis or None,
        grpc_host="127.0.0.1",
        grpc_port=0,
        http_host="127.0.0.1",
        http_port=0,
        orchestrator_task_queue=new_id(),
        orchestrator_shutdown_seconds=1,
    )
    async with AsyncExitStack() as entered:
        worker = wiring.build_worker(settings, client)
        await worker.start()
        entered.push_async_callback(worker.stop)
        stubs = []
        for _ in range(2):
            server = wiring.build_server(settings, client, role=wiring.ServerRole(local=True))
            await server.start()
            entered.push_async_callback(server.stop)
            channel = await entered.enter_async_context(grpc.aio.insecure_channel(server.address))
            stubs.append(WorkflowServiceStub(channel))
        yield stubs[0], stubs[1]


async def _run(here: Any, there: Any, workflow_id: str) -> list[float]:
    """Milliseconds from when each event was recorded to when the other server had sent it."""
    request = execution_pb2.ExecuteWorkflowRequest(workflow_id=workflow_id)
    run = (await here.ExecuteWorkflow(request)).execution_id
    late = []
    async for response in there.WatchExecution(execution_pb2.WatchExecutionRequest(execution_id=run)):
        if response.event.type in (execution_pb2.NODE_FINISHED, execution_pb2.EXECUTION_FINISHED):
            late.append((time.time() - response.event.at.ToNanoseconds() / 1e9) * 1000)
    return late


async def main() -> None:
    """Measures and prints."""
    logging.configure("ERROR", "console", "bench")
    get_node_executor_factory().register_executor("CUSTOM_NODE", Nothing)
    late: dict[str, list[float]] = {"without Redis": [], "with Redis": []}
    async with AsyncExitStack() as entered:
        data = Path(entered.enter_context(tempfile.TemporaryDirectory(prefix="orchestrator-bench-")))
        postgres = EmbeddedPostgres(data / "postgres")
        await postgres.start()
        entered.push_async_callback(postgres.stop)
        url = postgres.url("postgres")
        migrate.upgrade(url)
        temporal = DevServer(database=data / "temporal.db", log=data / "temporal.log", keep=False)
        await temporal.start()
        entered.push_async_callback(temporal.stop)
        client = await connect(target_host=temporal.address, namespace=temporal.namespace)
        redis = await entered.enter_async_context(_redis())
        pairs = {
            "without Redis": await entered.enter_async_context(_servers(url, client, "")),
            "with Redis": await entered.enter_async_context(_servers(url, client, redis)),
        }
        request = workflow_service_pb2.CreateWorkflowRequest()
        json_format.ParseDict({"name": "late", **effectful(5)}, request)
        workflow_id = (await pairs["with Redis"][0].CreateWorkflow(request)).workflow.id
        for turn in range(ROUNDS + 1):
            for which, (here, there) in pairs.items():
                for _ in range(RUNS):
                    found = await _run(here, there, workflow_id)
                    late[which] += found if turn else []
    for which, found in late.items():
        found.sort()
        half, most = found[len(found) // 2], found[len(found) * 99 // 100]
        print(f"{which}: {len(found)} events, {half:.1f} ms late at the other server (p50), {most:.1f} ms (p99)")


if __name__ == "__main__":
    asyncio.run(main())

"""A store on a real database, and the API with a worker on real servers."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from nodes.factory import get_node_executor_factory
from orchestrator import definition
from orchestrator.compiler import compile_plan
from orchestrator.items import ONE_EMPTY_ITEM
from orchestrator.model import Workflow
from orchestrator.start import RunStart
from services.identity.caller import LOCAL, forget_caller, set_caller
from services.settings import Settings
from services.store import executions, workflows
from services.store.engine import Database
from services.store.ids import new_id
from services.store.tables import WorkflowRow

if TYPE_CHECKING:
    from temporalio.client import Client

    from services.wiring import Parts, Server
    from tests.services.limits.redis_server import RedisServer


def chain(*names: str) -> dict[str, Any]:
    """A workflow: a manual trigger T and DATA_TRANSFORMATION nodes after one another."""
    nodes: list[dict[str, Any]] = [{"id": "t", "name": "T", "type": "TRIGGER_NODE", "subtype": "MANUAL"}]
    for name in names:
        parameters = {"operation": "set", "fields": {name.lower(): "{{ $json.a }}"}, "keep_others": True}
        transformation = {"type": "ACTION_NODE", "subtype": "DATA_TRANSFORMATION", "parameters": parameters}
        nodes.append({"id": name.lower(), "name": name, **transformation})
    return {"name": "chain", "nodes": nodes, "connections": arrows(zip(("T", *names), names, strict=False))}


def arrows(pairs: Any) -> dict[str, Any]:
    """A ConnectionsMap of MAIN arrows: (source, target) or (source, target, output)."""
    connections: dict[str, Any] = {}
    for source, target, *output in pairs:
        entry = connections.setdefault(source, {"connection_types": {"main": {"connections": []}}})
        arrow = {"node": target, "type": "MAIN", "output": output[0] if output else ""}
        entry["connection_types"]["main"]["connections"].append(arrow)
    return {"connections": connections}


def draft(data: dict[str, Any]) -> workflows.Draft:
    """A valid definition, planned."""
    workflow: Workflow = definition.read(data)
    return workflows.Draft(workflow, [], compile_plan(workflow, get_node_executor_factory().catalogue))


@pytest.fixture(autouse=True)
def local_caller() -> Iterator[None]:
    """Whoever calls use cases in a test without saying so is on their own machine; code that isn't called by one
    finds no caller."""
    set_caller(LOCAL)
    yield
    forget_caller()


SECRET_KEY = "k1:" + "A" * 43 + "="


@dataclass
class Store:
    """A database with one workflow."""

    database: Database
    workflow: WorkflowRow

    def start(self, **changes: Any) -> RunStart:
        """A run of the workflow, about to begin."""
        values: dict[str, Any] = {
            "execution_id": new_id(),
            "version_id": self.workflow.version_id,
            "workflow_id": self.workflow.id,
            "workflow_name": self.workflow.name,
            "version": self.workflow.version,
            "mode": "MANUAL",
            "begin": "T",
            "input": ONE_EMPTY_ITEM,
        }
        return RunStart(**(values | changes))

    async def execution(self, **changes: Any) -> str:
        """The id of a run just recorded."""
        new = executions.NewExecution(self.start(), datetime.now(UTC), **changes)
        async with self.database.driver() as connection:
            assert await executions.insert(connection, new)
        return new.start.execution_id

    async def count(self, table: str) -> int:
        """The rows of a table."""
        async with self.database.single() as connection:
            return int((await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")).scalar_one())


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Store]:
    """A store of the test's own."""
    async with Database(postgres_url, pool_size=10) as database:
        async with database.transaction() as session:
            row = await workflows.create(session, new_id(), "ada", draft(chain("A", "B")))
        yield Store(database, row)


@dataclass
class Api:
    """The API and a worker in this process, on real servers."""

    stub: Any
    channel: grpc.aio.Channel
    server: "Server"
    parts: "Parts"
    client: "Client"

    async def create(self, data: dict[str, Any]) -> str:
        """The id of a workflow just stored."""
        from google.protobuf import json_format
        from workflow_engine.v1 import workflow_service_pb2

        request = json_format.ParseDict(data, workflow_service_pb2.CreateWorkflowRequest())
        response = await self.stub.CreateWorkflow(request)
        assert not response.problems, response.problems
        return str(response.workflow.id)


@pytest.fixture(scope="module")
async def api(module_postgres_url: str, temporal_client: "Client") -> AsyncIterator[Api]:
    """The API with a worker, for the tests of a module."""
    from services import wiring

    settings = api_settings(module_postgres_url, orchestrator_task_queue=new_id())
    parts = wiring.build_parts(settings)
    server = wiring.build_server(settings, temporal_client, parts=parts, eager=True, role=wiring.ServerRole(local=True))
    worker = wiring.build_worker(settings, temporal_client, parts=parts)
    await worker.start()
    await server.start()
    try:
        limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(server.address, options=limits) as channel:
            yield Api(WorkflowServiceStub(channel), channel, server, parts, temporal_client)
    finally:
        await server.stop()
        await worker.stop()
        await parts.close()


@pytest.fixture
async def redis() -> "AsyncIterator[RedisServer]":
    """A Redis that may be killed."""
    from tests.services.limits.redis_server import RedisServer

    server = RedisServer()
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
def settings_for() -> Callable[..., Settings]:
    """Makes settings for a server on a free port."""
    return api_settings


def api_settings(url: str, **changes: Any) -> Settings:
    """Settings for a server on a free port."""
    values = {
        "database_url": url,
        "grpc_host": "127.0.0.1",
        "grpc_port": 0,
        "http_host": "127.0.0.1",
        "http_port": 0,
        "secret_key": SECRET_KEY,
        "orchestrator_egress_allow": "127.0.0.1",
        "orchestrator_shutdown_seconds": 2,
        "orchestrator_drain_seconds": 0,
    }
    return Settings(**(values | changes))

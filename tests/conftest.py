"""The servers that tests run on: real ones, started once per process on free ports.

Fixtures import what they start, so that pure tests pay for none of it.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import services  # noqa: F401 - before any test imports gRPC, which it configures

if TYPE_CHECKING:
    import grpc
    from temporalio.client import Client
    from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

    from services.embedded import EmbeddedPostgres
    from temporal.dev_server import DevServer

_TEMPLATE = "migrated_template"
_numbers = itertools.count(1)


def pytest_xdist_auto_num_workers() -> int:
    """How many processes `-n auto` is: two for each core, as half of the time is waiting; each has its own servers."""
    return min(2 * (os.cpu_count() or 1), 8)


@pytest.fixture(scope="session")
def make_data_folder() -> Iterator[Callable[[], Path]]:
    """Makes folders for servers' data, outside of pytest's own: that one is closed to other users again and again."""
    in_memory = os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 4 * 2**30
    with tempfile.TemporaryDirectory(prefix="orchestrator-tests-", dir="/dev/shm" if in_memory else None) as root:
        yield lambda: Path(tempfile.mkdtemp(dir=root))


@pytest.fixture
def data_folder(make_data_folder: Callable[[], Path]) -> Path:
    """A folder for the data of a server of the test's own."""
    return make_data_folder()


@pytest.fixture(scope="session")
async def postgres(make_data_folder: Callable[[], Path]) -> "AsyncIterator[EmbeddedPostgres]":
    """A PostgreSQL server."""
    from services.embedded import EmbeddedPostgres

    server = EmbeddedPostgres(make_data_folder(), durable=False)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def postgres_template(postgres: "EmbeddedPostgres") -> str:
    """The name of a migrated database that fresh ones are copied from."""
    from services.store import migrate

    _create_database(postgres, _TEMPLATE, "template1")
    migrate.upgrade(postgres.url(_TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def empty_postgres_url(postgres: "EmbeddedPostgres") -> Iterator[str]:
    """A database of the test's own without tables."""
    yield from _database(postgres, "template1")


@pytest.fixture
def postgres_url(postgres: "EmbeddedPostgres", postgres_template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    yield from _database(postgres, postgres_template)


@pytest.fixture(scope="module")
def module_postgres_url(postgres: "EmbeddedPostgres", postgres_template: str) -> Iterator[str]:
    """A migrated database that the tests of a module share."""
    yield from _database(postgres, postgres_template)


@pytest.fixture(scope="session")
async def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> "AsyncIterator[DevServer]":
    """Temporal's development server, without its Web UI."""
    from temporal.dev_server import DevServer

    folder: Path = tmp_path_factory.mktemp("temporal")
    server = DevServer(database=folder / "temporal.db", log=folder / "temporal.log", keep=False)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def temporal_client(temporal_server: "DevServer") -> "Client":
    """A client with our data converter."""
    from temporal.client import connect

    return await connect(target_host=temporal_server.address, namespace=temporal_server.namespace)


@dataclass
class Running:
    """The API and a worker in this process, on the session's servers."""

    address: str
    channel: "grpc.aio.Channel"
    stub: "WorkflowServiceStub"
    client: "Client"


@pytest.fixture(scope="session")
async def stack(
    postgres: "EmbeddedPostgres", postgres_template: str, temporal_client: "Client"
) -> AsyncIterator[Running]:
    """Everything that a client of the API needs, for tests that only talk to it."""
    import grpc
    from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

    from services import wiring
    from services.settings import Settings

    _create_database(postgres, "stack", postgres_template)
    settings = Settings(
        database_url=postgres.url("stack"),
        grpc_host="127.0.0.1",
        grpc_port=0,
        http_host="127.0.0.1",
        http_port=0,
        orchestrator_task_queue="stack",
        orchestrator_shutdown_seconds=2,
        orchestrator_drain_seconds=0,
    )
    parts = wiring.build_parts(settings)
    server = wiring.build_server(settings, temporal_client, parts=parts, eager=True, role=wiring.ServerRole(local=True))
    worker = wiring.build_worker(settings, temporal_client, parts=parts)
    await worker.start()
    await server.start()
    limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(server.address, options=limits) as channel:
        yield Running(server.address, channel, WorkflowServiceStub(channel), temporal_client)
    await server.stop()
    await worker.stop()
    await parts.close()


def _database(postgres: "EmbeddedPostgres", template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _create_database(postgres, name, template)
    yield postgres.url(name)
    _execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def _create_database(postgres: "EmbeddedPostgres", name: str, template: str) -> None:
    _execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")


def _execute(postgres: "EmbeddedPostgres", statement: str) -> None:
    import psycopg

    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(statement)

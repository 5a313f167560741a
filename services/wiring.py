"""Builds the two roles, API server and worker, from settings: the only place where parts meet."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from activities.activities import Activities
from nodes import validation
from nodes.expression.expressions import Expressions
from nodes.factory import Catalogue, get_node_executor_factory
from nodes.files.store import FileStore
from nodes.http.egress import Egress
from nodes.resources import Resources
from nodes.sandbox.sandbox import Sandbox
from orchestrator.compiler import compile_plan
from orchestrator.errors import Problem
from orchestrator.model import Workflow
from orchestrator.plan import Plan
from services.rpc.server import GrpcServer
from services.settings import Settings
from services.store import migrate
from services.store.adapters import StoredDefinitions, StoredExecutions, StoredPayloads
from services.store.definitions import Definitions
from services.store.engine import Database
from services.store.integrations import Integrations
from services.store.listen import Listener
from services.usecases.backend import Backend
from temporal.client import Runs
from temporal.worker import make_worker

Check = Callable[[], Awaitable[object]]


@dataclass
class Parts:
    """What both roles need; in one process they share it."""

    settings: Settings
    database: Database
    definitions: Definitions
    catalogue: Catalogue
    resources: Resources

    async def check(self) -> None:
        """Raises unless PostgreSQL answers and has every migration."""
        await asyncio.to_thread(migrate.require_current, self.database.url)

    async def close(self) -> None:
        """Releases connections and processes."""
        await self.resources.close()
        await self.database.close()


def build_parts(settings: Settings) -> Parts:
    """The store, the catalogue and what executors reach the world through; nothing is connected yet."""
    catalogue = get_node_executor_factory().catalogue
    database = Database(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        echo=settings.database_echo,
    )
    resources = Resources(
        http=Egress(),
        sandbox=Sandbox(processes=settings.orchestrator_code_processes, isolation=settings.orchestrator_code_isolation),
        expressions=Expressions(processes=settings.orchestrator_expression_processes),
        files=FileStore(settings.orchestrator_files_url),
        credentials=Integrations(),
    )
    return Parts(settings, database, Definitions(database, _compiler(catalogue)), catalogue, resources)


class Server:
    """The API server."""

    def __init__(self, parts: Parts, client: Client, *, eager: bool, owns_parts: bool) -> None:
        settings = parts.settings
        self._parts = parts
        self._owns_parts = owns_parts
        self._listener = Listener(parts.database.url)
        backend = Backend(
            database=parts.database,
            definitions=parts.definitions,
            catalogue=parts.catalogue,
            validate=self._validate,
            runs=Runs(client, settings.orchestrator_task_queue, eager=eager),
            listener=self._listener,
        )
        checks: dict[str, Check] = {"postgresql": parts.database.ping, "temporal": client.service_client.check_health}
        self.grpc = GrpcServer(
            backend,
            checks,
            host=settings.grpc_host,
            port=settings.grpc_port,
            reflect=settings.grpc_reflection,
        )

    @property
    def address(self) -> str:
        """Where clients on this machine reach it."""
        return self.grpc.address

    async def start(self) -> None:
        """Checks the database and begins to answer."""
        await self._parts.check()
        await self._listener.start()
        await self.grpc.start()

    async def wait(self) -> None:
        """Returns once it has stopped."""
        await self.grpc.wait()

    async def stop(self) -> None:
        """Lets calls finish, then releases everything."""
        await self.grpc.stop(self._parts.settings.orchestrator_shutdown_seconds)
        await self._listener.stop()
        if self._owns_parts:
            await self._parts.close()

    async def _validate(self, workflow: Workflow) -> list[Problem]:
        resources = self._parts.resources
        return await validation.validate(workflow, self._parts.catalogue, resources.expressions, resources.sandbox)


class WorkerRole:
    """A worker that runs workflows and activities."""

    def __init__(self, parts: Parts, worker: Worker, *, owns_parts: bool) -> None:
        self._parts = parts
        self._worker = worker
        self._owns_parts = owns_parts
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Checks the database and begins to poll."""
        await self._parts.check()
        self._running = asyncio.create_task(self._worker.run(), name="worker")

    async def wait(self) -> None:
        """Returns once it has stopped; raises what stopped it."""
        if self._running is not None:
            await asyncio.shield(self._running)

    async def stop(self) -> None:
        """Lets activities finish, then releases everything."""
        if self._running is not None:
            await self._worker.shutdown()
            await asyncio.wait([self._running])
        if self._owns_parts:
            await self._parts.close()


def build_server(settings: Settings, client: Client, *, parts: Parts | None = None, eager: bool = False) -> Server:
    """The API server on a Temporal client; `parts` shared with a worker stay the caller's to close.

    `eager`: a worker on the same client, in this process, may take a run's first task without a round trip.
    """
    return Server(parts or build_parts(settings), client, eager=eager, owns_parts=parts is None)


def build_worker(settings: Settings, client: Client, *, parts: Parts | None = None, task_queue: str = "") -> WorkerRole:
    """A worker on a Temporal client for one task queue (empty: the settings' own); see build_server for `parts`."""
    shared = parts or build_parts(settings)
    activities = Activities(
        StoredDefinitions(shared.definitions),
        StoredPayloads(shared.database),
        StoredExecutions(shared.database, shared.definitions),
        shared.catalogue,
        shared.resources,
    )
    worker = make_worker(
        client,
        activities.all(),
        task_queue=task_queue or settings.orchestrator_task_queue,
        max_activities=settings.orchestrator_max_activities,
        graceful_shutdown=timedelta(seconds=settings.orchestrator_shutdown_seconds),
    )
    return WorkerRole(shared, worker, owns_parts=parts is None)


def _compiler(catalogue: Catalogue) -> Callable[[Workflow], Plan]:
    return lambda workflow: compile_plan(workflow, catalogue)

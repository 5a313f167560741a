"""Everything on one machine in one process: PostgreSQL, Temporal, the API and a worker."""

import asyncio
import importlib
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.embedded import EmbeddedPostgres
from temporal.dev_server import DevServer
from temporal.server_process import ServerError

if TYPE_CHECKING:
    from services.settings import Settings
    from services.wiring import Server, WorkerRole

_HOST = "127.0.0.1"
# Nobody else hears what goes over the loopback interface.
_NO_TLS = dict.fromkeys(("grpc_tls_cert", "grpc_tls_key", "grpc_tls_client_ca", "http_tls_cert", "http_tls_key"), "")
# How long calls and nodes under way may finish when we stop.
_GRACE = 3.0


@dataclass(frozen=True)
class Ports:
    """Where to listen; 0 takes a free port, None leaves the gateway or Temporal's Web UI off."""

    grpc: int = 0
    temporal: int = 0
    ui: int | None = None
    http: int | None = None


class Stack:
    """The four parts, with their data in one folder; without `keep` nobody will read that again."""

    def __init__(self, data: Path, ports: Ports = Ports(), *, keep: bool = True) -> None:
        self.data = data.absolute()
        self._ports = ports
        self._grace = _GRACE if keep else 0.2
        self._postgres = EmbeddedPostgres(self.data, durable=keep)
        self._temporal = DevServer(
            database=self.data / "temporal.db",
            log=self.data / "temporal.log",
            ip=_HOST,
            port=ports.temporal,
            ui_port=ports.ui,
            keep=keep,
        )
        self._started = AsyncExitStack()
        self._server: Server | None = None
        self._worker: WorkerRole | None = None

    @property
    def address(self) -> str:
        """Where the API is."""
        assert self._server, "start() comes first"
        return self._server.address

    @property
    def internal(self) -> str:
        """Where this process itself reaches the API, whatever its environment says of TLS."""
        assert self._server, "start() comes first"
        return self._server.grpc.internal

    def addresses(self) -> list[tuple[str, str]]:
        """Everything a user may want to look at."""
        assert self._server, "start() comes first"
        found = [("API", self.address), ("Temporal", self._temporal.address)]
        if self._server.http:
            found.insert(1, ("Web and REST", self._server.http.url))
        if self._temporal.ui_url:
            found.append(("Web UI", self._temporal.ui_url))
        return [*found, ("PostgreSQL", self._postgres.url()), ("Data", str(self.data))]

    async def start(self) -> None:
        """Starts all parts; ServerError says which one couldn't."""
        self._postgres.lock()
        self._started.push_async_callback(self._postgres.stop)
        self._started.push_async_callback(self._temporal.stop)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._temporal.start())
                url = group.create_task(self._database())
                await asyncio.sleep(0)  # both processes are spawned now
                # Importing takes longer than the servers need to start: do it meanwhile. Not in a thread:
                # two threads that import parts of one circular package fail each other.
                importlib.import_module("services.wiring")
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None  # the first; the others were cancelled for it
        await self._roles(url.result())

    async def stop(self) -> None:
        """Stops what was started, in the opposite order; one that fails doesn't keep the others."""
        await self._started.aclose()

    async def died(self) -> str:
        """Waits until a part ends by itself; says which, and how."""
        assert self._server, "start() comes first"
        assert self._worker, "start() comes first"
        waits = [
            asyncio.ensure_future(self._postgres.died()),
            asyncio.ensure_future(self._temporal.died()),
            asyncio.ensure_future(_ended("the API server", self._server.wait)),
            asyncio.ensure_future(_ended("the worker", self._worker.wait)),
        ]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return next(wait.result() for wait in waits if wait in done)
        finally:
            for wait in waits:
                wait.cancel()

    async def _database(self) -> str:
        url = await self._postgres.start()
        from alembic.util import CommandError

        from services.store import migrate

        try:
            await asyncio.to_thread(migrate.upgrade, url)
        except CommandError as error:
            advice = "use the version that made it, or another folder"
            raise ServerError(f"the database in {self.data} is of another version ({error}); {advice}") from None
        return url

    def _settings(self, url: str) -> "Settings":
        """What the environment says, and what is kept in the data folder where it says nothing."""
        from services.settings import load_settings
        from services.store.keyring import kept_key

        given = load_settings(database_url=url, **_NO_TLS)
        return load_settings(
            database_url=url,
            secret_key=given.secret_key or kept_key(self.data / "secret.key"),
            grpc_host=_HOST,
            grpc_port=self._ports.grpc,
            http_host=_HOST,
            http_port=self._ports.http or 0,
            # Nobody else hears what goes over the loopback interface.
            **dict.fromkeys(
                ("grpc_tls_cert", "grpc_tls_key", "grpc_tls_client_ca", "http_tls_cert", "http_tls_key"), ""
            ),
            orchestrator_temporal_ui_origin=given.orchestrator_temporal_ui_origin or self._temporal.ui_url,
            orchestrator_files_url=given.orchestrator_files_url or str(self.data / "files"),
            orchestrator_shutdown_seconds=self._grace,
            # There is one worker, and nobody to say which release is current.
            orchestrator_build_id="",
        )

    async def _roles(self, url: str) -> None:
        from services.observability import tracing
        from services.wiring import ServerRole, build_parts, build_server, build_worker, temporal_keys
        from temporal.client import connect

        settings = self._settings(url)
        address, namespace = self._temporal.address, self._temporal.namespace
        client = await connect(
            keys=temporal_keys(settings),
            measured=settings.orchestrator_metrics_port is not None,
            traced=tracing.wanted(),
            target_host=address,
            namespace=namespace,
        )
        parts = build_parts(settings)
        self._started.push_async_callback(parts.close)
        self._worker = build_worker(settings, client, parts=parts)
        self._started.push_async_callback(self._worker.stop)
        try:
            role = ServerRole(gateway=self._ports.http is not None, local=True)
            self._server = build_server(settings, client, parts=parts, eager=True, role=role)
        except OSError as error:
            raise ServerError(str(error)) from None
        self._started.push_async_callback(self._server.stop)
        await self._worker.start()
        await self._server.start()


async def _ended(name: str, wait: Callable[[], Coroutine[None, None, None]]) -> str:
    try:
        # Shielded, because gRPC takes the cancellation of a waiter for that of the server.
        await asyncio.shield(wait())
    except Exception as error:  # noqa: BLE001 - whatever ended it is what we are asked for
        return f"{name} ended: {type(error).__name__}: {error}"
    return f"{name} ended"

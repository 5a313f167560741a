"""PostgreSQL, Temporal, two servers, two workers and a service with effects, with a proxy on every wire."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc.aio
import psutil
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceStub
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from services.cli.signing import signing
from services.embedded import DATABASE, EmbeddedPostgres
from services.store import migrate
from services.store.keyring import new_key
from temporal.dev_server import DevServer, free_port
from tests.faults.harness.disk import Disk
from tests.faults.harness.proxy import Proxy
from tests.faults.harness.role import ORCHESTRATOR, Role

START = 120.0
_PASSWORD = "correct horse battery\n"
_FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
_CHANNEL = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


class Cluster:
    """All processes of a small production, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # What must be found nowhere but where it is due.
        self.canaries = {
            "credential": f"canary-{secrets.token_hex(12)}",
            "environment": f"canary-{secrets.token_hex(12)}",
        }
        self.keys = [new_key()]
        self.disk = Disk(folder / "disk")
        self.postgres: EmbeddedPostgres
        self.temporal: DevServer
        self.roles: dict[str, Role] = {}
        self.proxies: dict[str, Proxy] = {}
        self.stubs: list[WorkflowServiceStub] = []
        self.tasks: list[HumanTaskServiceStub] = []
        self.integrations: list[IntegrationServiceStub] = []
        self.webhooks: list[str] = []
        self.clock = folder / "clock"
        self._temporal_port = free_port("127.0.0.1")
        self._effects_port = free_port("127.0.0.1")
        self._effects: subprocess.Popen[bytes] | None = None
        self._stack = AsyncExitStack()

    @property
    def has_clock(self) -> bool:
        """Whether clocks can be stepped here."""
        return _FAKETIME is not None

    @property
    def effects_url(self) -> str:
        """Where workers find the service, through its proxy."""
        return f"http://127.0.0.1:{self.proxies['worker-effects'].port}"

    @property
    def database_url(self) -> str:
        """The database without a proxy, for the checks."""
        return self.postgres.url()

    async def start(self) -> None:
        """Starts everything, and waits until it is ready."""
        self.clock.write_text("+0")
        self.disk.mount()
        self._stack.callback(self.disk.unmount)
        self.postgres = EmbeddedPostgres(self.disk.folder)  # a commit that was answered must outlive a kill
        await self.postgres.start()
        self._stack.push_async_callback(self._stop_postgres)
        await asyncio.to_thread(migrate.upgrade, self.database_url)
        self.temporal = self._new_temporal()
        await self.temporal.start()
        self._stack.push_async_callback(self._stop_temporal)
        self._start_effects()
        await self._start_proxies()
        api_key = await self._owner()
        for name in ("serve-1", "serve-2", "worker-1", "worker-2"):
            await self._start_role(name)
        await asyncio.gather(*(role.ready(START) for role in self.roles.values()))
        await self._connect(api_key)

    async def stop(self) -> None:
        """Stops everything."""
        for role in self.roles.values():
            if role.alive:
                role.terminate()
        await asyncio.gather(*(role.ended(30) for role in self.roles.values()))
        await self._stack.aclose()

    def journal(self) -> dict[str, Any]:
        """What effects there were."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._effects_port}/", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def signal(self, server: str, number: signal.Signals) -> None:
        """Sends a signal to all processes of PostgreSQL or Temporal."""
        root = psutil.Process((self.postgres if server == "postgres" else self.temporal).pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue

    async def kill_server(self, server: str) -> None:
        """`kill -9` of PostgreSQL or Temporal."""
        self.signal(server, signal.SIGKILL)
        await (self.postgres if server == "postgres" else self.temporal).died()

    async def stop_postgres(self) -> None:
        """An orderly stop, as at an upgrade."""
        self.signal("postgres", signal.SIGINT)
        await self.postgres.died()

    async def revive_server(self, server: str) -> None:
        """Starts PostgreSQL or Temporal again, if it is down."""
        if server == "postgres":
            if not psutil.pid_exists(self.postgres.pid) or self._zombie(self.postgres.pid):
                await self.postgres.start()
            return
        if not psutil.pid_exists(self.temporal.pid) or self._zombie(self.temporal.pid):
            self.temporal = self._new_temporal()
            await self.temporal.start()

    def set_keys(self, keys: Sequence[str]) -> None:
        """What the roles are started with from now on."""
        self.keys = list(keys)
        for role in self.roles.values():
            role.environment["SECRET_KEY"] = ",".join(keys)

    async def command(self, *arguments: str, given: str = "") -> str:
        """Runs our own command against the database."""
        process = await asyncio.create_subprocess_exec(
            ORCHESTRATOR,
            *arguments,
            env={**self._environment(), "DATABASE_URL": self.database_url},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await process.communicate(given.encode())
        assert process.returncode == 0, error.decode()
        return out.decode()

    @staticmethod
    def _zombie(pid: int) -> bool:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    def _new_temporal(self) -> DevServer:
        folder = self.folder
        return DevServer(database=folder / "temporal.db", log=folder / "temporal.log", port=self._temporal_port)

    async def _stop_temporal(self) -> None:
        await self.temporal.stop()

    async def _stop_postgres(self) -> None:
        await self.postgres.stop()

    def _start_effects(self) -> None:
        module = "tests.faults.harness.effects"
        command = [sys.executable, "-m", module, str(self._effects_port), self.canaries["credential"]]
        self._effects = subprocess.Popen(command, cwd=Path(__file__).parents[3])
        self._stack.callback(self._effects.wait)
        self._stack.callback(self._effects.kill)

    async def _start_proxies(self) -> None:
        socket = Path(self.postgres.folder / "postgres" / ".s.PGSQL.5432")
        await self._proxy("worker-effects", ("127.0.0.1", self._effects_port))
        for role in ("serve-1", "serve-2", "worker-1", "worker-2"):
            await self._proxy(f"{role}-postgres", socket)
            await self._proxy(f"{role}-temporal", ("127.0.0.1", self._temporal_port))

    async def _proxy(self, name: str, target: tuple[str, int] | Path) -> Proxy:
        proxy = self.proxies[name] = Proxy(name, target)
        await proxy.start()
        self._stack.push_async_callback(proxy.stop)
        return proxy

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GRPC_HOST": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1",
            "ORCHESTRATOR_EGRESS_ALLOW": "127.0.0.0/8",
            "ORCHESTRATOR_FILES_URL": str(self.folder / "files"),
            "ORCHESTRATOR_RATE_LIMIT": "0",
            "ORCHESTRATOR_SHUTDOWN_SECONDS": "5",
            "ORCHESTRATOR_EXPRESSION_PROCESSES": "1",
            "ORCHESTRATOR_CODE_PROCESSES": "1",
            "SECRET_KEY": ",".join(self.keys),
            "CANARY": self.canaries["environment"],
        }

    async def _owner(self) -> str:
        arguments = ("users", "create", "owner@example.org", "--owner", "--api-key", "--json")
        made = json.loads(await self.command(*arguments, given=_PASSWORD))
        return str(made["api_key"])

    async def _start_role(self, name: str) -> None:
        environment = self._environment()
        environment |= {
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{self.proxies[f'{name}-postgres'].port}/{DATABASE}",
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self.proxies[f'{name}-temporal'].port}",
        }
        if name.startswith("serve"):
            grpc_port, http_port = free_port("127.0.0.1"), free_port("127.0.0.1")
            environment |= {"GRPC_PORT": str(grpc_port), "HTTP_PORT": str(http_port)}
            await self._proxy(f"client-{name}", ("127.0.0.1", grpc_port))
            await self._proxy(f"web-{name}", ("127.0.0.1", http_port))
            self.webhooks.append(f"http://127.0.0.1:{self.proxies[f'web-{name}'].port}/webhook/")
        if name.endswith("2") and _FAKETIME:
            environment |= {
                "LD_PRELOAD": str(_FAKETIME),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        self.roles[name] = Role(name, name[:-2], self.folder / f"{name}.log", environment)
        self.roles[name].start()

    async def _connect(self, api_key: str) -> None:
        signed = signing([("authorization", f"Bearer {api_key}")])
        for name in ("serve-1", "serve-2"):
            address = f"127.0.0.1:{self.proxies[f'client-{name}'].port}"
            channel = grpc.aio.insecure_channel(address, options=_CHANNEL, interceptors=signed)
            self._stack.push_async_callback(channel.close)
            self.stubs.append(WorkflowServiceStub(channel))
            self.tasks.append(HumanTaskServiceStub(channel))
            self.integrations.append(IntegrationServiceStub(channel))

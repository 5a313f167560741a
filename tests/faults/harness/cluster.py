"""PostgreSQL, Temporal, two servers, two workers and a service with effects, with a proxy on every wire."""

import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil

from services.embedded import DATABASE, EmbeddedPostgres
from services.store import migrate
from services.store.keyring import new_key
from temporal.dev_server import DevServer, free_port, is_free
from temporal.server_process import ServerError
from tests.faults.harness.api import Api
from tests.faults.harness.disk import Disk
from tests.faults.harness.proxy import Proxy
from tests.faults.harness.role import ORCHESTRATOR, Role

START = 120.0
# How many processes each role keeps for expressions, for Python and for JavaScript.
SANDBOXES = 1
_PASSWORD = "correct horse battery\n"
_FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


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
        self.disks = {server: Disk(folder / f"disk-{server}") for server in ("postgres", "temporal")}
        self.postgres: EmbeddedPostgres
        self.temporal: DevServer
        self.roles: dict[str, Role] = {}
        self.proxies: dict[str, Proxy] = {}
        self.api = Api()
        self.clock = folder / "clock"
        self._temporal_port = free_port("127.0.0.1")
        self._effects_port = free_port("127.0.0.1")
        self._effects: subprocess.Popen[bytes] | None = None
        self._stack = AsyncExitStack()

    def explained(self, wrong: str) -> str:
        """With what the logs, which go with the cluster, say of an incident that is named in it."""
        named = re.search(r"incident \w+", wrong)
        if named is None:
            return wrong
        incident = named.group().split()[1]
        lines = [line for log in self.folder.glob("*.log") for line in log.read_text().splitlines() if incident in line]
        return "\n".join([wrong, *lines])

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
        for disk in self.disks.values():
            disk.mount()
            self._stack.callback(disk.unmount)
        # A commit that was answered must outlive a kill.
        self.postgres = EmbeddedPostgres(self.disks["postgres"].folder)
        await self.postgres.start()
        self._stack.push_async_callback(self._stop_postgres)
        await asyncio.to_thread(migrate.upgrade, self.database_url)
        self.temporal = self._new_temporal()
        await self.temporal.start()
        self._stack.push_async_callback(self._stop_temporal)
        await self._run_effects()
        self._stack.callback(self._stop_effects)
        await self._start_proxies()
        api_key = await self._owner()
        for name in ("serve-1", "serve-2", "worker-1", "worker-2"):
            await self._start_role(name)
        await asyncio.gather(*(role.ready(START) for role in self.roles.values()))
        doors = [(self.proxies[f"client-{name}"], self.proxies[f"web-{name}"]) for name in ("serve-1", "serve-2")]
        await self.api.connect(doors, api_key)
        self._stack.push_async_callback(self.api.close)

    async def stop(self) -> None:
        """Stops everything."""
        for role in self.roles.values():
            if role.alive:
                role.terminate()
        await asyncio.gather(*(role.ended(30) for role in self.roles.values()))
        await self._stack.aclose()

    def journal(self) -> dict[str, Any]:
        """What effects there were."""
        found: dict[str, Any] = httpx.get(f"http://127.0.0.1:{self._effects_port}/", timeout=30).json()
        return found

    def written(self) -> list[Path]:
        """Every log, and Temporal's database."""
        return [*self.folder.glob("*.log"), *self.disks["temporal"].folder.glob("*")]

    def signal(self, server: str, number: signal.Signals) -> None:
        """Sends a signal to all processes of PostgreSQL or Temporal."""
        root = psutil.Process((self.postgres if server == "postgres" else self.temporal).pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue

    async def kill_server(self, server: str) -> None:
        """`kill -9` of PostgreSQL, Temporal or the service with effects."""
        if server == "effects":
            self._stop_effects()
        else:
            self.signal(server, signal.SIGKILL)
            await (self.postgres if server == "postgres" else self.temporal).died()

    async def stop_server(self, server: str) -> None:
        """An orderly stop of PostgreSQL or Temporal, as at an upgrade."""
        if server == "postgres":
            self.signal(server, signal.SIGINT)
            await self.postgres.died()
        else:
            await self.temporal.stop()

    async def revive_server(self, server: str) -> None:
        """Starts PostgreSQL, Temporal or the service with effects again, if it is down."""
        if server == "effects":
            await self._run_effects()
        elif server == "postgres":
            if not self._runs(self.postgres):
                await self._start_postgres()
        elif not self._runs(self.temporal):
            self.temporal = self._new_temporal()
            await self.temporal.start()

    async def _start_postgres(self) -> None:
        """Once more if it ends while starting, as what watches over it would."""
        try:
            await self.postgres.start()
        except ServerError:
            await self.postgres.start()

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
    def _runs(server: EmbeddedPostgres | DevServer) -> bool:
        try:
            return psutil.Process(server.pid).status() != psutil.STATUS_ZOMBIE
        except (AssertionError, psutil.NoSuchProcess):
            return False

    def _new_temporal(self) -> DevServer:
        database = self.disks["temporal"].folder / "temporal.db"
        return DevServer(database=database, log=self.folder / "temporal.log", port=self._temporal_port)

    async def _stop_temporal(self) -> None:
        await self.temporal.stop()

    async def _stop_postgres(self) -> None:
        await self.postgres.stop()

    def _start_effects(self) -> None:
        module = "tests.faults.harness.effects"
        journal = str(self.folder / "journal")
        command = [sys.executable, "-m", module, str(self._effects_port), self.canaries["credential"], journal]
        self._effects = subprocess.Popen(command, cwd=Path(__file__).parents[3])

    async def _run_effects(self) -> None:
        self._start_effects()
        deadline = time.monotonic() + START
        while is_free(self._effects_port):
            assert time.monotonic() < deadline, "the service with effects doesn't start"
            await asyncio.sleep(0.05)

    def _stop_effects(self) -> None:
        assert self._effects
        self._effects.kill()
        self._effects.wait()

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
            "ORCHESTRATOR_EXPRESSION_PROCESSES": str(SANDBOXES),
            "ORCHESTRATOR_CODE_PROCESSES": str(SANDBOXES),
            "ORCHESTRATOR_PUBLIC_URL": "http://127.0.0.1",
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
        if name.endswith("2") and _FAKETIME:
            environment |= {
                "LD_PRELOAD": str(_FAKETIME),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        self.roles[name] = Role(name, name[:-2], self.folder / f"{name}.log", environment)
        self.roles[name].start()

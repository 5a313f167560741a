"""Starts Temporal's own development server (SQLite, one process) and stops it."""

import asyncio
import contextlib
import random
import shutil
import socket
import sysconfig
import tempfile
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from temporal import search_attributes
from temporal.server_process import ServerError, ServerProcess

# The defaults of 20 polls a second are a 50 ms tick on every step under load.
_DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=1000",
    "history.transferProcessorMaxPollHostRPS=1000",
    # Workspaces take turns where tasks have to wait.
    "matching.enableFairness=true",
    # Each partition of a queue has turns of its own, so that a task may wait seconds in one that is asked seldom.
    "matching.numTaskqueueWritePartitions=1",
    "matching.numTaskqueueReadPartitions=1",
)
# With synchronous=normal a power cut, though no killed process, may lose the last moments.
_PRAGMAS = ("journal_mode=wal", "synchronous=normal")
_START_TIMEOUT = 60.0
# Below what Linux gives to whoever asks for any port.
_PORTS = (20_000, 32_768)
_chance = random.SystemRandom()


class DevServer:
    """One development server; without a database file it keeps its data in memory."""

    def __init__(
        self,
        *,
        database: Path | None = None,
        log: Path | None = None,
        ip: str = "127.0.0.1",
        port: int = 0,
        ui_port: int | None = None,
        keep: bool = True,
        namespace: str = "default",
        dynamic_config: tuple[str, ...] = (),
    ) -> None:
        """Port 0 takes a free one; `ui_port` None leaves the Web UI off, 0 takes a free port for it.

        `keep` False says that nobody will read the database again.
        """
        self._keep = keep and database is not None
        self.namespace = namespace
        self._dynamic_config = _DYNAMIC_CONFIG + dynamic_config
        self._ip = ip
        self._port = port or free_port(ip)
        self._ui_port = free_port(ip) if ui_port == 0 else ui_port
        self._database = database
        self._own_folder = None if log else tempfile.TemporaryDirectory(prefix="orchestrator-temporal-")
        log = log or Path(self._own_folder.name if self._own_folder else ".") / "temporal.log"
        self._process = ServerProcess("Temporal's development server", log)

    @property
    def address(self) -> str:
        """Where clients connect: host:port."""
        return f"{self._ip}:{self._port}"

    @property
    def ui_url(self) -> str:
        """Where the Web UI is; empty without one."""
        return f"http://{self._ip}:{self._ui_port}" if self._ui_port else ""

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it answers; ServerError if it doesn't."""
        for port in filter(None, (self._port, self._ui_port)):
            if not is_free(port, self._ip):
                raise ServerError(f"port {port} on {self._ip} is in use; choose another or stop what uses it")
        binary = find_binary() or await _download_binary()
        await self._process.spawn(self._command(binary), env={"GOGC": "400"})
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                await self._answering()
        except TimeoutError:
            error = self._process.failure(f"didn't answer within {_START_TIMEOUT:.0f} s")
            await self.stop()
            raise error from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop it, at once if there is no data to keep; harmless if it isn't running."""
        await self._process.stop(grace=10 if self._keep else 0)
        if self._own_folder:
            self._own_folder.cleanup()

    async def died(self) -> str:
        """Waits until the server ends; says how."""
        return await self._process.died()

    async def _answering(self) -> None:
        while not await self._answers():
            if not self._process.running:
                raise self._process.failure("ended while starting")
            await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(self._ip, self._port)
            writer.close()
            client = await Client.connect(self.address, namespace=self.namespace)
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=self.namespace))
        except (OSError, RPCError, RuntimeError):  # the SDK's failure to connect is a RuntimeError
            return False
        return True

    def _command(self, binary: str) -> list[str]:
        command = [binary, "server", "start-dev", "--disable-config-file", "--disable-config-env"]
        command += ["--log-level", "warn", "--ip", self._ip, "--port", str(self._port)]
        command += ["--namespace", self.namespace]
        command += ["--ui-port", str(self._ui_port), "--ui-disable-news-fetch"] if self._ui_port else ["--headless"]
        for setting in self._dynamic_config:
            command += ["--dynamic-config-value", setting]
        for key in search_attributes.KEYS:
            command += ["--search-attribute", f"{key.name}=Keyword"]
        if self._database:
            command += ["--db-filename", str(self._database)]
            for pragma in _PRAGMAS:
                command += ["--sqlite-pragma", pragma]
        return command


def find_binary() -> str | None:
    """The `temporal` command: beside this Python first, as its version is the pinned one, else on PATH."""
    return shutil.which("temporal", path=sysconfig.get_path("scripts")) or shutil.which("temporal")


def free_port(ip: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on.

    None of those that systems give to whoever asks for any: it is still free when a server is started again there.
    """
    while not is_free(port := _chance.randrange(*_PORTS), ip):
        pass
    return port


def is_free(port: int, ip: str = "127.0.0.1") -> bool:
    """Whether a server could listen on a TCP port."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError:
            return False
        return True


async def _download_binary() -> str:
    """Lets the SDK fetch its own version of the server (for platforms that the wheel doesn't serve)."""
    from temporalio.testing import WorkflowEnvironment

    folder = Path.home() / ".cache" / "orchestrator" / "temporal"
    folder.mkdir(parents=True, exist_ok=True)
    environment = await WorkflowEnvironment.start_local(download_dest_dir=str(folder))
    await environment.shutdown()
    found = sorted(folder.glob("temporal-*"))
    if not found:
        raise ServerError("no `temporal` command found; install it from https://temporal.io/setup/install-temporal-cli")
    return str(found[-1])

"""A process of production, `orchestrator serve` or `worker`, that is killed and started again."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))
READY = '"ready"'


class Role:
    """One server or worker."""

    def __init__(self, name: str, command: str, log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        self.environment = dict(environment)
        # Processes that the role started, and that must be gone once it is.
        self.left: list[psutil.Process] = []
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._read_from = 0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it; it is ready some seconds later."""
        self._read_from = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [ORCHESTRATOR, self._command], env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    async def ready(self, within: float) -> None:
        """Waits until it says that it is ready; it is started again if it gives up, as a supervisor would."""
        async with asyncio.timeout(within):
            while not self._said_ready():
                if not self.alive:
                    self.start()
                await asyncio.sleep(0.1)

    def kill(self) -> None:
        """`kill -9`."""
        self._note_children()
        assert self._process
        self._process.kill()
        self._process.wait()
        # What libfaketime shares between processes, and removes at an orderly end.
        for shared in Path("/dev/shm").glob(f"*faketime_*_{self._process.pid}"):
            shared.unlink()

    def terminate(self) -> None:
        """SIGTERM: it drains."""
        self._note_children()
        assert self._process
        self._process.send_signal(signal.SIGTERM)

    async def ended(self, within: float) -> None:
        """Waits for its end, and kills it if that doesn't come."""
        assert self._process
        try:
            await asyncio.to_thread(self._process.wait, within)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def root(self) -> psutil.Process:
        """The process itself."""
        assert self._process
        return psutil.Process(self._process.pid)

    def _note_children(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.left += self.root.children(recursive=True)

    def _said_ready(self) -> bool:
        with self.log.open("rb") as log:
            log.seek(self._read_from)
            return READY in log.read().decode(errors="replace")

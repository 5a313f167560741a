"""Starts, talks to and kills one worker process."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nodes.errors import RetryableError
from nodes.sandbox import bubblewrap
from nodes.sandbox.channel import MAX_PIECES, head

Isolation = Literal["auto", "bwrap", "process"]

START_TIMEOUT = 30.0
_BOOT = "import sys; sys.path[:0] = sys.argv[2:]; from nodes.sandbox.serve import main; main()"
_ROOT = Path(__file__).resolve().parents[2]


class SandboxUnavailable(RetryableError):
    """No worker process can be started here and now."""

    default_code = "SANDBOX_UNAVAILABLE"


class WorkerDied(Exception):
    """The worker process ended before it answered."""


class WorkerTimeout(Exception):
    """The worker process didn't answer in time, and has been killed."""


class WorkerOverflow(Exception):
    """The worker process answered with more than it may, and has been killed."""


@dataclass(frozen=True)
class Program:
    """A worker program: the module to run, and the files that it needs beside Python itself."""

    module: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()  # searched for imports
    files: tuple[Path, ...] = ()  # visible in a file system that shows nothing else
    address_space: int = 2 << 30
    open_files: int = 16
    chroot: bool = True
    orphaned: bool = False  # ends by itself when its parent is gone, and its own children with it


class Worker:
    """One running worker process."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket, folder: Path) -> None:
        self._process = process
        self._socket = channel
        self._folder = folder
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self.boundaries: tuple[str, ...] = ()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None and not self._reader.at_eof()

    async def connect(self) -> None:
        """Wait until it says that it is ready."""
        self._reader, self._writer = await asyncio.open_connection(sock=self._socket, limit=1 << 20)
        try:
            answer = await self.receive(START_TIMEOUT, 1 << 16)
        except (WorkerDied, WorkerTimeout, WorkerOverflow) as error:
            raise SandboxUnavailable(f"the sandbox's process did not start: {error}") from error
        if answer[0] != b"ready":
            reason = answer[1].decode("utf-8", "replace") if len(answer) > 1 else "no reason given"
            raise SandboxUnavailable(f"the sandbox's process did not start: {reason}")
        self.boundaries = tuple(json.loads(answer[1]))
        # It lives on in its folder, in which nothing can be made any more.
        shutil.rmtree(self._folder, ignore_errors=True)

    def send(self, pieces: Sequence[bytes]) -> None:
        """Hand over a request; `receive` waits for it to be taken, too."""
        self._writer.write(b"".join([head(pieces), *pieces]))

    async def receive(self, timeout: float, limit: int) -> list[bytes]:
        """The next frame, of at most `limit` bytes, within `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                return await self._receive(limit)
        except TimeoutError:
            self.kill()
            raise WorkerTimeout(f"no answer within {timeout:g} s") from None
        except (asyncio.IncompleteReadError, OSError):
            self.kill()
            raise WorkerDied(f"the process ended ({_ending(self._process)})") from None

    async def _receive(self, limit: int) -> list[bytes]:
        (count,) = struct.unpack(">I", await self._reader.readexactly(4))
        if count > MAX_PIECES:
            self.kill()
            raise WorkerOverflow(f"the answer has {count} parts")
        lengths = struct.unpack(f">{count}Q", await self._reader.readexactly(8 * count))
        if sum(lengths) > limit:
            self.kill()
            raise WorkerOverflow(f"the answer has {sum(lengths)} bytes, of at most {limit}")
        return [await self._reader.readexactly(length) for length in lengths]

    def kill(self) -> None:
        """End it and all it started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        if hasattr(self, "_writer"):
            self._writer.transport.abort()
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _ending(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    if code is None or code >= 0:
        return f"exit status {code}"
    return f"signal {signal.Signals(-code).name}"


async def launch(program: Program, isolation: Isolation) -> Worker:
    """Start a worker process, confined as far as this machine allows."""
    worker = _start(program, bubblewrap.wanted(isolation))
    try:
        await worker.connect()
    except BaseException:
        worker.kill()
        raise
    return worker


def _start(program: Program, wrapped: bool) -> Worker:
    # From the event loop's own thread: the kernel ends a worker when the thread that started it ends.
    ours, theirs = socket.socketpair()
    folder = Path(tempfile.mkdtemp(prefix="sandbox-"))
    folder.chmod(0o755)  # the worker may be another user by the time it goes there
    try:
        process = subprocess.Popen(
            _command(program, theirs.fileno(), folder, wrapped),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            cwd=folder,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    except OSError as error:
        ours.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise SandboxUnavailable(f"the sandbox's process did not start: {error.strerror}") from error
    finally:
        theirs.close()
    return Worker(process, ours, folder)


def _command(program: Program, channel: int, folder: Path, wrapped: bool) -> list[str]:
    confinement = {
        "wrapped": wrapped,
        "orphaned": program.orphaned,
        "parent": os.getpid(),
        "folder": str(folder) if program.chroot and not wrapped else None,
        "address_space": program.address_space,
        "open_files": program.open_files,
    }
    options = {
        "channel": channel,
        "program": program.module,
        "settings": dict(program.settings),
        "confinement": confinement,
    }
    # The environment's own interpreter would read site-packages' start-up files; this one reads none.
    python = os.path.realpath(sys.executable)
    paths = [str(_ROOT), *map(str, program.folders)]
    command = [python, "-I", "-S", "-c", _BOOT, json.dumps(options), *paths]
    if wrapped:
        return [*bubblewrap.prefix([_ROOT / "nodes", _ROOT / "orchestrator", *program.files]), *command]
    return command

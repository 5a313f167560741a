"""Runs a server as a child process that never outlives this one, whatever ends it."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_TAIL_BYTES = 4096
# What a server may see of our environment; the rest (keys, database URLs) is none of its business.
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Account:
    """A user of the operating system to run as."""

    uid: int
    gid: int


class ServerError(Exception):
    """A server that didn't start or has died, with the last lines of its log."""


class ServerProcess:
    """One server, in a session of its own so that Ctrl-C in a terminal reaches only us."""

    def __init__(self, name: str, log: Path, *, stop_signal: signal.Signals = signal.SIGTERM) -> None:
        self.name = name
        self._log = log
        self._stop_signal = stop_signal
        self._process: asyncio.subprocess.Process | None = None

    async def spawn(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, account: Account | None = None
    ) -> None:
        """Start the command. Call it from the main thread.

        Linux sends the death signal when the thread that spawned ends, not only the process.
        """
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment() | dict(env or {}),
                start_new_session=True,
                # uvloop takes no `user` and `group`.
                preexec_fn=_prepared(self._stop_signal, account),
            )

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None, "spawn() comes first"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and hasn't ended."""
        return self._process is not None and self._process.returncode is None

    async def ended(self) -> int:
        """Waits until it ends, whoever ends it; returns its exit code, negative for a signal."""
        assert self._process is not None, "spawn() comes first"
        return await self._process.wait()

    async def died(self) -> str:
        """Waits until it ends, whoever ends it; says how."""
        return f"{self.name} ended ({describe_exit(await self.ended())})"

    def failure(self, what: str) -> ServerError:
        """An error that says what went wrong and quotes the end of the log."""
        tail = tail_of(self._log)
        quoted = f"; its log ({self._log}) ends:\n{tail}" if tail else ""
        return ServerError(f"{self.name} {what}{quoted}")

    async def stop(self, grace: float = 10) -> None:
        """Ask it to stop, and after `grace` seconds (at once, if 0) kill it with all its children."""
        if self._process is None:
            return
        if self._process.returncode is None and grace:
            self._process.send_signal(self._stop_signal)
            await asyncio.wait([asyncio.create_task(self._process.wait())], timeout=grace)
        if self._process.returncode is None:
            self._kill_group()
            await self._process.wait()
        self._process = None

    def _kill_group(self) -> None:
        assert self._process is not None
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def environment() -> dict[str, str]:
    """The part of our environment that a server gets."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def tail_of(log: Path) -> str:
    """The last lines of a log file."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-15:])


def describe_exit(code: int) -> str:
    """An exit code in words."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _prepared(stop_signal: signal.Signals, account: Account | None) -> Callable[[], None]:
    """What the child does before it becomes the server."""
    set_death_signal = _die_with_parent(stop_signal)

    def prepare() -> None:
        if account:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
        # A change of the user would clear it.
        set_death_signal()

    return prepare


def _die_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def set_death_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return set_death_signal

"""Takes from the running process what untrusted code must not have, before its first job."""

import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass

NOBODY = 65534
_CLONE = {"user": 0x10000000, "net": 0x40000000, "ipc": 0x08000000, "uts": 0x04000000, "mount": 0x00020000}
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CAPABILITY_VERSION_3 = 0x20080522


class ConfinementError(Exception):
    """A step that must not fail did."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """How far a worker is locked in: the folder it may see at most, and what it may use.

    `wrapped` says that bubblewrap has done the rest; otherwise the worker must be a child of `parent`.
    `orphaned` says that the worker itself ends when its parent does; otherwise the kernel sees to it.
    """

    wrapped: bool
    orphaned: bool
    parent: int
    folder: str | None
    address_space: int
    open_files: int


def confine(wanted: Confinement) -> list[str]:
    """Lock this process in for good; returns the names of the boundaries that are in force."""
    done = ["bwrap"] if wanted.wrapped else []
    if sys.platform == "linux":
        done += _linux(wanted)
    elif os.getuid() == 0 and _become_nobody():
        done.append("user")
    _limit(wanted)
    done.append("limits")
    if not wanted.wrapped and os.getppid() != wanted.parent:
        raise ConfinementError("the parent process is gone")
    return done


def allow_cpu(seconds: float) -> None:
    """Let this process use that much more processor time; the kernel kills it after that."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 2
    _set(resource.RLIMIT_CPU, soft, keep_hard=True)


def forbid_processes(*pids: int) -> None:
    """Take from this process and the given ones the right to start others."""
    _set(resource.RLIMIT_NPROC, 0)
    if sys.platform == "linux":
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_NPROC, (0, 0))


def _linux(wanted: Confinement) -> list[str]:
    libc = ctypes.CDLL(None, use_errno=True)
    done = [] if wanted.wrapped else _separate(libc, wanted.folder)
    _drop_capabilities(libc)
    if not wanted.orphaned:
        # Changing the user clears this setting, so it comes after.
        _prctl(libc, _PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
    return done


def _separate(libc: ctypes.CDLL, folder: str | None) -> list[str]:
    """Leave what can be left of the host; where the kernel refuses a step, it isn't in the answer."""
    shared = _CLONE["net"] | _CLONE["ipc"] | _CLONE["uts"] | _CLONE["mount"]
    root = os.getuid() == 0
    done = []
    if root and libc.unshare(shared) == 0:
        done.append("network")
        done += _only(folder)
    if root and _become_nobody():
        done.append("user")
    if "network" not in done and libc.unshare(shared | _CLONE["user"]) == 0:
        done.append("network")
        done += _only(folder)
    return done


def _only(folder: str | None) -> list[str]:
    if folder is None:
        return []
    try:
        os.chroot(folder)
    except PermissionError:
        return []
    os.chdir("/")
    return ["files"]


def _become_nobody() -> bool:
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    except PermissionError:
        return False  # root without its capabilities, as in a locked-down container
    return True


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise ConfinementError(f"capset: {os.strerror(ctypes.get_errno())}")


def set_dumpable(value: bool) -> None:
    """Whether this process's /proc entries belong to its own user (needed to run an inherited file)."""
    if sys.platform == "linux":
        _prctl(ctypes.CDLL(None, use_errno=True), _PR_SET_DUMPABLE, int(value))


def _prctl(libc: ctypes.CDLL, option: int, value: int) -> None:
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise ConfinementError(f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def _limit(wanted: Confinement) -> None:
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_FSIZE, 0)
    _set(resource.RLIMIT_NOFILE, wanted.open_files)
    if sys.platform == "linux":  # elsewhere the limit is missing or refuses values below what is mapped
        _set(resource.RLIMIT_AS, wanted.address_space)


def _set(which: int, value: int, *, keep_hard: bool = False) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, hard if keep_hard else value))

"""Wraps a worker process in bubblewrap, where it is installed and allowed to work."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from nodes.errors import PermanentError

_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")


class IsolationError(PermanentError):
    """The isolation that the operator asks for isn't to be had here."""

    default_code = "ISOLATION_UNAVAILABLE"


def wanted(isolation: Literal["auto", "bwrap", "process"]) -> bool:
    """Whether to use bubblewrap; IsolationError where it is demanded and doesn't work."""
    if isolation == "process":
        return False
    if works():
        return True
    if isolation == "bwrap":
        raise IsolationError(
            "bubblewrap is demanded for code, but doesn't work here",
            hint="Install bubblewrap and allow user namespaces, or set the isolation to auto or process.",
        )
    return False


@functools.cache
def works() -> bool:
    """Whether bubblewrap is on PATH and can make its namespaces here."""
    if shutil.which("bwrap") is None:
        return False
    try:
        command = [*prefix([]), os.path.realpath(sys.executable), "-I", "-S", "-c", "pass"]
        return subprocess.run(command, capture_output=True, env={}, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def prefix(files: Sequence[Path]) -> list[str]:
    """The start of a command that runs the rest with nothing but Python and these files in sight."""
    command = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--cap-drop", "ALL", "--clearenv"]
    command += ["--unshare-user", "--uid", "65534", "--gid", "65534", "--die-with-parent", "--new-session"]
    for system in _SYSTEM:
        if os.path.islink(system):
            command += ["--symlink", os.readlink(system), system]
        elif os.path.exists(system):
            command += ["--ro-bind", system, system]
    python = Path(sys.base_prefix).resolve()
    for path in [python, *files]:
        if not str(path).startswith("/usr/"):
            command += ["--ro-bind", str(path), str(path)]
    return [*command, "--proc", "/proc", "--dev", "/dev", "--dir", "/empty", "--chdir", "/empty", "--"]

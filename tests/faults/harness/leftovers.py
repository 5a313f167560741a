"""What must not be left behind: processes whose parent was killed, and more of anything than a role may have."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Collection, Sequence

import psutil

from tests.faults.harness.role import Role

# Sandboxes start when they are first needed, each with bubblewrap's two processes and at most one below it.
_PROGRAMS = ("nodes.expression.worker", "nodes.sandbox.python_worker", "nodes.sandbox.javascript_worker")
_IN_A_SANDBOX = 4
# The main thread, ten or so of Temporal's and gRPC's; asyncio's for blocking calls come as they are needed.
_THREADS = 24 + 2 * (os.cpu_count() or 1)
_FILES = 128


def outliving(left: Sequence[psutil.Process], within: float = 10) -> list[str]:
    """Those that still run after so many seconds."""
    _, alive = psutil.wait_procs(list(left), within)
    return [f"process {one.pid} ({one.name()}) outlives what started it" for one in alive if one.is_running()]


def excess(name: str, root: psutil.Process, sandboxes: int) -> list[str]:
    """Where a role has more than `sandboxes` sandboxes of a kind, other processes, or too many threads or files."""
    counts = Counter(program_of(child.cmdline()) for child in root.children())
    below = len(root.children(recursive=True))
    wrong = [f"{name}: {count} processes of {program}" for program, count in counts.items() if count > sandboxes]
    wrong += [f"{name}: {program}, which is no sandbox" for program in counts.keys() - set(_PROGRAMS)]
    found = {
        "processes": (below, _IN_A_SANDBOX * counts.total()),
        "threads": (root.num_threads(), _THREADS),
        "files": (root.num_fds(), _FILES),
    }
    return wrong + [f"{name}: {n} {what}, of at most {most}" for what, (n, most) in found.items() if n > most]


def program_of(command: Sequence[str]) -> str:
    """The program of a sandbox's process, by its command line; else the command itself."""
    for argument in command:
        if argument.startswith("{") and '"program"' in argument:
            return str(json.loads(argument)["program"])
    return " ".join(command) or "a process that has ended"


async def leftovers(roles: Collection[Role]) -> list[str]:
    """What dead processes had started and is not gone; forgets it."""
    left = [process for role in roles for process in role.left]
    for role in roles:
        role.left.clear()
    return await asyncio.to_thread(outliving, left)

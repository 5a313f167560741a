"""The connection between a process and the one that started it: that it is ready, and that the other lives.

Its number among the open files is in an environment variable. A process whose parent dies ends itself in order, so that
nothing is left behind.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable

VARIABLE = "ORCHESTRATOR_LIFELINE"
# The port where the metrics are, 0 for none.
_READY = struct.Struct("!I")


def hold(orphaned: Callable[[], object]) -> Callable[[int], object]:
    """What says that we are ready, with our metrics' port; `orphaned` is called once the parent is gone.

    Without a parent that wants to know, nothing happens.
    """
    number = os.environ.pop(VARIABLE, "")
    if not number:
        return lambda port: None
    ours = socket.socket(fileno=int(number))
    ours.setblocking(False)
    loop = asyncio.get_running_loop()

    def heard() -> None:
        loop.remove_reader(ours)
        orphaned()

    loop.add_reader(ours, heard)
    return lambda port: ours.send(_READY.pack(port))


class Lifeline:
    """The parent's end, for one process."""

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair()
        self._ours.setblocking(False)

    async def ready(self) -> int | None:
        """The port of its metrics once the process is ready; None if it ended before."""
        said = await asyncio.get_running_loop().sock_recv(self._ours, _READY.size)
        return int(_READY.unpack(said)[0]) if len(said) == _READY.size else None

    def handed_over(self) -> None:
        """The process has its end; ours alone is left."""
        self.theirs.close()

    def close(self) -> None:
        """Lets go."""
        self._ours.close()

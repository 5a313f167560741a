"""The main loop of a worker process: confine, say ready, then answer one request after another."""

import json
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Protocol

from nodes.sandbox.channel import ChannelClosed, read_frame, write_frame
from nodes.sandbox.confine import Confinement, confine


class Engine(Protocol):
    """What a worker program must offer; its module's `Engine` is built before the process is confined."""

    def start(self, channel: int) -> None:
        """Make ready, inside the confinement; the parent is at the other end of the channel."""

    def answer(self, request: list[bytes]) -> Iterator[list[bytes]]:
        """The frames that answer a request."""

    def rest(self) -> None:
        """Called between requests."""


def main() -> None:
    """Run the worker that the command line describes until its parent goes away."""
    options = json.loads(sys.argv[1])
    descriptor = options["channel"]
    os.set_inheritable(descriptor, False)
    try:
        engine: Engine = import_module(options["program"]).Engine(**options["settings"])
        boundaries = confine(Confinement(**options["confinement"]))
        engine.start(descriptor)
        engine.rest()
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear why there is no worker
        write_frame(descriptor, [b"failed", f"{type(error).__name__}: {error}".encode()])
        return
    write_frame(descriptor, [b"ready", json.dumps(boundaries).encode()])
    try:
        while True:
            request = read_frame(descriptor)
            for answer in engine.answer(request):
                write_frame(descriptor, answer)
            engine.rest()
    except (ChannelClosed, OSError):
        return

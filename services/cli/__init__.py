"""The command line: `orchestrator` and its commands."""

import contextlib
import os
import sys


def main() -> None:
    """Runs the command line that the process was started with, and ends the process.

    Without Python's own finalisation: Temporal's SDK keeps native threads, and one that comes back to Python while
    it is being torn down aborts the process, whatever the exit code was to be.
    """
    from services.cli.app import app

    try:
        app()
    except SystemExit as end:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # nobody reads it any more
                stream.flush()
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))

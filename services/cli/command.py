"""Runs a command's coroutine and ends the process as its result or its Failure says."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

import typer

from services.cli.failure import Exit, Failure, report

_INTERRUPTED = 130


def perform(work: Coroutine[Any, Any, Exit], *, as_json: bool = False) -> NoReturn:
    """Run it to its end; exit codes as everywhere: 0 done, 1 failed, 2 invalid."""
    _prepare_streams()
    try:
        code = int(asyncio.run(work))
    except Failure as failure:
        report(failure, as_json)
        code = int(failure.exit_code)
    except (KeyboardInterrupt, asyncio.CancelledError):
        code = _INTERRUPTED
    raise typer.Exit(code)


def _prepare_streams() -> None:
    """A terminal that can't show a character gets an escape instead of ending us."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")

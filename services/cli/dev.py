"""`orchestrator dev`: everything on this machine, until Ctrl-C or until a part of it dies."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from services.cli.console import on_stop_signals
from services.cli.failure import Exit, Failure
from services.cli.process import current_settings, settled
from services.stack import Ports, Stack
from temporal.dev_server import is_free
from temporal.server_process import ServerError

_T = TypeVar("_T")
_TEMPORAL_PORT = 7233
_UI_PORT = 8233


@dataclass(frozen=True)
class Wanted:
    """The ports that were asked for; None where nothing was said."""

    grpc: int | None = None
    ui: int | None = None
    temporal: int | None = None
    http: int | None = None


async def dev(data: Path, wanted: Wanted, *, ui: bool) -> Exit:
    """The whole command."""
    settings = current_settings("dev", for_people=True)
    stopping = asyncio.Event()
    on_stop_signals(stopping.set)
    ports = Ports(
        grpc=settings.grpc_port if wanted.grpc is None else wanted.grpc,
        temporal=preferred(_TEMPORAL_PORT) if wanted.temporal is None else wanted.temporal,
        ui=(preferred(_UI_PORT) if wanted.ui is None else wanted.ui) if ui else None,
        http=preferred(settings.http_port) if wanted.http is None else wanted.http,
    )
    stack = Stack(data, ports)
    death = None
    try:
        await _until(stopping, asyncio.ensure_future(stack.start()))
        if not stopping.is_set():
            settled()
            _announce(stack)
            death = await _until(stopping, asyncio.ensure_future(stack.died()))
    except ServerError as error:
        raise Failure(str(error), "START_FAILED") from None
    finally:
        await stack.stop()
    if death:
        raise Failure(f"{death}; everything is stopped", "PART_DIED")
    print("Stopped.")
    return Exit.OK


def preferred(port: int) -> int:
    """The port that people expect, or 0 (any) where it is taken."""
    return port if is_free(port) else 0


async def _until(stopping: asyncio.Event, task: "asyncio.Future[_T]") -> _T | None:
    """The result of the task, or None if we are told to stop before it is there."""
    stop = asyncio.ensure_future(stopping.wait())
    await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait([task])
    return None


def _announce(stack: Stack) -> None:
    print("Orchestrator is ready.")
    for name, value in stack.addresses():
        print(f"  {name:12}  {value}")
    print(f"Run a workflow: ORCHESTRATOR_ADDRESS={stack.address} orchestrator run FILE")
    print("Ctrl-C stops everything.", flush=True)

"""A server of our own for the time of one command."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator.model import Workflow
from services.cli.console import on_stop_signals, status
from services.cli.failure import Failure, refuse_errors
from services.cli.process import log_only_trouble
from services.cli.validate import find_problems
from services.stack import Ports, Stack
from temporal.server_process import ServerError


@asynccontextmanager
async def embedded(workflow: Workflow) -> AsyncIterator[str]:
    """The address of a server that starts while the workflow is validated, and is stopped and forgotten after."""
    log_only_trouble()
    command = asyncio.current_task()
    assert command
    on_stop_signals(command.cancel)
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as folder:
        stack = Stack(Path(folder), Ports(grpc=0, ui=None, temporal=0), keep=False)
        starting = asyncio.create_task(stack.start())
        try:
            if workflow.nodes:
                refuse_errors(await find_problems(workflow))
            with status("Starting PostgreSQL, Temporal, the API and a worker for this run …"):
                await starting
            yield stack.internal
        except ServerError as error:
            raise Failure(f"the embedded server didn't start: {error}", "START_FAILED") from None
        finally:
            starting.cancel()
            await asyncio.wait([starting])
            await stack.stop()

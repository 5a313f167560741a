"""`orchestrator serve`, `worker` and `migrate`: the roles of production, each a process of its own."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog
from alembic.util import CommandError
from sqlalchemy.exc import OperationalError
from temporalio.client import Client
from temporalio.service import RPCError

from services.cli.console import on_stop_signals
from services.cli.failure import Exit, Failure
from services.cli.process import current_settings, settled
from services.store import migrate as migrations
from services.wiring import build_parts, build_server, build_worker
from temporal.client import connect

_log = structlog.get_logger(__name__)


class Role(Protocol):
    """What a process does until it is told to stop."""

    async def start(self) -> None:
        """Begins."""

    async def wait(self) -> None:
        """Returns once it has ended by itself."""

    async def stop(self) -> None:
        """Finishes what is under way, then ends."""


async def serve() -> Exit:
    """The API server."""
    settings = current_settings("server")
    client = await _client()
    try:
        server = build_server(settings, client)
    except OSError as error:
        raise Failure(str(error), "PORT_TAKEN") from None
    return await _run([server])


async def worker(queues: Sequence[str]) -> Exit:
    """A worker for each queue, on one store."""
    settings = current_settings("worker")
    client = await _client()
    parts = build_parts(settings)
    try:
        names = list(dict.fromkeys(queues)) or [settings.orchestrator_task_queue]
        return await _run([build_worker(settings, client, parts=parts, task_queue=name) for name in names])
    finally:
        await parts.close()


async def migrate() -> Exit:
    """Runs the missing migrations."""
    settings = current_settings("migrate")
    try:
        await asyncio.to_thread(migrations.upgrade, settings.database_url.get_secret_value())
    except OperationalError as error:
        raise _unreachable(error) from None
    except CommandError as error:
        raise Failure(f"the database is of another version of this program: {error}", "SCHEMA_UNKNOWN") from None
    print("The database is up to date.")
    return Exit.OK


async def _run(roles: Sequence[Role]) -> Exit:
    stopping = asyncio.Event()
    on_stop_signals(stopping.set)
    ends: list[asyncio.Task[None]] = []
    try:
        for role in roles:
            await role.start()
        settled()
        ends = [asyncio.create_task(role.wait()) for role in roles]
        told = asyncio.create_task(_told(stopping))
        _log.info("ready")
        await asyncio.wait([told, *ends], return_when=asyncio.FIRST_COMPLETED)
    except OperationalError as error:
        raise _unreachable(error) from None
    except migrations.SchemaBehind as error:
        raise Failure(str(error), "SCHEMA_BEHIND") from None
    finally:
        _log.info("stopping")
        for role in roles:
            await role.stop()
    await asyncio.gather(*ends)
    return Exit.OK if stopping.is_set() else Exit.FAILED


async def _told(stopping: asyncio.Event) -> None:
    await stopping.wait()


async def _client() -> Client:
    try:
        return await connect()
    except (RuntimeError, RPCError, ValueError) as error:  # the SDK's failure to connect is a RuntimeError
        raise Failure(f"Temporal can't be reached: {error}. Check TEMPORAL_ADDRESS", "UNAVAILABLE") from None


def _unreachable(error: OperationalError) -> Failure:
    return Failure(f"PostgreSQL can't be reached: {error.orig}. Check DATABASE_URL", "UNAVAILABLE")

"""`orchestrator serve`, `worker` and `migrate`: the roles of production, each a process of its own."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog
from alembic.util import CommandError
from sqlalchemy.exc import OperationalError
from temporalio.client import Client

from nodes.factory import get_node_executor_factory
from services.cli import lifeline
from services.cli.console import on_stop_signals
from services.cli.failure import Exit, Failure
from services.cli.operating import temporal, unreachable
from services.cli.process import current_settings, settled
from services.observability import tracing
from services.settings import Settings
from services.store import migrate as migrations
from services.tls import TlsError
from services.wiring import build_server, build_worker, queues_of
from temporal.queues import DEFAULT, KNOWN
from temporal.server_process import ServerError

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
    client = await _client(settings)
    try:
        server = build_server(settings, client)
    except TlsError as error:
        raise Failure(str(error), "BAD_SETTINGS") from None
    except OSError as error:
        raise Failure(str(error), "PORT_TAKEN") from None
    except ServerError as error:
        raise Failure(str(error), "BAD_SETTINGS") from None
    return await _run([server])


async def worker(queues: Sequence[str]) -> Exit:
    """A worker on these queues, or on all."""
    settings = current_settings("worker")
    names = _queues(queues, settings.orchestrator_task_queue)
    client = await _client(settings)
    try:
        role = build_worker(settings, client, queues=names)
    except ServerError as error:
        raise Failure(str(error), "PORT_TAKEN") from None
    return await _run([role], role.metrics_port)


async def migrate() -> Exit:
    """Runs the missing migrations."""
    settings = current_settings("migrate")
    try:
        url = settings.database_url.get_secret_value()
        if await asyncio.to_thread(migrations.is_ahead, url):
            print("A later release has migrated the database; nothing is to be done.")
            return Exit.OK
        await asyncio.to_thread(migrations.upgrade, url)
    except OperationalError as error:
        raise unreachable(error) from None
    except CommandError as error:
        raise Failure(f"the database is of another version of this program: {error}", "SCHEMA_UNKNOWN") from None
    print("The database is up to date.")
    return Exit.OK


def _queues(named: Sequence[str], runs: str) -> list[str]:
    known = list(dict.fromkeys([*KNOWN, *queues_of(get_node_executor_factory().catalogue)]))
    # The task queue of the runs goes by its own name, too.
    queues = list(dict.fromkeys(DEFAULT if name == runs else name for name in named))
    for name in queues:
        if name not in known:
            raise Failure(f"there is no queue {name!r}; there are {', '.join(known)}", "UNKNOWN_QUEUE")
    return queues


async def _run(roles: Sequence[Role], metrics_port: int = 0) -> Exit:
    stopping = asyncio.Event()
    on_stop_signals(stopping.set)
    say_ready = lifeline.hold(stopping.set)
    ends: list[asyncio.Task[None]] = []
    try:
        for role in roles:
            await role.start()
        settled()
        ends = [asyncio.create_task(role.wait()) for role in roles]
        told = asyncio.create_task(_told(stopping))
        _log.info("ready")
        say_ready(metrics_port)
        await asyncio.wait([told, *ends], return_when=asyncio.FIRST_COMPLETED)
    except OperationalError as error:
        raise unreachable(error) from None
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


async def _client(settings: Settings) -> Client:
    measured = settings.orchestrator_metrics_port is not None
    return await temporal(settings, measured=measured, traced=tracing.wanted())

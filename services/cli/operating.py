"""The database and Temporal themselves, for the operator's commands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError, ProgrammingError

from services.cli.failure import Failure, from_service
from services.cli.process import current_settings
from services.errors import ServiceError
from services.settings import Settings
from services.store.engine import Database

if TYPE_CHECKING:
    from temporalio.client import Client


@asynccontextmanager
async def operated(command: str) -> AsyncIterator[tuple[Settings, Database]]:
    """The settings and the database at DATABASE_URL; its errors leave this block as Failures."""
    settings = current_settings(command, for_people=True)
    try:
        async with Database(settings.database_url.get_secret_value()) as database:
            yield settings, database
    except OperationalError as error:
        raise unreachable(error) from None
    except ProgrammingError:
        raise Failure("the database lacks tables; run `orchestrator migrate`", "SCHEMA_BEHIND") from None
    except ServiceError as error:
        raise from_service(error) from None


def unreachable(error: OperationalError) -> Failure:
    """PostgreSQL doesn't answer: why, in one line."""
    why = " ".join(str(error.orig).split())
    return Failure(f"PostgreSQL can't be reached: {why}. Check DATABASE_URL", "UNAVAILABLE")


async def temporal(settings: Settings, *, measured: bool = False, traced: bool = False) -> "Client":
    """Temporal, by its own environment variables, with metrics and traces or without; Failure if it doesn't answer."""
    from temporalio.service import RPCError

    from services.wiring import temporal_keys
    from temporal.client import connect

    try:
        return await connect(keys=temporal_keys(settings), measured=measured, traced=traced)
    except (RuntimeError, RPCError, ValueError) as error:  # the SDK's failure to connect is a RuntimeError
        raise Failure(f"Temporal can't be reached: {error}. Check TEMPORAL_ADDRESS", "UNAVAILABLE") from None

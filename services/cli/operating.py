"""The database itself, for the operator's commands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import OperationalError, ProgrammingError

from services.cli.failure import Failure, from_service
from services.cli.process import current_settings
from services.errors import ServiceError
from services.settings import Settings
from services.store.engine import Database


@asynccontextmanager
async def operated(command: str) -> AsyncIterator[tuple[Settings, Database]]:
    """The settings and the database at DATABASE_URL; its errors leave this block as Failures."""
    settings = current_settings(command, for_people=True)
    try:
        async with Database(settings.database_url.get_secret_value()) as database:
            yield settings, database
    except OperationalError as error:
        raise Failure(f"PostgreSQL can't be reached: {error.orig}. Check DATABASE_URL", "UNAVAILABLE") from None
    except ProgrammingError:
        raise Failure("the database lacks tables; run `orchestrator migrate`", "SCHEMA_BEHIND") from None
    except ServiceError as error:
        raise from_service(error) from None

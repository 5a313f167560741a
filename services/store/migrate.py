"""Brings a database's schema up to date."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from services.store import limits as _limits  # noqa: F401 - declares its tables
from services.store import rates as _rates  # noqa: F401 - declares its tables
from services.store import results as _results  # noqa: F401 - declares its tables
from services.store import retention_days as _retention_days  # noqa: F401 - declares its table
from services.store.engine import CONNECT_TIMEOUT, database_url
from services.store.identity import tables as _identity_tables  # noqa: F401 - declares its tables
from services.store.memory import tables as _memory_tables  # noqa: F401 - declares its tables
from services.store.people import tables as _people_tables  # noqa: F401 - declares its tables
from services.store.tables import Base
from services.store.triggers import polling_tables as _polling_tables  # noqa: F401 - declares its table
from services.store.triggers import tables as _trigger_tables  # noqa: F401 - declares its tables

# Any number that is ours alone: whoever migrates holds this advisory lock.
_LOCK = 7_215_501


class SchemaBehind(RuntimeError):
    """The database lacks migrations that this version of the program needs."""


def upgrade(url: str, revision: str = "head") -> None:
    """Runs the missing migrations in one transaction; two at a time wait for each other."""

    def run(connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(_config(connection), revision)

    _within(url, run)


def downgrade(url: str, revision: str) -> None:
    """Undoes migrations down to `revision` ("base" for all)."""
    _within(url, lambda connection: command.downgrade(_config(connection), revision))


def generate(url: str, message: str) -> None:
    """Writes a new migration module from the difference between the tables and the database."""
    _within(url, lambda connection: command.revision(_config(connection), message, autogenerate=True))


def differences(url: str) -> list[Any]:
    """What the migrated database lacks of the declared tables, or has beyond them."""
    found: list[Any] = []

    def run(connection: Connection) -> None:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        found.extend(compare_metadata(context, Base.metadata))

    _within(url, run)
    return found


def require_current(url: str) -> None:
    """Raises SchemaBehind unless every migration has run; those of the next release may have run, too."""

    def run(connection: Connection) -> None:
        current, head = _revisions(connection)
        if current < head:
            at = f"the database is at migration {current or 'none'}"
            raise SchemaBehind(f"{at}, this program needs {head}; run `orchestrator migrate`")

    _within(url, run)


def is_ahead(url: str) -> bool:
    """Whether a later release has migrated the database."""
    found: list[bool] = []

    def run(connection: Connection) -> None:
        current, head = _revisions(connection)
        found.append(current > head)

    _within(url, run)
    return found[0]


def _revisions(connection: Connection) -> tuple[str, str]:
    """The last migration that has run, and the last that we know; they are numbered with four digits."""
    current = MigrationContext.configure(connection).get_current_revision()
    return current or "", ScriptDirectory.from_config(_config(connection)).get_current_head() or ""


def _within(url: str, run: Callable[[Connection], object]) -> None:
    engine = create_engine(database_url(url), poolclass=NullPool, connect_args={"connect_timeout": CONNECT_TIMEOUT})
    with engine.begin() as connection:
        run(connection)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("services.store") / "migrations"))
    config.attributes["connection"] = connection
    return config

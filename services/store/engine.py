"""Connects to PostgreSQL: a pool for SQLAlchemy and one for psycopg alone, with time limits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import QueuePool

from services.store.drivers import Driver, Drivers, Use

STATEMENT_TIMEOUT = 60.0
CONNECT_TIMEOUT = 10
# Seconds to wait for a connection of a pool.
_PATIENCE = 30
_FAILURES = (psycopg.OperationalError, psycopg.InterfaceError)
_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


def database_url(url: str) -> URL:
    """The URL for SQLAlchemy; ValueError (which never shows the URL) if it isn't PostgreSQL's."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("not a URL; write postgresql://user:password@host:5432/database") from None
    if parsed.drivername not in _SCHEMES:
        scheme = parsed.drivername[:30]
        raise ValueError(f"{scheme!r} isn't PostgreSQL; write postgresql://user:password@host:5432/database")
    return parsed.set(drivername="postgresql+psycopg")


def connection_string(url: str) -> str:
    """The URL for psycopg itself."""
    return database_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class Database:
    """One PostgreSQL database and its pool of connections."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        echo: bool = False,
        statement_timeout: float = STATEMENT_TIMEOUT,
        application_name: str = "orchestrator",
    ) -> None:
        self.url = url
        self.drivers = Drivers(self._connect, pool_size, _PATIENCE)
        timeout = int(statement_timeout * 1000)
        options = f"-c statement_timeout={timeout} -c idle_in_transaction_session_timeout={timeout}"
        self._arguments: dict[str, Any] = {
            "options": options,
            "application_name": application_name,
            "connect_timeout": CONNECT_TIMEOUT,
        }
        self.engine: AsyncEngine = create_async_engine(
            database_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=_PATIENCE,
            pool_use_lifo=True,
            echo=echo,
            hide_parameters=not echo,
            connect_args=self._arguments,
        )
        # A statement of its own needs no BEGIN and COMMIT around it: one round trip instead of three.
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def sessions(self) -> QueuePool:
        """The pool of SQLAlchemy's connections."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        return pool

    @asynccontextmanager
    async def single(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which every statement is a transaction of its own."""
        async with self._autocommit.connect() as connection:
            yield connection

    def driver(self) -> "DriverUse":
        """As `single`, but psycopg's own connection: for statements at every step of a run, and for large bodies.

        SQLAlchemy's layers cost more than such a statement does.
        """
        return DriverUse(self.drivers)

    async def _connect(self) -> Driver:
        return await psycopg.AsyncConnection[Any].connect(
            connection_string(self.url), autocommit=True, row_factory=namedtuple_row, **self._arguments
        )

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session to read with; each statement sees what is committed when it begins."""
        async with AsyncSession(self._autocommit, expire_on_commit=False, autoflush=False) as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose changes are committed at the end, or not at all."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    async def ping(self) -> None:
        """Raises unless PostgreSQL answers."""
        async with self.single() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def close(self) -> None:
        """Closes every connection."""
        await self.drivers.close()
        await self.engine.dispose()

    async def __aenter__(self) -> "Database":
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()


class DriverUse(Use):
    """Lends one of psycopg's connections; its failures become SQLAlchemy's, so that there is one kind to handle."""

    async def __aenter__(self) -> Driver:
        try:
            return await super().__aenter__()
        except _FAILURES as error:
            raise OperationalError(None, None, error) from error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if isinstance(error, _FAILURES):
            raise OperationalError(None, None, error) from error

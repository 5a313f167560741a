"""Connects to PostgreSQL: one pool per process, with time limits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

STATEMENT_TIMEOUT = 60.0
CONNECT_TIMEOUT = 10
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
        timeout = int(statement_timeout * 1000)
        options = f"-c statement_timeout={timeout} -c idle_in_transaction_session_timeout={timeout}"
        self.engine: AsyncEngine = create_async_engine(
            database_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=30,
            pool_use_lifo=True,
            echo=echo,
            hide_parameters=not echo,
            connect_args={
                "options": options,
                "application_name": application_name,
                "connect_timeout": CONNECT_TIMEOUT,
            },
        )
        # A statement of its own needs no BEGIN and COMMIT around it: one round trip instead of three.
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def single(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which every statement is a transaction of its own."""
        async with self._autocommit.connect() as connection:
            yield connection

    @asynccontextmanager
    async def driver(self) -> "AsyncIterator[psycopg.AsyncConnection[tuple[Any, ...]]]":
        """As `single`, but psycopg's own connection: it alone sends and reads large bodies in binary."""
        async with self.single() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert isinstance(raw, psycopg.AsyncConnection)
            try:
                yield raw
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                if raw.broken or raw.closed:
                    await connection.invalidate()
                raise OperationalError(None, None, error) from error

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
        await self.engine.dispose()

    async def __aenter__(self) -> "Database":
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

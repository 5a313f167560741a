"""Looks at PostgreSQL: version, schema, rights, clock, connections, and what is sealed in it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from alembic.util import CommandError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from services.doctor.finding import Finding, failed, ok, warning
from services.settings import Settings
from services.store import migrate
from services.store.engine import CONNECT_TIMEOUT, Database, connection_string
from services.store.integrations import place_of
from services.store.keyring import KeyRing, Unsealable, read_keys
from services.store.tables import Base, IntegrationRow

TESTED = 18
OLDEST = 14
_VECTOR = (0, 8)
_SKEW, _GREAT_SKEW = timedelta(seconds=1), timedelta(seconds=30)
# Every column whose values SECRET_KEY seals.
SEALED = (("integrations", "sealed"), ("oauth_tokens", "access_token"), ("oauth_tokens", "refresh_token"))


class PostgreSql:
    """The checks of one database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = settings.database_url.get_secret_value()

    async def check(self) -> AsyncIterator[Finding]:
        """All of them, as far as it answers."""
        try:
            connection = await psycopg.AsyncConnection.connect(
                connection_string(self._url), autocommit=True, connect_timeout=CONNECT_TIMEOUT
            )
        except psycopg.Error as error:
            yield failed("PostgreSQL", f"it can't be reached: {str(error).strip()}", "check DATABASE_URL")
            return
        async with connection:
            yield _version(connection)
            yield await _encrypted(connection)
            yield await _clock(connection)
            yield await self._pool(connection)
            yield await _vector(connection)
            schema = await asyncio.to_thread(self._schema)
            yield schema
            if schema.advice:
                return
            yield await _rights(connection)
            async for finding in self._keys(connection):
                yield finding

    def _schema(self) -> Finding:
        try:
            migrate.require_current(self._url)
        except migrate.SchemaBehind as error:
            return failed("migrations", str(error), "run `orchestrator migrate`")
        except (CommandError, SQLAlchemyError) as error:
            return failed("migrations", f"they can't be told: {error}", "is the program older than the database?")
        return ok("migrations", "all have run")

    async def _pool(self, connection: psycopg.AsyncConnection[Any]) -> Finding:
        # One for each of two pools, and one that listens.
        needed = 2 * self._settings.database_pool_size + 1
        row = await _row(
            connection,
            "SELECT current_setting('max_connections')::int"
            " - coalesce(current_setting('superuser_reserved_connections', true)::int, 0), count(*)"
            " FROM pg_stat_activity WHERE backend_type = 'client backend'",
        )
        most, used = row[0], row[1]
        says = f"a process keeps up to {needed} connections; the server allows {most}, of which {used} are in use"
        if needed > most:
            return failed("connections", says, "lower DATABASE_POOL_SIZE, or raise PostgreSQL's max_connections")
        if 2 * needed > most:
            advice = "two processes need more than that: lower DATABASE_POOL_SIZE, or raise max_connections"
            return warning("connections", says, advice)
        return ok("connections", f"{says}: room for {most // needed} processes")

    async def _keys(self, connection: psycopg.AsyncConnection[Any]) -> AsyncIterator[Finding]:
        used = await _key_ids(connection)
        given = self._settings.secret_key
        if given is None:
            if used:
                message = f"it isn't set, and {_listed(used)} sealed what the database holds"
                yield failed("SECRET_KEY", message, "set it to the keys that servers and workers had")
            else:
                advice = "make one with `orchestrator credentials new-key`, and set it for servers and workers"
                yield warning("SECRET_KEY", "it isn't set: no credentials can be kept", advice)
            return
        ring = await asyncio.to_thread(read_keys, given.get_secret_value())
        missing = [key_id for key_id in used if key_id not in ring.keys]
        if missing:
            message = f"it lacks {_listed(missing)}, under which values in the database are sealed"
            yield failed("SECRET_KEY", message, "add the old key after the current one")
            return
        stuck = await self._stuck(ring, used)
        if stuck:
            yield failed("SECRET_KEY", f"stored values don't open: {stuck}", "is it the key that sealed them?")
            return
        old = [key_id for key_id in used if key_id != ring.current]
        if old:
            message = f"{_listed(old)} still seals values; the current key is {ring.current!r}"
            yield warning("SECRET_KEY", message, "run `orchestrator credentials rotate-keys`")
            return
        yield ok("SECRET_KEY", f"the key {ring.current!r} seals, and opens what is stored")

    async def _stuck(self, ring: KeyRing, used: list[str]) -> str:
        """Tries one value under each key; what doesn't open, and why."""
        async with Database(self._url, pool_size=1) as database, database.reading() as session:
            for key_id in used:
                header = bytes([1, len(key_id)]) + key_id.encode()
                begins = func.substr(IntegrationRow.sealed, 1, len(header)) == header
                query = select(IntegrationRow).where(begins).limit(1)
                row = (await session.scalars(query)).first()
                if row is None:
                    continue
                try:
                    ring.open(row.sealed, place_of(row))
                except Unsealable as error:
                    return f"integration {row.id}: {error}"
        return ""


def _version(connection: psycopg.AsyncConnection[Any]) -> Finding:
    version = connection.info.server_version // 10000
    if version < OLDEST:
        return failed("PostgreSQL", f"it is version {version}", f"upgrade it to {TESTED}")
    if version < TESTED:
        return warning("PostgreSQL", f"it is version {version}", f"this release is tested on {TESTED}")
    return ok("PostgreSQL", f"version {version} answers")


async def _encrypted(connection: psycopg.AsyncConnection[Any]) -> Finding:
    ssl, address = await _row(
        connection, "SELECT ssl, inet_client_addr() FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    )
    if ssl:
        return ok("PostgreSQL's TLS", "the connection is encrypted")
    if address is None or address.is_loopback:
        return ok("PostgreSQL's TLS", "none, and none needed: the server is on this machine")
    advice = "add sslmode=verify-full&sslrootcert=FILE to DATABASE_URL"
    return warning("PostgreSQL's TLS", f"the connection from {address} isn't encrypted", advice)


async def _clock(connection: psycopg.AsyncConnection[Any]) -> Finding:
    before = datetime.now(UTC)
    (theirs,) = await _row(connection, "SELECT clock_timestamp()")
    return skew("clock", "PostgreSQL's", theirs - (before + (datetime.now(UTC) - before) / 2))


def skew(subject: str, whose: str, by: timedelta) -> Finding:
    """How far another clock is from ours, and whether that matters."""
    side = "ahead of" if by > timedelta(0) else "behind"
    says = f"{whose} clock is {abs(by.total_seconds()):.1f} s {side} this machine's"
    if abs(by) < _SKEW:
        return ok(subject, f"{whose} clock is this machine's")
    make = failed if abs(by) >= _GREAT_SKEW else warning
    return make(subject, says, "have both machines follow the same time servers (NTP)")


async def _vector(connection: psycopg.AsyncConnection[Any]) -> Finding:
    row = await _row(connection, "SELECT max(extversion) FROM pg_extension WHERE extname = 'vector'")
    if row[0] is None:
        advice = "install pgvector on the database's server, and run CREATE EXTENSION vector"
        return warning("pgvector", "it isn't there: VECTOR_STORE won't work", advice)
    if tuple(int(part) for part in row[0].split(".")[:2]) < _VECTOR:
        return warning("pgvector", f"it is version {row[0]}", "upgrade it to 0.8 or later")
    return ok("pgvector", f"version {row[0]}")


async def _rights(connection: psycopg.AsyncConnection[Any]) -> Finding:
    wanted = ("SELECT", "INSERT", "UPDATE", "DELETE")
    lacking = []
    for table in sorted(Base.metadata.tables):
        held = await _row(
            connection,
            "SELECT " + ", ".join(f"has_table_privilege(quote_ident(%(table)s), '{right}')" for right in wanted),
            {"table": table},
        )
        lacking += [f"{right} on {table}" for right, has in zip(wanted, held, strict=True) if not has]
    if lacking:
        shown = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
        return failed(
            "rights", f"the role {connection.info.user!r} lacks {shown}", "grant them, or use the owner's role"
        )
    return ok("rights", f"the role {connection.info.user!r} may read and write every table")


async def _key_ids(connection: psycopg.AsyncConnection[Any]) -> list[str]:
    found: set[str] = set()
    for table, column in SEALED:
        cursor = await connection.execute(
            f"SELECT DISTINCT convert_from(substr({column}, 3, get_byte({column}, 1)), 'SQL_ASCII')"
            f" FROM {table} WHERE length({column}) > 2"
        )
        found.update([row[0] async for row in cursor])
    return sorted(found)


def _listed(key_ids: list[str]) -> str:
    return "the key " + ", ".join(repr(key_id) for key_id in key_ids)


async def _row(connection: psycopg.AsyncConnection[Any], query: str, values: Any = None) -> Any:
    return await (await connection.execute(query, values)).fetchone()

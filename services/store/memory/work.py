"""How memory is read and written: each write once for its idempotency key, outages named."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import ColumnElement, CursorResult, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.base import Executable

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.memory.request import Caller, Json
from orchestrator import exact_json
from services.store.engine import STATEMENT_TIMEOUT, Database
from services.store.memory.tables import ValueRow, WriteRow

SWEEP_SECONDS = 60.0
SWEEP_ROWS = 1000
# An attempt at a write may be repeated for this long after the first.
REMEMBERED = timedelta(days=30)
# A list answers with no more than this, whatever its limit.
LIST_BYTES = 16 * 1024 * 1024
logger = logging.getLogger(__name__)


class Work:
    """The database as memory uses it."""

    def __init__(self, database: Database, sweep_seconds: float = SWEEP_SECONDS) -> None:
        self.database = database
        self._sweep_seconds = sweep_seconds
        self._swept = time.monotonic()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session to read with."""
        async with failures_named(), self.database.reading() as session:
            yield session

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncSession]:
        """A session whose statements all see the same state."""
        async with failures_named(), self.database.transaction() as session:
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    async def once(self, caller: Caller, write: Callable[[AsyncSession], Awaitable[Json]]) -> Json:
        """What the write answers, or answered when it was made for the same key before."""
        async with failures_named(), self.database.transaction() as session:
            known = await _claim(session, caller)
            if known is not None:
                return known
            answer = await write(session)
            await _remember(session, caller, answer)
        await self._sweep()
        return answer

    async def _sweep(self) -> None:
        """Now and then removes what has expired; what it leaves, the next one takes."""
        if time.monotonic() - self._swept < self._sweep_seconds:
            return
        self._swept = time.monotonic()
        try:
            async with failures_named(), self.database.transaction() as session:
                await sweep(session)
        except NodeError as error:
            # The write itself is made; the next sweep will do this one's work.
            logger.warning("what has expired in the memory store couldn't be removed: %s", error.message)


async def sweep(session: AsyncSession) -> int:
    """Removes some of what has expired; returns how many rows."""
    expired = (
        select(ValueRow.workspace, ValueRow.namespace, ValueRow.key)
        .where(ValueRow.expires_at <= func.clock_timestamp())
        .limit(SWEEP_ROWS)
        .with_for_update(skip_locked=True)
        .subquery()
    )
    removed = await rows_of(
        session,
        delete(ValueRow).where(
            ValueRow.workspace == expired.c.workspace,
            ValueRow.namespace == expired.c.namespace,
            ValueRow.key == expired.c.key,
        ),
    )
    forgotten = (
        select(WriteRow.workspace, WriteRow.key)
        .where(WriteRow.at < func.now() - REMEMBERED)
        .limit(SWEEP_ROWS)
        .with_for_update(skip_locked=True)
        .subquery()
    )
    return removed + await rows_of(
        session,
        delete(WriteRow).where(WriteRow.workspace == forgotten.c.workspace, WriteRow.key == forgotten.c.key),
    )


async def rows_of(session: AsyncSession, statement: Executable) -> int:
    """Runs a statement that changes rows; returns how many it changed."""
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return int(result.rowcount)


def unexpired(expires_at: InstrumentedAttribute[object]) -> ColumnElement[bool]:
    """Whether a row is still there, as far as anybody can tell."""
    return or_(expires_at.is_(None), expires_at > func.clock_timestamp())


@asynccontextmanager
async def failures_named() -> AsyncIterator[None]:
    """Raises the node error that the database's means."""
    try:
        yield
    except PoolTimeoutError as error:
        raise _unavailable() from error
    except DBAPIError as error:
        raise _failure(error) from error


def _failure(error: DBAPIError) -> NodeError:
    state = str(getattr(error.orig, "sqlstate", None) or "")
    said = str(getattr(getattr(error.orig, "diag", None), "message_primary", None) or "")[:300]
    if state == "57014":
        return RetryableError(f"the memory store took longer than {STATEMENT_TIMEOUT:g} s", code="TIMEOUT")
    if state in ("40001", "40P01"):
        return RetryableError("the memory store was busy with the same data", code="STORE_BUSY", hint="retry")
    if state.startswith(("22", "54")):
        return PermanentError(f"the memory store can't take this: {said}", code="INVALID_VALUE")
    if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        return _unavailable()
    # Its message may hold values: it is in the log, not in the error.
    logger.error("the memory store failed with SQLSTATE %s: %s", state, said)
    return PermanentError(
        f"the memory store failed (SQLSTATE {state or 'unknown'})", code="STORE_FAILED", hint="ask the operator"
    )


def _unavailable() -> RetryableError:
    return RetryableError("the memory store doesn't answer", code="STORE_UNAVAILABLE", hint="retry")


async def _claim(session: AsyncSession, caller: Caller) -> Json | None:
    """Takes the key for this transaction; what was answered if it is taken already."""
    if not caller.key:
        return None
    claim = insert(WriteRow).values(workspace=caller.workspace, key=caller.key).on_conflict_do_nothing()
    if await session.scalar(claim.returning(WriteRow.key)) is not None:
        return None
    known = select(WriteRow.result).where(WriteRow.workspace == caller.workspace, WriteRow.key == caller.key)
    answer: Json = exact_json.loads((await session.scalars(known)).one())
    return answer


async def _remember(session: AsyncSession, caller: Caller, answer: Json) -> None:
    if caller.key:
        of_call = (WriteRow.workspace == caller.workspace, WriteRow.key == caller.key)
        await session.execute(update(WriteRow).where(*of_call).values(result=exact_json.dumps(answer)))

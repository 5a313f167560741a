"""Cancels, pauses, resumes and deletes runs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from nodes.errors import NodeError
from orchestrator.record import Status
from services.errors import PreconditionFailed, precondition
from services.identity.caller import current_caller
from services.identity.scope import actor, scope
from services.store import executions
from services.store.audit import audit
from services.store.tables import ExecutionRow
from services.usecases.backend import Backend
from services.usecases.reading import ExecutionReader
from temporal.client import RunNotFoundError

# How long a pause or resumption may take to be recorded before the caller is answered all the same.
_RECORDED_WITHIN = 2.0

# The longest reason for a cancellation that is kept.
MAX_REASON = 500
_log = structlog.get_logger(__name__)


class Steering:
    """What can be done to a run that is open, and to one that has ended."""

    def __init__(self, backend: Backend, reader: ExecutionReader) -> None:
        self._backend = backend
        self._reader = reader

    async def cancel(self, execution_id: str, reason: str) -> ExecutionRow:
        """Asks a run to stop; returns once Temporal has taken it on."""
        said = {"reason": reason[:MAX_REASON]} if reason else None

        async def cancel(id_: str) -> None:
            await self._backend.runs.cancel(id_, reason[:MAX_REASON])

        await self._steer(execution_id, "cancel", "canceled", cancel, said)
        _log.info("cancellation asked for", execution_id=execution_id, reason=reason[:200])
        return await self._reader.row(execution_id)

    async def pause(self, execution_id: str) -> ExecutionRow:
        """Has a run start no more nodes."""
        await self._steer(execution_id, "pause", "paused", self._backend.runs.pause)
        return await self._recorded(execution_id, Status.PAUSED)

    async def resume(self, execution_id: str) -> ExecutionRow:
        """Has a paused run go on."""
        await self._steer(execution_id, "resume", "resumed", self._backend.runs.resume)
        return await self._recorded(execution_id, Status.RUNNING)

    async def delete(self, execution_id: str) -> None:
        """Deletes a run that has ended, with its payloads and files."""
        row = await self._reader.get(execution_id)
        version = await self._backend.definitions.version(row.version_id)
        async with self._backend.database.transaction() as session:
            await executions.delete(session, execution_id, scope())
            told = {"workflow_id": row.workflow_id or "", "status": row.status}
            audit(
                session,
                current_caller(),
                "execution.delete",
                "execution",
                execution_id,
                told,
                workspace=row.workspace,
                actor=actor(row.user_id),
            )
        files = self._backend.files.of(version.workspace, execution_id)
        try:
            await asyncio.to_thread(files.forget_now)
        except NodeError as error:
            # The record is gone, so nobody can ask again.
            _log.warning("the run's files couldn't be deleted", execution_id=execution_id, reason=error.message)

    async def _steer(
        self,
        execution_id: str,
        deed: str,
        verb: str,
        act: Callable[[str], Awaitable[None]],
        said: Mapping[str, str] | None = None,
    ) -> None:
        row = await self._reader.row(execution_id)
        if Status(row.status).ended:
            raise _ended(row, verb)
        try:
            # What isn't done isn't told: Temporal's refusal takes the entry back.
            async with self._backend.database.transaction() as session:
                audit(
                    session,
                    current_caller(),
                    f"execution.{deed}",
                    "execution",
                    execution_id,
                    {"status": row.status},
                    said,
                    workspace=row.workspace,
                    actor=actor(row.user_id),
                )
                await session.flush()
                await act(execution_id)
        except RunNotFoundError:
            row = await self._reader.get(execution_id)
            if Status(row.status).ended:
                raise _ended(row, verb) from None
            raise precondition("EXECUTION_BEGINNING", "the execution is just beginning; try again") from None

    async def _recorded(self, execution_id: str, status: Status) -> ExecutionRow:
        with self._backend.listener.watch(execution_id) as watcher:
            row = await self._reader.row(execution_id)
            try:
                async with asyncio.timeout(_RECORDED_WITHIN):
                    while row.status != status and not Status(row.status).ended:
                        await watcher.wait(_RECORDED_WITHIN)
                        row = await self._reader.row(execution_id)
            except TimeoutError:
                return row
        return row


def _ended(row: ExecutionRow, verb: str) -> PreconditionFailed:
    return precondition("EXECUTION_ENDED", f"the execution is {row.status} and can't be {verb}")

"""Starts runs for triggers that are turned on: one for each workflow, node and event."""

import asyncio
import hashlib
from datetime import UTC, datetime

from sqlalchemy import update

from activities.triggers.ports import Binding, MakeItems, TriggerGoneError
from orchestrator import exact_json
from orchestrator.items import INLINE_LIMIT, OUTPUT_LIMIT, Items, Part
from orchestrator.messages import REVISION
from orchestrator.start import RunStart
from services.errors import Forbidden, RateLimited
from services.identity.caller import Caller, Role, current_caller, set_caller
from services.store import executions, payloads
from services.store.adapters import outages_named
from services.store.audit import entry
from services.store.executions import NewExecution
from services.store.ids import new_id
from services.store.triggers import activations
from services.store.triggers.tables import BindingRow
from services.usecases.backend import Backend
from services.usecases.data import input_too_large
from services.usecases.starting import EVENT_PREFIX, Starter, WithdrawnError, told_of

TRIGGER = "TRIGGER"


class Firing:
    """Implements the protocol `Triggers`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._starter = Starter(backend)

    async def binding(self, binding_id: str) -> Binding:
        """The trigger as it is now."""
        async with outages_named(), self._backend.database.reading() as session:
            found = await activations.binding(session, binding_id)
        if found is None:
            raise TriggerGoneError(f"the trigger {binding_id!r} isn't turned on any more")
        return found

    async def at(self, address: str) -> Binding | None:
        """The trigger that is called by an address now."""
        async with self._backend.database.reading() as session:
            return await activations.at_address(session, address)

    async def fire(self, binding_id: str, event_id: str, items: MakeItems, revision: int) -> str:
        """Starts the run of an event, unless it has one."""
        binding = await self.binding(binding_id)
        set_caller(activator(binding, "schedule"))
        async with outages_named():
            return await self.start(binding, event_id, items, revision)

    async def start(self, binding: Binding, event_id: str, items: MakeItems, revision: int = REVISION) -> str:
        """As `fire`, for a trigger that was just looked up; an event without an id is one of its own."""
        execution_id = await self._recorded(binding, event_id, items)
        try:
            started = await self._starter.again(execution_id, revision)
        except WithdrawnError:
            await asyncio.to_thread(self._backend.files.of(binding.workspace, execution_id).forget_now)
            raise
        await self._noted(binding, started.execution_id)
        return started.execution_id

    async def prepare(self, binding_id: str, event_id: str, items: MakeItems) -> RunStart:
        """Records the run of an event, unless it has one."""
        binding = await self.binding(binding_id)
        set_caller(activator(binding, "schedule"))
        async with outages_named():
            execution_id = await self._recorded(binding, event_id, items)
            start = await self._starter.ready(execution_id)
            await self._noted(binding, execution_id)
        return start

    async def report(self, binding_id: str, problem: str) -> None:
        """Shows what went wrong last."""
        statement = update(BindingRow).where(BindingRow.id == binding_id).values(problem=problem[:2000])
        async with outages_named(), self._backend.database.transaction() as session:
            await session.execute(statement)

    async def _noted(self, binding: Binding, execution_id: str) -> None:
        values = {"last_execution_id": execution_id, "last_started_at": datetime.now(UTC), "problem": ""}
        # Run ids sort by time: one that is answered again, or was overtaken, isn't the last.
        newer = update(BindingRow).where(BindingRow.id == binding.id, BindingRow.last_execution_id < execution_id)
        async with self._backend.database.transaction() as session:
            await session.execute(newer.values(**values))

    async def _recorded(self, binding: Binding, event_id: str, items: MakeItems) -> str:
        """The run of an event; recorded now if there is none."""
        caller = current_caller()
        if caller.workspace != binding.workspace:
            raise Forbidden("FOREIGN_TRIGGER", f"the trigger {binding.id!r} is another workspace's")
        request_id = request_id_of(binding, event_id)
        known = await self._known(binding, request_id)
        if known is not None:
            return known
        execution_id = new_id()
        files = self._backend.files.of(binding.workspace, execution_id)
        try:
            made = await items(files)
            body = exact_json.dumps(list(made)).encode()
            inline = len(body) <= INLINE_LIMIT
            ref = None if inline else await payloads.content_hash(body)
            given = Items((Part(len(made), len(body), 0, body.decode() if inline else None, ref),))
            start = await self._start(binding, execution_id, given)
        except BaseException:
            await asyncio.to_thread(files.forget_now)
            raise
        new = NewExecution(
            start,
            datetime.now(UTC),
            request_id=request_id,
            body=None if inline else body,
            body_ref=ref,
            audit=entry(caller, "execution.start", "execution", after=told_of(start)),
        )
        try:
            async with self._backend.database.driver() as connection:
                if await executions.insert(connection, new):
                    return execution_id
        except RateLimited:
            await asyncio.to_thread(files.forget_now)
            raise
        await asyncio.to_thread(files.forget_now)
        return await self._known(binding, request_id) or execution_id

    async def _known(self, binding: Binding, request_id: str) -> str | None:
        if not request_id:
            return None
        async with self._backend.database.driver() as connection:
            found = await executions.startable(connection, binding.workflow_id, 0, request_id, binding.workspace)
        return found.earlier_execution_id

    async def _start(self, binding: Binding, execution_id: str, given: Items) -> RunStart:
        if given.size > OUTPUT_LIMIT:
            raise input_too_large(given.size, OUTPUT_LIMIT, "the event")
        version = await self._backend.definitions.version(binding.version_id)
        await self._starter.check_size(version, given, "the event")
        return RunStart(
            execution_id=execution_id,
            version_id=binding.version_id,
            workflow_id=binding.workflow_id,
            workflow_name=version.workflow.name,
            version=version.version,
            mode=TRIGGER,
            begin=binding.node,
            input=given,
        )


def activator(binding: Binding, via: str, address: str = "") -> Caller:
    """Who starts a trigger's runs: whoever turned it on, in the workflow's workspace and nowhere else."""
    return Caller(binding.activated_by, binding.workspace, Role.OPERATOR, address, via)


def request_id_of(binding: Binding, event_id: str) -> str:
    """The request id of a node's event in any version, which no client's can be; none for an event without an id."""
    if not event_id:
        return ""
    return EVENT_PREFIX + hashlib.sha256(f"{binding.id}\x1f{event_id}".encode()).hexdigest()

"""Turns a version's triggers on and off, so that every event meets one version and Temporal's schedules follow."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.service import RPCError, RPCStatusCode

from activities.ports import StoreUnavailableError
from nodes.base import NodeExecutor
from nodes.errors import PermanentError
from nodes.trigger.manual import Trigger
from orchestrator import exact_json
from orchestrator.errors import Problem
from orchestrator.model import Node, NodeType
from services.errors import PreconditionFailed
from services.identity.caller import current_caller
from services.identity.scope import actor, scope
from services.store import workflows
from services.store.audit import audit
from services.store.definitions import Version
from services.store.tables import WorkflowRow
from services.store.triggers import activations
from services.store.triggers.activations import AddressTakenError, Wanted
from services.store.triggers.tables import ActivationRow, BindingRow
from services.usecases.backend import Backend, TimerView
from services.usecases.starting import require_plan

# The triggers that are called, by the kind of their address; and those that time drives.
CALLED: Mapping[str, str] = {"WEBHOOK": "webhook", "FORM": "form", "CHAT": "chat"}
TIMED = frozenset({"CRON", "EMAIL", "CALENDAR"})
# Less than a transaction may stand still.
_PATIENCE = 45.0
_UNSETTLED = "Temporal hasn't heard of the change yet; the server goes on trying"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ActiveTrigger:
    """A trigger that is on, and where or when it starts runs."""

    binding: BindingRow
    urls: Sequence[str] = ()
    methods: Sequence[str] = ()
    next_times: Sequence[datetime] = ()
    schedule_id: str = ""
    paused: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Activation:
    """The version of a workflow whose triggers are on."""

    row: ActivationRow
    triggers: Sequence[ActiveTrigger] = field(default=())


class Activating:
    """What can be done with activations."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def activate(self, workflow_id: str, version: int) -> Activation:
        """Turns a version's triggers on (0: the latest's), in place of those of the one that was active."""
        database = self._backend.database
        async with database.transaction() as session:
            workflow = await workflows.locked(session, workflow_id, scope())
            found = await self._backend.definitions.version(await workflows.version_id(session, workflow_id, version))
            wanted = await self._wanted(session, found)
            before = await activations.find(session, workflow_id)
            same = before is not None and before.version_id == found.version_id
            activation = ActivationRow(
                workflow_id=workflow_id,
                workspace=found.workspace,
                version_id=found.version_id,
                version=found.version,
                activated_by=before.activated_by if same and before else actor(workflow.user_id),
                activated_at=before.activated_at if same and before else datetime.now(UTC),
            )
            try:
                changed = await activations.replace(session, activation, wanted, TIMED)
            except AddressTakenError as error:
                raise PreconditionFailed(_taken(error, wanted)) from None
            earlier = {"version": before.version} if before else None
            _audit(session, workflow, "workflow.activate", earlier, {"version": found.version})
        _log.info("workflow activated", workflow_id=workflow_id, version=found.version)
        await self.settle(changed)
        shown = await self.get(workflow_id)
        # Somebody may have turned it off again in the meantime: what this call did is still true.
        return shown or Activation(activation)

    async def deactivate(self, workflow_id: str) -> None:
        """Turns off what is on; runs that have begun go on."""
        async with self._backend.database.transaction() as session:
            workflow = await workflows.locked(session, workflow_id, scope())
            before = await activations.find(session, workflow_id)
            changed = await self.turn_off(session, workflow_id)
            if before is not None:
                _audit(session, workflow, "workflow.deactivate", {"version": before.version}, None)
        await self.settle(changed)

    async def turn_off(self, session: AsyncSession, workflow_id: str) -> Sequence[str]:
        """As `deactivate`, in a transaction of the caller's, who settles what it gives."""
        return await activations.remove(session, workflow_id, TIMED)

    async def get(self, workflow_id: str) -> Activation | None:
        """What is on; None while nothing is."""
        async with self._backend.database.reading() as session:
            await workflows.get(session, workflow_id, scope())
            row = await activations.find(session, workflow_id)
            bindings = await activations.bindings(session, workflow_id)
            behind = set(await activations.unsettled(session))
        if row is None:
            return None
        timers = await self._backend.timers.describe([one.id for one in bindings if one.subtype in TIMED])
        triggers = [self._shown(one, timers.get(one.id), one.id in behind) for one in bindings]
        return Activation(row, triggers)

    async def settle(self, binding_ids: Sequence[str] | None = None) -> None:
        """Tells Temporal of changes that it hasn't heard of (None: all); what fails is left for the next time."""
        if binding_ids is None:
            async with self._backend.database.reading() as session:
                binding_ids = await activations.unsettled(session)
        for binding_id in binding_ids:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._settle(binding_id)
            except (RPCError, StoreUnavailableError, TimeoutError) as error:
                _log.warning("trigger not settled", binding_id=binding_id, error=type(error).__name__)
                if isinstance(error, RPCError) and error.status is RPCStatusCode.UNAVAILABLE:
                    return

    async def _settle(self, binding_id: str) -> None:
        async with self._backend.database.transaction() as session:
            if not await activations.take_unsettled(session, binding_id):
                return
            binding = await activations.binding(session, binding_id)
            if binding is not None and binding.subtype in TIMED:
                await self._backend.timers.put(binding)
            else:
                await self._backend.timers.remove(binding_id)
            await activations.settled(session, binding_id)

    async def _wanted(self, session: AsyncSession, version: Version) -> list[Wanted]:
        require_plan(version)
        nodes = [node for node in version.workflow.nodes if _starts_by_itself(node)]
        if not nodes:
            message = (
                f"workflow {version.workflow.name!r} has no trigger that starts by itself and is enabled; "
                f"add one, e.g. {', '.join([*CALLED, *sorted(TIMED)])}"
            )
            raise PreconditionFailed([Problem("NOTHING_TO_ACTIVATE", message)])
        problems = [problem for node in nodes if (problem := self._problem(node))]
        wanted = [await self._one(session, version.workflow_id, node) for node in nodes] if not problems else []
        problems += _doubled(wanted)
        if problems:
            raise PreconditionFailed(problems)
        return wanted

    def _problem(self, node: Node) -> Problem | None:
        executor = self._backend.catalogue.find(node)
        if isinstance(executor, Trigger) and (unready := executor.unready(node)):
            return Problem("TRIGGER_NOT_READY", f"{node.name!r} can't be turned on: {unready}", node.name)
        if isinstance(executor, NodeExecutor):
            try:
                executor.parse(node.parameters)
            except PermanentError as error:
                message = f"{node.name!r} can't be turned on: {error.message}"
                return Problem("TRIGGER_NOT_READY", message, node.name, "parameters")
        return None

    async def _one(self, session: AsyncSession, workflow_id: str, node: Node) -> Wanted:
        address, node_id = None, node.id or node.name
        if node.subtype in CALLED:
            executor = self._backend.catalogue.find(node)
            path = getattr(executor.parse(node.parameters), "path", "") if executor else ""
            path = path or await activations.own_path(session, workflow_id, node_id)
            address = f"{CALLED[node.subtype]}:{path}"
        parameters = exact_json.dumps(dict(node.parameters))
        return Wanted(binding_id(workflow_id, node_id), node.name, node.subtype, parameters, address)

    def _shown(self, row: BindingRow, timer: TimerView | None, behind: bool) -> ActiveTrigger:
        kind, _, path = (row.address or "").partition(":")
        problem = row.problem or (_UNSETTLED if behind and row.subtype in TIMED else "")
        if timer is not None:
            return ActiveTrigger(row, (), (), timer.next_times, timer.schedule_id, timer.paused, problem)
        urls = (f"{self._backend.public_url}/{kind}/{path}",) if path else ()
        methods: Sequence[str] = ()
        if row.subtype == "WEBHOOK":
            executor = self._backend.catalogue.get((NodeType.TRIGGER_NODE, row.subtype))
            methods = executor.parse(exact_json.loads(row.parameters)).methods if executor else ()  # type: ignore[attr-defined]
        return ActiveTrigger(row, urls, methods, problem=problem)


def _audit(
    session: AsyncSession,
    workflow: WorkflowRow,
    action: str,
    before: Mapping[str, int] | None,
    after: Mapping[str, int] | None,
) -> None:
    caller, by = current_caller(), actor(workflow.user_id)
    audit(session, caller, action, "workflow", workflow.id, before, after, workspace=workflow.workspace, actor=by)


def binding_id(workflow_id: str, node_id: str) -> str:
    """The id of a node's binding, the same in each version."""
    return hashlib.sha256(f"{workflow_id}\x1f{node_id}".encode()).hexdigest()[:32]


def _starts_by_itself(node: Node) -> bool:
    named = node.subtype in CALLED or node.subtype in TIMED
    return node.type is NodeType.TRIGGER_NODE and named and not node.disabled


def _doubled(wanted: Sequence[Wanted]) -> list[Problem]:
    first: dict[str, str] = {}
    problems = []
    for one in wanted:
        if one.address and (other := first.setdefault(one.address, one.node)) != one.node:
            message = f"{other!r} and {one.node!r} have the same path {_path(one.address)!r}; give one another"
            problems.append(Problem("ADDRESS_TAKEN", message, one.node, "parameters.path"))
    return problems


def _taken(error: AddressTakenError, wanted: Sequence[Wanted]) -> list[Problem]:
    node = next((one.node for one in wanted if one.address == error.address), "")
    if not node:
        message = "an address of the workflow was just taken by another one; activate again to hear which"
        return [Problem("ADDRESS_TAKEN", message)]
    message = f"the path {_path(error.address)!r} of {node!r} is taken by another active workflow; choose another"
    return [Problem("ADDRESS_TAKEN", message, node, "parameters.path")]


def _path(address: str) -> str:
    return address.partition(":")[2]

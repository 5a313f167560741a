"""Begins runs: exactly once for each request id, and never without a record."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from temporalio.service import RPCError, RPCStatusCode

from orchestrator.errors import Problem, RunError, Severity
from orchestrator.items import Items
from orchestrator.messages import REVISION
from orchestrator.model import NodeType, Workflow
from orchestrator.plan import NodePlan, Plan
from orchestrator.record import ExecutionRecord, Status
from orchestrator.start import RunStart
from services.errors import PreconditionFailed, ServiceError, Unavailable, invalid
from services.identity.caller import current_caller
from services.identity.scope import acting, actor, scope
from services.store import executions, recording, serial
from services.store.audit import entry
from services.store.definitions import Version
from services.store.executions import FIRST_SEQUENCE, NewExecution
from services.store.ids import new_id
from services.store.tables import ExecutionRow
from services.usecases.backend import Backend
from services.usecases.data import Input, input_too_large, read_input
from temporal.client import is_away

# A plan larger than this isn't put into Temporal's history; the run loads it.
_PLAN_IN_HISTORY = 64 * 1024
# So many workflows' latest versions are remembered.
_MOST_LATEST = 1000
NOT_STARTED = "NOT_STARTED"
MANUAL = "MANUAL"
_FITTING = {MANUAL: ("MANUAL",), "SUBWORKFLOW": ("SUBWORKFLOW",)}
# What the request ids of events begin with; those of clients can't.
EVENT_PREFIX = "event:"
_NEVER_BY_ITSELF = ("MANUAL", "SUBWORKFLOW", "ERROR")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ExecuteRequest:
    """What a client says to begin a run."""

    workflow_id: str
    mode: str = MANUAL
    input_json: str = ""
    trigger: str = ""
    request_id: str = ""
    version: int = 0
    user_id: str = ""


@dataclass(frozen=True)
class Started:
    """A run that was begun, now or by an earlier request with the same id."""

    execution_id: str
    workflow_id: str
    version: int
    status: Status


class WithdrawnError(Unavailable):
    """Temporal refused a run that nobody can name: it didn't begin, and its record is gone."""


class Starter:
    """Records runs and hands them to Temporal."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._latest: OrderedDict[str, str] = OrderedDict()

    async def execute(self, request: ExecuteRequest) -> Started:
        """Begins a run of a workflow."""
        check_request_id(request.request_id)
        given = await read_input(request.input_json, "input")
        started = await self._execute_latest_known(request, given)
        if started is not None:
            return started
        async with self._backend.database.driver() as connection:
            found = await executions.startable(
                connection, request.workflow_id, request.version, request.request_id, scope()
            )
        if not request.version:
            self._remember(request.workflow_id, found.version_id)
        if found.earlier_execution_id is not None:
            return await self.again(found.earlier_execution_id)
        version = await self._backend.definitions.version(found.version_id)
        await self.check_size(version, given.items)
        return await self.begin(self._new(version, request, given))

    async def check_size(self, version: Version, items: Items, field: str = "input") -> None:
        """Refuses an input that is larger than lists of items may be in the workflow's runs."""
        most = await self._backend.limits.payload_bytes(version.workspace, version.workflow_id)
        if most and items.size > most:
            raise input_too_large(items.size, most, field)

    async def _execute_latest_known(self, request: ExecuteRequest, given: Input) -> Started | None:
        """Begins a run of the version that was the latest when last asked; None if it may be another by now.

        The statement that records the run makes sure of the version and the workspace: that saves asking first.
        """
        version_id = None if request.version else self._latest.get(request.workflow_id)
        if version_id is None:
            return None
        try:
            version = await self._backend.definitions.version(version_id)
            await self.check_size(version, given.items)
            new = self._new(version, request, given)
        except ServiceError:
            return None
        async with self._backend.database.driver() as connection:
            if not await executions.insert(connection, new, latest=True, within=scope()):
                return None
        return await self._begun(new)

    def _remember(self, workflow_id: str, version_id: str) -> None:
        self._latest[workflow_id] = version_id
        self._latest.move_to_end(workflow_id)
        if len(self._latest) > _MOST_LATEST:
            self._latest.popitem(last=False)

    async def begin(self, new: NewExecution) -> Started:
        """Records a run and starts it; if its request id is taken, the run that has it."""
        async with self._backend.database.driver() as connection:
            inserted = await executions.insert(connection, new)
            if not inserted:
                found = await executions.startable(connection, new.start.workflow_id, 0, new.request_id)
                if found.earlier_execution_id is None:
                    raise Unavailable("REQUEST_RACE", "the run of this request was just removed; try again")
                return await self.again(found.earlier_execution_id)
        return await self._begun(new)

    async def _begun(self, new: NewExecution) -> Started:
        self._backend.telemetry.run_started(new.start, ended=new.completed)
        if new.completed:
            return Started(new.start.execution_id, new.start.workflow_id, new.start.version, Status.COMPLETED)
        await self._hand_over(new.start, new.request_id)
        return Started(new.start.execution_id, new.start.workflow_id, new.start.version, Status.RUNNING)

    async def again(self, execution_id: str, revision: int = REVISION) -> Started:
        """The run of an earlier request; started now if that request got no further than its record."""
        async with self._backend.database.transaction() as session:
            row = await executions.get(session, execution_id)
            lost = _never_started(row)
            if lost and row.status != Status.RUNNING:
                await executions.reopen(session, execution_id)
        status = Status.RUNNING if lost else Status(row.status)
        if lost and row.start is not None:
            start = serial.read(row.start, RunStart)
            await self._hand_over(start, row.request_id or "", revision, row.last_sequence)
        return Started(row.id, row.workflow_id or "", row.version, status)

    async def ready(self, execution_id: str) -> RunStart:
        """What a recorded run is started with, for callers that start it themselves; opened again if it was lost."""
        async with self._backend.database.transaction() as session:
            row = await executions.get(session, execution_id)
            if _never_started(row) and row.status != Status.RUNNING:
                await executions.reopen(session, execution_id)
        if row.start is None:
            raise Unavailable("RUN_NOT_STARTABLE", "the run was recorded without what it starts with")
        return await self._with_plan(serial.read(row.start, RunStart))

    async def _hand_over(
        self, start: RunStart, request_id: str, revision: int = REVISION, sequence: int = FIRST_SEQUENCE
    ) -> None:
        """Starts a run whose record is at this sequence number."""
        try:
            await self._backend.runs.start(await self._with_plan(start), revision)
        except RPCError as error:
            async with self._backend.database.transaction() as session:
                if await executions.locked_sequence(session, start.execution_id) > sequence:
                    # It was taken, and only the answer was lost.
                    return
                # Nothing but a refused connection says that the run didn't begin.
                withdrawn = not request_id and error.status is RPCStatusCode.UNAVAILABLE
                if withdrawn:
                    await executions.discard(session, start.execution_id)
            if not withdrawn:
                await self._not_started(start.execution_id, error)
            if is_away(error):
                refusal = WithdrawnError if withdrawn else Unavailable
                raise refusal("TEMPORAL_UNAVAILABLE", "Temporal doesn't answer; try again later") from error
            raise

    async def _with_plan(self, start: RunStart) -> RunStart:
        version = await self._backend.definitions.version(start.version_id)
        small = version.plan is not None and version.plan_size <= _PLAN_IN_HISTORY
        share = await self._backend.limits.share(
            version.workspace, version.workflow_id, version.workflow.settings.priority
        )
        return replace(start, plan=version.plan if small else None, share=share)

    async def _not_started(self, execution_id: str, error: RPCError) -> None:
        why = RunError(NOT_STARTED, "Temporal didn't take the run", hint="run it again")
        ended = ExecutionRecord(Status.FAILED, datetime.now(UTC), why)
        recorded = await recording.record(self._backend.database, execution_id, [], ended)
        self._backend.telemetry.run_changed(recorded.change)
        _log.warning("run not started", execution_id=execution_id, status=error.status.name)

    def _new(self, version: Version, request: ExecuteRequest, given: Input) -> NewExecution:
        user_id = acting(request.user_id)
        start = self._prepare(version, request, given.items)
        return NewExecution(
            start=start,
            at=datetime.now(UTC),
            user_id=user_id,
            request_id=request.request_id,
            completed=not version.workflow.nodes,
            body=given.body,
            body_ref=given.ref,
            audit=entry(current_caller(), "execution.start", "execution", after=told_of(start), actor=actor(user_id)),
        )

    def _prepare(self, version: Version, request: ExecuteRequest, items: Items) -> RunStart:
        begin = ""
        if version.workflow.nodes:
            begin = choose_trigger(require_plan(version), version.workflow, request.mode, request.trigger)
        return RunStart(
            execution_id=new_id(),
            version_id=version.version_id,
            workflow_id=version.workflow_id,
            workflow_name=version.workflow.name,
            version=version.version,
            mode=request.mode,
            begin=begin,
            input=items,
            use_pinned=request.mode == MANUAL,
        )


def check_request_id(request_id: str) -> None:
    """Refuses a client's request id that could be an event's."""
    if request_id.startswith(EVENT_PREFIX):
        raise invalid("RESERVED_REQUEST_ID", f"request ids can't begin with {EVENT_PREFIX!r}", "request_id")


def require_plan(version: Version) -> Plan:
    """The plan; PreconditionFailed with all that is wrong if the version isn't valid."""
    if version.plan is None:
        raise PreconditionFailed(
            [problem for problem in version.problems if problem.severity is Severity.ERROR]
            or [Problem("WORKFLOW_NOT_VALID", "the workflow isn't valid; validate it")]
        )
    return version.plan


def choose_trigger(plan: Plan, workflow: Workflow, mode: str, name: str) -> str:
    """The trigger that a run begins at: the named one, else the only one that fits the mode, else the only one."""
    triggers = [node for node in plan.nodes if node.type == NodeType.TRIGGER_NODE and not node.disabled]
    names = ", ".join(repr(node.name) for node in triggers[:10]) or "none"
    if name:
        if any(node.name == name for node in triggers):
            return name
        raise invalid("TRIGGER_NOT_FOUND", f"{name[:128]!r} isn't a trigger of the workflow; it has {names}", "trigger")
    if not triggers:
        message = f"workflow {workflow.name!r} has no trigger that is enabled; add one"
        raise PreconditionFailed([Problem("TRIGGER_MISSING", message)])
    fitting = [node for node in triggers if _fits(node, mode)]
    chosen = fitting if len(fitting) == 1 else triggers
    if len(chosen) == 1:
        return chosen[0].name
    raise invalid("TRIGGER_AMBIGUOUS", f"the workflow has several triggers; name one of {names}", "trigger")


def _fits(node: NodePlan, mode: str) -> bool:
    fitting = _FITTING.get(mode)
    return node.subtype in fitting if fitting else node.subtype not in _NEVER_BY_ITSELF


def told_of(start: RunStart) -> dict[str, object]:
    """What the audit log says of a run that begins."""
    return {"workflow_id": start.workflow_id, "version": start.version, "mode": start.mode, "trigger": start.begin}


def _never_started(row: ExecutionRow) -> bool:
    if row.last_sequence <= FIRST_SEQUENCE:
        return row.status == Status.RUNNING
    error = serial.read_optional(row.error, RunError)
    nothing_ran = row.status_sequence is not None and row.last_sequence == row.status_sequence <= 2
    return nothing_ran and error is not None and error.code in (NOT_STARTED, "RUN_LOST")

"""Runs a workflow again from one node on, taking over what the old run recorded of all the others."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from orchestrator.errors import RunError
from orchestrator.items import EMPTY, Items, Part, join
from orchestrator.plan import ROOT, NodePlan, Plan
from orchestrator.record import NodeStatus, Status
from orchestrator.spill import map_items
from orchestrator.start import RunStart
from services.errors import invalid, precondition
from services.identity.caller import current_caller
from services.identity.scope import actor
from services.store import executions, payloads, serial, workflows
from services.store.audit import entry
from services.store.definitions import Version
from services.store.executions import NewExecution, RecordedOutput
from services.store.ids import new_id
from services.store.tables import ExecutionRow
from services.usecases.backend import Backend
from services.usecases.data import complete, read_input
from services.usecases.reading import ExecutionReader
from services.usecases.starting import Started, Starter, check_request_id, require_plan

# More than this isn't put into Temporal's history; it goes to the payload store.
_INLINE_TOTAL = 128 * 1024


@dataclass(frozen=True)
class RetryRequest:
    """What a client says to run a workflow again; `inputs_json` by input port position."""

    execution_id: str
    node: str
    inputs_json: Mapping[str, str]
    request_id: str
    latest_version: bool


class Retrier:
    """Begins runs that take over an old run's outputs."""

    def __init__(self, backend: Backend, reader: ExecutionReader, starter: Starter) -> None:
        self._backend = backend
        self._reader = reader
        self._starter = starter

    async def retry(self, request: RetryRequest) -> Started:
        """Begins the new run."""
        check_request_id(request.request_id)
        old = await self._reader.whole(request.execution_id)
        old_start = _retried_start(old)
        version = await self._version(old, request.latest_version)
        plan = require_plan(version)
        if plan.positions.get(old_start.begin, -1) < 0:
            message = f"the latest version has no trigger {old_start.begin!r}, at which the old run began"
            raise precondition("TRIGGER_NOT_FOUND", message)
        node = _node(plan, old, request.node)
        first = outermost(plan, node)
        if request.inputs_json and first != node:
            loop = plan.nodes[first].name
            message = f"{plan.nodes[node].name!r} stands in the body of {loop!r}; edit that loop's input instead"
            raise invalid("INPUT_IN_LOOP", message, "inputs")
        start = replace(
            old_start,
            execution_id=new_id(),
            version_id=version.version_id,
            workflow_name=version.workflow.name,
            version=version.version,
            mode="RETRY",
            inputs={},
            reused=await self._reused(plan, old.id, first),
        )
        start = await self._with_inputs(start, version, plan.nodes[first], request)
        start = await self._spilled(start, old.id)
        new = NewExecution(
            start,
            datetime.now(UTC),
            current_caller().user_id or old.user_id,
            request.request_id,
            parent_execution_id=old.id,
            audit=entry(
                current_caller(),
                "execution.retry",
                "execution",
                before={"execution_id": old.id, "status": old.status},
                after={"workflow_id": start.workflow_id, "version": start.version, "node": request.node},
                actor=actor(old.user_id),
            ),
        )
        return await self._starter.begin(new)

    async def _version(self, old: ExecutionRow, latest: bool) -> Version:
        version_id = old.version_id
        if latest and old.workflow_id:
            async with self._backend.database.reading() as session:
                version_id = await workflows.version_id(session, old.workflow_id, 0, old.workspace)
        return await self._backend.definitions.version(version_id)

    async def _reused(self, plan: Plan, execution_id: str, first: int) -> dict[str, dict[str, Items]]:
        again = downstream(plan, first)
        names = [plan.nodes[node].name for node in plan.root if node not in again]
        async with self._backend.database.reading() as session:
            recorded = await executions.recorded_outputs(session, execution_id, names)
        reused = {}
        for name in names:
            outputs = _reusable(plan, plan.nodes[plan.positions[name]], recorded)
            if outputs is not None:
                reused[name] = outputs
        return reused

    async def _with_inputs(self, start: RunStart, version: Version, node: NodePlan, request: RetryRequest) -> RunStart:
        if not request.inputs_json:
            return start
        ports = max(node.inputs, 1)
        edited: dict[int, Items] = {}
        for key, text in request.inputs_json.items():
            if not (key.isascii() and key.isdecimal() and int(key[:9]) < ports):
                message = f"{key[:40]!r} isn't an input port of {node.name!r}; it has ports 0 to {ports - 1}"
                raise invalid("UNKNOWN_PORT", message, "inputs")
            given = await read_input(text, f"inputs[{key}]")
            await self._starter.check_size(version, given.items, f"inputs[{key}]")
            if given.body is not None:
                await payloads.put(self._backend.database, request.execution_id, [given.body])
            edited[int(key)] = given.items
        if node.inputs == 0:
            return replace(start, input=edited[0])
        async with self._backend.database.reading() as session:
            run = await executions.node_run(session, request.execution_id, node.name)
        recorded = serial.read_optional(run.inputs, list[Items]) if run is not None else None
        kept = recorded or []
        whole = [edited.get(port, kept[port] if port < len(kept) else EMPTY) for port in range(ports)]
        return replace(start, inputs={node.name: whole})

    async def _spilled(self, start: RunStart, execution_id: str) -> RunStart:
        """The same without much inline; the old run's links keep what is stored until the new run has its own."""
        bodies: dict[str, bytes] = {}

        def collect(items: Items) -> Items:
            bodies.update((part.text, part.text.encode()) for part in items.parts if part.text is not None)
            return items

        map_items(start, collect)
        if sum(map(len, bodies.values())) <= _INLINE_TOTAL:
            return start
        digests = await payloads.put(self._backend.database, execution_id, list(bodies.values()))
        refs = dict(zip(bodies, digests, strict=True))

        def move(items: Items) -> Items:
            return Items(tuple(_moved(part, refs) for part in items.parts))

        return map_items(start, move)


def outermost(plan: Plan, node: int) -> int:
    """The outermost loop that a node stands in, or the node itself."""
    while plan.nodes[node].region != ROOT:
        node = plan.nodes[node].region
    return node


def downstream(plan: Plan, first: int) -> set[int]:
    """A node and all that its items can reach."""
    found = {first}
    queue = deque([first])
    while queue:
        for edge in plan.nodes[queue.popleft()].edges_out:
            target = plan.edges[edge].target
            if target >= 0 and target not in found:
                found.add(target)
                queue.append(target)
    return found


def _reusable(plan: Plan, node: NodePlan, recorded: Mapping[str, Sequence[RecordedOutput]]) -> dict[str, Items] | None:
    runs = recorded.get(node.name, ())
    if any(run.status is not NodeStatus.COMPLETED or run.outputs is None for run in runs):
        return None
    if len(runs) != (_deliveries(plan, node, recorded) if node.each and node.edges_in else 1):
        return None
    outputs = [run.outputs or {} for run in runs]
    ports = dict.fromkeys(port for output in outputs for port in output)
    joined = {port: join(output.get(port, EMPTY) for output in outputs) for port in ports}
    return joined if complete(list(joined.values())) else None


def _deliveries(plan: Plan, node: NodePlan, recorded: Mapping[str, Sequence[RecordedOutput]]) -> int:
    """How many edges brought items to a node that runs once for each of them."""
    count = 0
    for edge in (plan.edges[place] for place in node.edges_in):
        source = plan.nodes[edge.source]
        outputs = [run.outputs or {} for run in recorded.get(source.name, ())]
        port = source.outputs[edge.output] if edge.output < len(source.outputs) else "error"
        count += any(output.get(port, EMPTY).count for output in outputs)
    return count


def _retried_start(old: ExecutionRow) -> RunStart:
    if not Status(old.status).ended:
        raise precondition("EXECUTION_NOT_ENDED", f"the execution is {old.status}; cancel it before retrying it")
    start = serial.read_optional(old.start, RunStart)
    if start is None:
        raise precondition("NOTHING_TO_RETRY", "the workflow had no nodes: nothing ran that could run again")
    if start.alone:
        raise precondition("TEST_NOT_RETRIED", "the execution tested one node; test the node again instead")
    return start


def _node(plan: Plan, old: ExecutionRow, name: str) -> int:
    error = serial.read_optional(old.error, RunError)
    wanted = name or (error.node if error else "")
    if not wanted:
        raise invalid("NODE_MISSING", f"the execution is {old.status} at no node; name the one to run again", "node")
    node = plan.positions.get(wanted, -1)
    if node < 0:
        raise invalid("NODE_NOT_FOUND", f"the workflow has no node {wanted[:128]!r}", "node")
    if not plan.nodes[node].reachable:
        raise invalid("NODE_NOT_REACHED", f"{wanted!r} can't be reached from a trigger, so it never runs", "node")
    return node


def _moved(part: Part, refs: Mapping[str, str]) -> Part:
    if part.text is None:
        return part
    return Part(part.count, len(part.text.encode()), part.start, None, refs[part.text])

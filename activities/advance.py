"""The activity that runs pure nodes: as many as become ready, in one go, each recorded as a node run of its own."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from activities.calling import Calls
from activities.data import Data
from activities.early_records import EarlyRecords
from activities.invoke import Call, joined
from activities.observed import Observe, nobody_watches
from activities.ports import Definition, Executions
from nodes.base import Item, Output
from nodes.errors import NodeError, PermanentError
from nodes.human.node import HumanNode
from orchestrator.commands import Ask, Command, Converse, Iterate
from orchestrator.errors import RunError
from orchestrator.frontier import completed_outputs
from orchestrator.interpreter import Interpreter
from orchestrator.items import INLINE_LIMIT, Items, elide
from orchestrator.messages import AdvanceRequest, AdvanceResult, Step
from orchestrator.model import Node
from orchestrator.plan import RESULT
from orchestrator.record import ExecutionRecord, NodeRecord, NodeStatus, Status
from orchestrator.state import JOINED, Done, Failed, Merged, Opened, Outcome, Suspended, Task, Tested

# One call does at most so much, so that the workflow stays responsive and its history small.
BRIEF_SECONDS = 0.5
MAX_SECONDS = 2.0
MAX_STEPS = 1_000
MAX_INLINE = 256 * 1024


@dataclass
class Advance:
    """One call of the activity."""

    definition: Definition
    request: AdvanceRequest
    calls: Calls
    data: Data
    executions: Executions
    early: EarlyRecords
    observe: Observe = nobody_watches
    records: list[NodeRecord] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    merges: list[Task] = field(default_factory=list)
    inline: int = 0

    async def run(self) -> AdvanceResult:
        """Does the ready tasks and what follows from them, and writes everything down in one transaction."""
        state = self.request.state
        self.records.extend(await self.early.missing(self.request.start.execution_id, state.unconfirmed))
        journal = list(state.journal)
        self.records.extend(journal)
        state.journal, state.unconfirmed = [], []
        interpreter = Interpreter(self.definition.plan, self.request.start, state)
        self.merges = [task for task in state.ready if task.kind == "merge"]
        until = time.monotonic() + (BRIEF_SECONDS if self.request.brief else MAX_SECONDS)
        while (task := self._next(interpreter)) and len(self.steps) < MAX_STEPS and time.monotonic() < until:
            interpreter.begin(task)
            outcome = await self._do(interpreter, task)
            interpreter.complete(task, outcome, datetime.now(UTC))
            self.steps.append(Step(task, outcome))
        own = state.journal
        execution = self.request.execution or self._end(interpreter)
        execution_id = self.request.start.execution_id
        over = False
        if self.records or own or execution:
            over = await self.executions.record(execution_id, [*self.records, *own], execution)
            # Those of the early ones that were missing were told of when their node had run.
            self.observe(execution_id, [*journal, *own])
        ended = execution is not None and execution.status.ended
        recorded = [record.key for record in own]
        more = self._next(interpreter) is not None
        return AdvanceResult(self._shortened(interpreter), recorded, ended, more, over and not ended)

    def _next(self, interpreter: Interpreter) -> Task | None:
        if interpreter.over:
            return None
        return next((task for task in interpreter.state.ready if self._may_do(interpreter, task)), None)

    def _may_do(self, interpreter: Interpreter, task: Task) -> bool:
        # What there is to merge is the workflow's to say: by now it may have collected more than we know of.
        return interpreter.is_pure(task) and (task.kind != "merge" or task in self.merges)

    def _end(self, interpreter: Interpreter) -> ExecutionRecord | None:
        state = interpreter.state
        if not interpreter.over or state.running or state.waiting:
            return None
        names = self.definition.plan.nodes
        outputs = {names[node].name: items for node, items in sorted(state.results.items())}
        status = Status.FAILED if state.error else Status.COMPLETED
        return ExecutionRecord(status, datetime.now(UTC), state.error, outputs)

    async def _do(self, interpreter: Interpreter, task: Task) -> Outcome:
        if task.kind == "merge":
            return await self._merged(interpreter, task)
        started = datetime.now(UTC)
        given = interpreter.inputs(task)
        call = await self._call(interpreter, task, given)
        inputs = None if task.kind == "test" else given
        try:
            if task.kind == "test":
                return Tested(await self._condition(call))
            if interpreter.is_pinned(task):
                produced: Output | Command = self._pinned(call)
            else:
                produced = await self._run(call, task)
            saved = {port: await self._save(list(items)) for port, items in _ports(produced).items()}
        except NodeError as error:
            failure = call.error(error, error.item)
            self._record(call, inputs, started, error=failure)
            return Failed(failure)
        if isinstance(produced, Iterate):
            self._record(call, inputs, started, status=NodeStatus.RUNNING)
            return Opened(produced)
        if not isinstance(produced, Output):
            works = isinstance(produced, Converse)
            self._record(call, inputs, started, status=NodeStatus.RUNNING if works else NodeStatus.WAITING)
            return Suspended(produced)
        outputs = completed_outputs(call.plan, saved)
        self._record(call, inputs, started, outputs=outputs, reused=interpreter.is_pinned(task))
        return Done(outputs)

    async def _merged(self, interpreter: Interpreter, task: Task) -> Outcome:
        # What a loop collects may be larger than what one node may emit.
        whole = self.data.within(0)
        try:
            items = await whole.load(interpreter.inputs(task)[0])
            return Merged(await self._save(items, whole))
        except NodeError as error:
            node = self.definition.plan.nodes[task.node].name
            return Failed(RunError(error.code, error.message, node, error.hint))

    async def _call(self, interpreter: Interpreter, task: Task, given: list[Items]) -> Call:
        start, definition = self.request.start, self.definition
        name = definition.plan.nodes[task.node].name
        inputs = [await self.data.load(items) for items in given]
        reads = {read: await self.data.load_ports(ports) for read, ports in interpreter.reads(task).items()}
        trigger = await self.data.load(start.input) if self.calls.uses_trigger(task.node) else []
        run_index, now = interpreter.run_index(task), self.request.now
        scope = self.calls.scope(start.execution_id, start.mode, inputs, reads, trigger, run_index, now)
        return self.calls.make(name, inputs, scope, run_index, now, start.execution_id)

    async def _run(self, call: Call, task: Task) -> Output | Command:
        if isinstance(call.executor, HumanNode):
            # Parameters are resolved where people are asked: an item that can't be asked about is the only one to fail.
            return Ask(call.count)
        resolved = await call.resolve(range(call.count))
        outputs: list[Mapping[str, Sequence[Item]]] = []
        for index, parameters in enumerate(resolved):
            try:
                produced = await call.run_item(index, parameters)
            except NodeError as error:
                replacement = call.error_output(call.error(error, index), index) if task.kind == "run" else None
                if replacement is None:
                    raise
                produced = replacement
            if not isinstance(produced, Output):
                return produced
            outputs.append(produced.ports)
        return Output(dict(joined(outputs)))

    async def _condition(self, call: Call) -> bool:
        condition = {"condition": call.node.parameters.get("condition")}
        (resolved,) = await self.calls.resources.expressions.resolve(condition, call.scope, [0])
        if isinstance(resolved, NodeError):
            raise resolved
        if not isinstance(resolved["condition"], bool):
            kind = type(resolved["condition"]).__name__
            raise PermanentError(f"the loop's condition gave {kind}, not true or false", code="NOT_A_BOOLEAN")
        return resolved["condition"]

    def _pinned(self, call: Call) -> Output:
        return Output({call.plan.outputs[0]: pinned_items(call.node)} if call.plan.outputs else {})

    async def _save(self, items: list[Item], data: Data | None = None) -> Items:
        limit = INLINE_LIMIT if self.inline < MAX_INLINE else 0
        saved = await (data or self.data).save(self.request.start.execution_id, items, limit)
        self.inline += saved.inline_size
        return saved

    def _record(
        self,
        call: Call,
        inputs: list[Items] | None,
        started: datetime,
        *,
        status: NodeStatus = NodeStatus.COMPLETED,
        outputs: dict[str, Items] | None = None,
        error: RunError | None = None,
        reused: bool = False,
    ) -> None:
        status = NodeStatus.FAILED if error else status
        self.records.append(
            NodeRecord(
                call.node.name,
                call.run_index,
                status,
                started_at=started,
                finished_at=datetime.now(UTC) if status.ended else None,
                inputs=inputs,
                outputs=outputs,
                error=error,
                logs=call.shown_logs,
                reused=reused,
            )
        )

    def _shortened(self, interpreter: Interpreter) -> list[Step]:
        """The steps without data that nobody will read again, as all who were to read it have run."""
        return [Step(step.task, self._without_read(interpreter, step)) for step in self.steps]

    def _without_read(self, interpreter: Interpreter, step: Step) -> Outcome:
        plan = self.definition.plan.nodes[step.task.node]
        if not isinstance(step.outcome, Done) or plan.kept or step.task.branch != JOINED or self.request.start.alone:
            return step.outcome
        scope = interpreter.state.scopes.get(step.task.scope)
        unread = {
            plan.outputs[edge.output]
            for edge in (self.definition.plan.edges[index] for index in plan.edges_out)
            if edge.target == RESULT
            or edge.home == edge.target
            or edge.home != edge.origin
            or not self._read_by_a_step(interpreter, edge.target)
            or (scope is not None and edge.target not in scope.settled)
        }
        outputs = step.outcome.outputs
        return Done({port: items if port in unread else elide(items) for port, items in outputs.items()})

    def _read_by_a_step(self, interpreter: Interpreter, node: int) -> bool:
        """Whether only a step of its own reads the node's input: LOOPs keep it, others may be passed over."""
        plan = self.definition.plan.nodes[node]
        return not (plan.loops or plan.disabled or plan.name in interpreter.start.reused)


def _ports(produced: Output | Command) -> Mapping[str, Sequence[Item]]:
    return produced.ports if isinstance(produced, Output) else {}


def pinned_items(node: Node) -> list[Item]:
    """The node's pinned output; an entry is an item, or just its JSON."""
    items: list[Item] = []
    for pin in node.pinned or []:
        whole = "json" in pin and set(pin) <= {"json", "files"}
        items.append(pin if whole else {"json": pin})
    return items

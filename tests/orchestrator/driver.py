"""Drives the interpreter as the Temporal workflow does, without Temporal: toy nodes, a seeded order, state copies."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from pydantic import TypeAdapter

from activities.advance import Advance
from orchestrator.commands import Iterate, Sleep
from orchestrator.compiler import compile_plan
from orchestrator.definition import read
from orchestrator.errors import Problem, RunError
from orchestrator.frontier import completed_outputs
from orchestrator.interpreter import Interpreter
from orchestrator.items import Items, Part
from orchestrator.messages import Step
from orchestrator.model import Node, NodeType
from orchestrator.plan import ERROR_PORT, Effect, Plan, Ports
from orchestrator.record import NodeRecord
from orchestrator.start import RunStart
from orchestrator.state import Done, Failed, Merged, Opened, Outcome, RunState, Suspended, Task, Tested
from tests.orchestrator import toys
from tests.orchestrator.toys import Item, ItemLists

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STATES: TypeAdapter[RunState] = TypeAdapter(RunState)
STEPS: TypeAdapter[list[Step]] = TypeAdapter(list[Step])
MAX_MOVES = 50_000
# A node run: the node, its run_index and what it got.
Ran = tuple[str, int, ItemLists]


class Hung(AssertionError):
    """Nothing can go on, though the run isn't over."""


class ToyCatalogue:
    """The toy nodes as the compiler and the validator see them."""

    def describe(self, node: Node) -> Ports | None:
        """The node's ports; its parameter `effect` says how it runs."""
        subtype = node.subtype
        effect = Effect(node.parameters.get("effect", "pure"))
        if subtype == "TRIGGER":
            return Ports(effect, inputs=0)
        if subtype == "LOOP":
            return Ports(Effect.CONTROL, outputs=("body", "done"), loops=True)
        if subtype == "WAIT":
            return Ports(Effect.CONTROL)
        if subtype == "MERGE":
            return Ports(effect, inputs=int(node.parameters.get("inputs", 2)))
        if subtype in ("ADD", "IF", "DROP", "FAIL"):
            return Ports(effect, outputs=tuple(toys.outputs_of({"subtype": subtype})))
        return None

    def problems(self, node: Node) -> list[Problem]:
        """Toys have no parameters to check."""
        return []

    def subtypes(self, node_type: NodeType) -> list[str]:
        """All toys, whatever the family."""
        return ["TRIGGER", "LOOP", "WAIT", "MERGE", "ADD", "IF", "DROP", "FAIL"]

    def literal(self, node: Node) -> frozenset[str]:
        """No toy has code."""
        return frozenset()


def plan_of(workflow: dict[str, Any]) -> Plan:
    """The plan of a workflow of toy nodes."""
    return compile_plan(read(workflow), ToyCatalogue())


def pack(items: list[Item]) -> Items:
    """Items inline."""
    text = json.dumps(items)
    return Items((Part(len(items), len(text), 0, text),)) if items else Items()


def unpack(items: Items) -> list[Item]:
    """What inline items say; a failure of the engine's own is shown as the toys show theirs."""
    found: list[Item] = []
    for part in items.parts:
        assert part.text is not None, f"data is needed again that was given up as read: {part}"
        found.extend(json.loads(part.text)[part.start : part.start + part.count])
    return [_plain(item) for item in found]


def _plain(item: Item) -> Item:
    error = item["json"].get("error")
    return {"json": {**item["json"], "error": error["node"]}} if isinstance(error, dict) else item


@dataclass
class Driven:
    """What a driven run came to."""

    status: str
    error: RunError | None
    result: dict[str, list[Item]]
    runs: dict[tuple[str, int], ItemLists]
    records: dict[tuple[str, int], NodeRecord]
    order: list[str]

    def runs_of(self, node: str) -> list[ItemLists]:
        """What each run of a node got, in the order of run_index."""
        return [inputs for (name, _), inputs in sorted(self.runs.items(), key=lambda run: run[0][1]) if name == node]

    def count(self, node: str) -> int:
        """How often a node ran."""
        return len(self.runs_of(node))


@dataclass
class Driver:
    """One run. `fused` does pure tasks on a copy of the state, as the advance activity does."""

    workflow: dict[str, Any]
    start: RunStart
    rng: random.Random
    fused: bool = True
    carried_over: bool = True
    lossy: bool = False
    terse: bool = True
    state: RunState = field(default_factory=RunState)
    runs: dict[tuple[str, int], ItemLists] = field(default_factory=dict)
    records: dict[tuple[str, int], NodeRecord] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    flying: list[Callable[[], None]] = field(default_factory=list)
    moves: int = 0

    def __post_init__(self) -> None:
        self.plan = plan_of(self.workflow)
        self.nodes = {node["name"]: node for node in self.workflow["nodes"]}
        self.interpreter = Interpreter(self.plan, self.start, self.state)

    def drive(self) -> Driven:
        """Goes on until the run is over, doing what is possible in a random order."""
        self.interpreter.launch(self._now())
        while not self._over():
            self.moves += 1
            assert self.moves < MAX_MOVES, "the run takes too long"
            moves = self._possible()
            if not moves:
                raise Hung(f"nothing can go on; unsettled: {self._unsettled()}; state: {self.state}")
            self.rng.choice(moves)()
        self._take_journal()
        names = self.plan.nodes
        return Driven(
            "FAILED" if self.state.error else "COMPLETED",
            self.state.error,
            {names[node].name: unpack(items) for node, items in sorted(self.state.results.items())},
            self.runs,
            self.records,
            self.order,
        )

    def _over(self) -> bool:
        return self.interpreter.over and (self.state.error is not None or not self.flying)

    def _now(self) -> datetime:
        return NOW + timedelta(seconds=self.moves)

    def _unsettled(self) -> list[str]:
        return [
            f"{scope.key!r}: {node.name}"
            for scope in self.state.scopes.values()
            for position, node in enumerate(self.plan.nodes)
            if node.reachable and node.region == scope.region and position not in scope.settled
        ]

    def _possible(self) -> list[Callable[[], None]]:
        moves: list[Callable[[], None]] = []
        for position in range(len(self.flying)):
            moves.append(lambda position=position: self.flying.pop(position)())  # type: ignore[misc]
        for waiting in list(self.state.waiting.values()):
            moves.append(lambda task=waiting.task: self._wake(task))  # type: ignore[misc]
        if not self.interpreter.over:
            pure = [task for task in self.state.ready if self.interpreter.is_pure(task)]
            moves += [
                lambda task=task: self._start(task)  # type: ignore[misc]
                for task in self.state.ready
                if not self.fused or task not in pure
            ]
            if pure and self.fused:
                moves.append(lambda: self._start_advance(pure))
        if self.carried_over and moves and not self.flying and self.rng.random() < 0.2:
            self._carry_over()
            return self._possible() if self.moves < MAX_MOVES else []
        return moves

    def _carry_over(self) -> None:
        """What continue-as-new does to the state."""
        assert not self.state.running
        self.state = STATES.validate_json(STATES.dump_json(self.state))
        self.interpreter = Interpreter(self.plan, self.start, self.state)
        self.moves += 1

    def _wake(self, task: Task) -> None:
        inputs = self.interpreter.inputs(task)
        self.interpreter.resume_waiting(task, Done({"main": inputs[0]}), self._now())

    def _start(self, task: Task) -> None:
        self.interpreter.begin(task)
        outcome = self._do(self.interpreter, task)
        self._ran(self.interpreter, task)
        self.flying.append(lambda: self.interpreter.complete(task, outcome, self._now()))

    def _start_advance(self, pure: list[Task]) -> None:
        tasks = list(pure)
        journal = self.state.journal
        copy = STATES.validate_json(STATES.dump_json(replace(self.state, ready=tasks)))
        self.state.journal = []
        for task in tasks:
            self.interpreter.begin(task)
        limit = self.rng.choice([1, 2, 5, 1_000])
        lost = self.lossy and self.rng.random() < 0.1
        steps, written, ran = self._advance(copy, limit)
        self.flying.append(lambda: self._advanced(tasks, journal, steps, written, ran, lost))

    def _advance(self, state: RunState, limit: int) -> tuple[bytes, list[NodeRecord], list[tuple[Task, Ran]]]:
        """The advance activity: does ready tasks and what follows from them on its own copy of the state."""
        records, state.journal = list(state.journal), []
        interpreter = Interpreter(self.plan, self.start, state)
        steps: list[Step] = []
        ran: list[tuple[Task, Ran]] = []
        # As in the activity: what comes to be merged here isn't, as elsewhere more may have been collected meanwhile.
        merges = [task for task in state.ready if task.kind == "merge"]
        while not interpreter.over and len(steps) < limit:
            task = next(
                (one for one in state.ready if interpreter.is_pure(one) and (one.kind != "merge" or one in merges)),
                None,
            )
            if task is None:
                break
            interpreter.begin(task)
            outcome = self._do(interpreter, task)
            if isinstance(outcome, Done):
                outcome = Done(completed_outputs(self.plan.nodes[task.node], outcome.outputs))
            ran.extend((task, run) for run in self._as_run(interpreter, task))
            interpreter.complete(task, outcome, self._now())
            steps.append(Step(task, outcome))
        short = _shortened(self.plan, self.start, interpreter, steps) if self.terse else steps
        return STEPS.dump_json(short), [*records, *state.journal], ran

    def _advanced(
        self,
        tasks: list[Task],
        journal: list[NodeRecord],
        steps: bytes,
        written: list[NodeRecord],
        ran: list[tuple[Task, Ran]],
        lost: bool,
    ) -> None:
        """What the workflow makes of the activity's result: the same steps again, on the state as it is now."""
        if lost:
            self.interpreter.give_back(tasks)
            self.state.journal[:0] = journal
            return
        done = STEPS.validate_json(steps)
        taken = self._replay(done, tasks)
        keys = {record.key for record in written}
        self.state.journal = [record for record in self.state.journal if record.key not in keys]
        for record in written:
            self._write(record)
        for task, (name, index, inputs) in ran:
            if task in taken:
                self._note(name, index, inputs)
            else:
                assert self.runs.get((name, index), inputs) == inputs, f"run {index} of {name} was done twice, unlike"

    def _replay(self, steps: list[Step], given: list[Task]) -> list[Task]:
        """Takes the steps of a call that was started with the tasks `given`, as the workflow does; those taken."""
        taken: list[Task] = []
        complete = self.interpreter.complete

        def noted(task: Task, outcome: Outcome, now: datetime) -> None:
            taken.append(task)
            complete(task, outcome, now)

        self.interpreter.complete = noted  # type: ignore[method-assign]
        try:
            self.interpreter.replay(steps, given, self._now())
        finally:
            self.interpreter.complete = complete  # type: ignore[method-assign]
        return taken

    def _ran(self, interpreter: Interpreter, task: Task) -> None:
        for name, index, inputs in self._as_run(interpreter, task):
            self._note(name, index, inputs)

    def _as_run(self, interpreter: Interpreter, task: Task) -> list[Ran]:
        """The node run that a task is; none for tests and merges."""
        if task.kind not in ("run", "open"):
            return []
        plan = self.plan.nodes[task.node]
        inputs = [unpack(items) for items in interpreter.inputs(task)] if plan.inputs else []
        return [(plan.name, interpreter.run_index(task), inputs)]

    def _note(self, name: str, index: int, inputs: ItemLists) -> None:
        assert (name, index) not in self.runs, f"two runs of {name} have the run_index {index}"
        self.runs[name, index] = inputs
        self.order.append(name)

    def _take_journal(self) -> None:
        for record in self.state.journal:
            self._write(record)

    def _write(self, record: NodeRecord) -> None:
        key = record.node, record.run_index
        self.records[key] = record
        if record.logs and record.logs[0].startswith("disabled"):
            # It may be written down twice, by a call and by the workflow, but not with other items.
            passed = [[items for port in (record.outputs or {}).values() for items in unpack(port)]]
            assert self.runs.setdefault(key, passed) == passed, f"two runs of {key[0]} have the run_index {key[1]}"

    def _do(self, interpreter: Interpreter, task: Task) -> Outcome:
        plan = self.plan.nodes[task.node]
        node = self.nodes[plan.name]
        inputs = [unpack(items) for items in interpreter.inputs(task)]
        if task.kind == "merge":
            return Merged(pack(inputs[0]))
        if task.kind == "test":
            return Tested(toys.holds(node["parameters"], inputs[0]))
        if task.kind == "open":
            return self._opened(node)
        if interpreter.is_pinned(task):
            return Done({plan.outputs[0]: pack([{"json": pin} for pin in node["pinned"]])})
        if node["subtype"] == "WAIT":
            return Suspended(Sleep(NOW + timedelta(days=30)))
        if node["subtype"] == "TRIGGER":
            return Done({"main": pack(inputs[0])})
        try:
            outputs = toys.run_toy(node, inputs)
        except toys.ToyFailure as failure:
            return Failed(RunError("TOY_FAILED", f"{failure} failed", plan.name))
        names = [*toys.outputs_of(node), ERROR_PORT]
        return Done({names[port]: pack(items) for port, items in enumerate(outputs)})

    def _opened(self, node: dict[str, Any]) -> Outcome:
        if node["parameters"].get("broken"):
            return Failed(RunError("TOY_FAILED", "its parameters can't be resolved", node["name"]))
        known = ("mode", "batch_size", "times", "max_iterations", "max_concurrency", "collect")
        return Opened(Iterate(**{name: node["parameters"][name] for name in known if name in node["parameters"]}))


def _shortened(plan: Plan, start: RunStart, interpreter: Interpreter, steps: list[Step]) -> list[Step]:
    """The steps without the data that the activity leaves out of its result."""
    definition, request = SimpleNamespace(plan=plan), SimpleNamespace(start=start)
    nothing = cast(Any, None)
    advance = Advance(cast(Any, definition), cast(Any, request), nothing, nothing, nothing, nothing, steps=steps)
    return advance._shortened(interpreter)


def run_start(begin: str, items: list[Item], **given: Any) -> RunStart:
    """A run that begins at a node with items."""
    return RunStart("exec", "version", "workflow", "W", 1, "MANUAL", begin, pack(items), **given)


def drive(workflow: dict[str, Any], begin: str, items: list[Item], seed: int = 0, **options: Any) -> Driven:
    """Drives a run; `options` are the driver's, and `start` has more for the run's start."""
    start = run_start(begin, items, **options.pop("start", {}))
    return Driver(workflow, start, random.Random(seed), **options).drive()

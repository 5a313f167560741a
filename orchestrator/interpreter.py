"""Walks a plan: says which tasks may start, and takes what came of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from orchestrator import exact_json
from orchestrator.commands import CallWorkflow, Sleep
from orchestrator.errors import RunError
from orchestrator.frontier import NOTHING, Frontier, completed_outputs
from orchestrator.items import EMPTY, Items, Part, join
from orchestrator.loops import DONE, Loops, loop_key
from orchestrator.messages import Step
from orchestrator.plan import ERROR_PORT, ROOT, Effect, NodePlan, Plan
from orchestrator.record import NodeRecord, NodeStatus
from orchestrator.start import RunStart
from orchestrator.state import (
    JOINED,
    ROOT_SCOPE,
    Done,
    Failed,
    Merged,
    Opened,
    Outcome,
    RunState,
    Scope,
    Suspended,
    Task,
    Tested,
    Waiting,
)


class _RunFrontier(Frontier):
    """The frontier of a run; hands ready nodes and settled scopes to the interpreter."""

    def __init__(self, interpreter: "Interpreter", plan: Plan, state: RunState) -> None:
        super().__init__(plan, state)
        self.interpreter = interpreter

    def activate(self, scope: Scope, node: int) -> None:
        self.interpreter.activate(scope, node)

    def scope_settled(self, scope: Scope) -> None:
        self.interpreter.scope_settled(scope)


class Interpreter:
    """One run of a plan. Deterministic: what it decides depends on its state and on the outcomes alone.

    Whoever drives it takes tasks out of `state.ready`, calls `begin`, does the work, and calls `complete`.
    """

    def __init__(self, plan: Plan, start: RunStart, state: RunState) -> None:
        self.plan = plan
        self.start = start
        self.state = state
        self.now = datetime.fromtimestamp(0, UTC)
        self.frontier: Frontier = _RunFrontier(self, plan, state)
        self.loops = Loops(self)

    def launch(self, now: datetime) -> None:
        """Opens the run at the node it begins with; every other trigger is dead."""
        self.now = now
        begin = self.plan.positions[self.start.begin]
        if self.start.alone and self.plan.nodes[begin].loops:
            message = "a LOOP does nothing without its body; run the workflow to test it"
            self.state.error = RunError("CANT_RUN_ALONE", message, self.start.begin)
        root = Scope(ROOT_SCOPE)
        nodes = (begin,) if self.start.alone else self.plan.root
        self.frontier.open_scope(root, len(nodes))
        for node in nodes:
            if node == begin:
                self.activate(root, node)
            elif self.plan.nodes[node].inputs == 0:
                self.frontier.settle(root, node, None)
        self.frontier.advance()

    def begin(self, task: Task) -> None:
        """Takes a ready task in hand."""
        self.state.ready.remove(task)
        self.state.running[task.key] = task

    def complete(self, task: Task, outcome: Outcome, now: datetime) -> None:
        """Takes what came of a task and finds what may start next."""
        self.now = now
        self.state.running.pop(task.key, None)
        self.state.waiting.pop(task.key, None)
        if not self.is_current(task):
            return
        scope = self.state.scopes[task.scope]
        match outcome:
            case Done(outputs):
                self._ran(scope, task, completed_outputs(self.plan.nodes[task.node], outputs))
            case Failed(error):
                self._fail(scope, task, error)
            case Suspended(command):
                self.state.waiting[task.key] = Waiting(task, command, now)
            case Opened(spec):
                self.loops.open(task, spec, self.inputs(task)[0])
            case Tested(holds):
                self.loops.tested(task, holds)
            case Merged(items):
                self.loops.merged(task, items)
        self.frontier.advance()
        if isinstance(outcome, Done | Failed | Opened):
            self._count()

    def _count(self) -> None:
        """One more node run is over: fails the run if it has had as many as it may and isn't over."""
        self.state.node_runs += 1
        most = self.start.share.node_runs if self.start.share else 0
        if most and self.state.node_runs + self.state.served >= most and self.state.ready and not self.over:
            message = f"the run has had {most:,} node runs, as many as it may have"
            hint = "have it do less, in a loop say, or ask for a higher limit"
            self.state.error = RunError("TOO_MANY_NODE_RUNS", message, hint=hint)

    def replay(self, steps: Sequence[Step], given: Sequence[Task], now: datetime) -> None:
        """Takes what was done on a copy of the state, beginning with the tasks in `given`.

        A step that isn't ours to take, because meanwhile somebody else began or did it here, is passed over.
        """
        for step in steps:
            if step.task in self.state.ready:
                self.begin(step.task)
            elif step.task not in given:
                continue
            self.complete(step.task, step.outcome, now)
        done = {step.task.key for step in steps}
        self.give_back([task for task in given if task.key not in done])

    def give_back(self, tasks: Sequence[Task]) -> None:
        """Makes tasks ready again that were taken in hand but not done."""
        for task in tasks:
            self.state.running.pop(task.key, None)
        self.state.ready[:0] = [task for task in tasks if self.is_current(task)]

    def resume_waiting(self, task: Task, outcome: Done | Failed, now: datetime) -> None:
        """A wait of the workflow's own is over: records the node run and goes on."""
        since = self.state.waiting[task.key].since
        failed = isinstance(outcome, Failed)
        record = NodeRecord(
            self.plan.nodes[task.node].name,
            self.run_index(task),
            NodeStatus.FAILED if failed else NodeStatus.COMPLETED,
            started_at=since,
            finished_at=now,
            outputs=None if isinstance(outcome, Failed) else outcome.outputs,
            error=outcome.error if isinstance(outcome, Failed) else None,
        )
        self.state.journal.append(record)
        self.state.calls.pop(task.key, None)
        self.complete(task, outcome, now)

    @property
    def over(self) -> bool:
        """Whether nothing more will start."""
        return self.state.error is not None or self.state.scopes[ROOT_SCOPE].unsettled == 0

    def is_pure(self, task: Task) -> bool:
        """Whether the task needs no activity of its own: everything but an effectful node that isn't pinned."""
        plan = self.plan.nodes[task.node]
        return task.kind != "run" or plan.effect is not Effect.EFFECTFUL or self.is_pinned(task)

    def is_pinned(self, task: Task) -> bool:
        """Whether the node's pinned items stand for running it."""
        return self.start.use_pinned and task.kind == "run" and self.plan.nodes[task.node].pinned

    def is_current(self, task: Task) -> bool:
        """Whether the task still means something: a merge doesn't, once its loop has ended."""
        return task.kind != "merge" or loop_key(task.scope, task.node) in self.state.loops

    def run_index(self, task: Task) -> int:
        """Tells this run of the node from its others."""
        index = self.state.scopes[task.scope].run_index
        if task.branch == JOINED:
            return index
        edges = self.plan.nodes[task.node].edges_in
        return index * len(edges) + edges.index(task.branch)

    def inputs(self, task: Task) -> list[Items]:
        """What the task works on, by input port."""
        plan = self.plan.nodes[task.node]
        if task.kind == "test":
            return [self.state.loops[loop_key(task.scope, task.node)].carry]
        if task.kind == "merge":
            pile = self.state.loops[loop_key(task.scope, task.node)].piles[task.pile]
            return [Items(pile.parts[task.start : task.start + task.parts])]
        given = self._received(task, plan)
        return [port.slice(0, 1) for port in given] if plan.execute_once else given

    def reads(self, task: Task) -> dict[str, dict[str, Items]]:
        """The outputs that the node's expressions may read, by node and port; nodes that haven't run are left out."""
        scopes: dict[int, Scope] = {}
        scope = self.state.scopes[task.scope]
        while True:
            scopes[scope.region] = scope
            if scope.region == ROOT:
                break
            scope = self.state.scopes[scope.parent]
        found: dict[str, dict[str, Items]] = {}
        for node in self.plan.nodes[task.node].reads:
            region = self.plan.nodes[node].region
            while region not in scopes:
                region = self.plan.nodes[region].region
            if node in scopes[region].kept:
                found[self.plan.nodes[node].name] = scopes[region].kept[node]
        return found

    def activate(self, scope: Scope, node: int) -> None:
        """A node may run: makes its tasks, or completes it at once where nothing is to be done."""
        plan = self.plan.nodes[node]
        reused = self.start.reused.get(plan.name) if scope.key == ROOT_SCOPE else None
        if reused is not None:
            self._take_over(scope, node, reused)
        elif plan.disabled:
            passed = self._received(Task("run", scope.key, node), plan)[0]
            port = DONE if plan.loops else next(iter(plan.outputs), "")
            self._take_over(scope, node, {port: passed})
        elif plan.loops:
            self.state.ready.append(Task("open", scope.key, node))
        elif plan.each and not self._is_given_input(scope.key, plan):
            delivered = [edge for edge in plan.edges_in if edge in scope.delivered]
            self.state.ready.extend(Task("run", scope.key, node, edge) for edge in delivered)
        else:
            self.state.ready.append(Task("run", scope.key, node))

    def scope_settled(self, scope: Scope) -> None:
        """An iteration has ended."""
        if scope.key != ROOT_SCOPE:
            self.loops.iteration_ended(scope)

    def fail_loop(self, scope: Scope, node: int, error: RunError, exits: Mapping[int, Items]) -> None:
        """A LOOP failed while it went round; `exits` is what left its body till then."""
        record = NodeRecord(
            self.plan.nodes[node].name, scope.run_index, NodeStatus.FAILED, finished_at=self.now, error=error
        )
        self.state.journal.append(record)
        self._fail(scope, Task("open", scope.key, node), error, exits)

    def _fail(self, scope: Scope, task: Task, error: RunError, exits: Mapping[int, Items] = NOTHING) -> None:
        """The node failed for good: the run fails, or goes on with the error as an item, as the node says."""
        plan = self.plan.nodes[task.node]
        if task.kind == "test":
            exits = self.state.loops.pop(loop_key(task.scope, task.node)).piles
        if plan.on_error == "stop" or task.kind == "merge":
            self.state.error = self.state.error or error
            return
        port = ERROR_PORT if plan.on_error == "error_output" else (DONE if plan.loops else plan.outputs[0])
        self._ran(scope, task, completed_outputs(plan, {port: error_items(error)}), exits)

    def _ran(self, scope: Scope, task: Task, outputs: dict[str, Items], exits: Mapping[int, Items] = NOTHING) -> None:
        if task.branch == JOINED:
            self._settle(scope, task.node, outputs, exits)
            return
        branches = scope.branches.setdefault(task.node, {})
        branches[task.branch] = outputs
        delivered = [edge for edge in self.plan.nodes[task.node].edges_in if edge in scope.delivered]
        if len(branches) == len(delivered):
            del scope.branches[task.node]
            ports = self.plan.nodes[task.node].outputs
            joined = {port: join(branches[edge].get(port, EMPTY) for edge in delivered) for port in ports}
            self._settle(scope, task.node, joined)

    def _settle(
        self, scope: Scope, node: int, outputs: Mapping[str, Items], exits: Mapping[int, Items] = NOTHING
    ) -> None:
        if self.start.alone:
            self.state.results[node] = join(outputs.values())
            scope.unsettled = 0
        else:
            self.frontier.settle(scope, node, outputs, exits)

    def _take_over(self, scope: Scope, node: int, outputs: dict[str, Items]) -> None:
        plan = self.plan.nodes[node]
        record = NodeRecord(
            plan.name,
            scope.run_index,
            NodeStatus.COMPLETED,
            started_at=self.now,
            finished_at=self.now,
            outputs=outputs,
            reused=not plan.disabled,
            logs=["disabled: its input was passed on"] if plan.disabled else [],
        )
        self.state.journal.append(record)
        self._settle(scope, node, completed_outputs(plan, outputs))

    def _is_given_input(self, scope: str, plan: NodePlan) -> bool:
        """Whether the node gets what the run was started with, not what comes on its edges."""
        return scope == ROOT_SCOPE and (plan.name in self.start.inputs or plan.name == self.start.begin)

    def _received(self, task: Task, plan: NodePlan) -> list[Items]:
        if self._is_given_input(task.scope, plan):
            return list(self.start.inputs.get(plan.name, [self.start.input]))
        scope = self.state.scopes[task.scope]
        ports: list[list[Items]] = [[] for _ in range(max(plan.inputs, 1))]
        for edge in plan.edges_in:
            if task.branch in (JOINED, edge) and edge in scope.delivered:
                ports[self.plan.edges[edge].input].append(scope.delivered[edge])
        return [join(port) for port in ports]


def error_items(error: RunError) -> Items:
    """One item that says what went wrong."""
    text = exact_json.dumps([{"json": {"error": error_json(error)}}])
    return Items((Part(count=1, size=len(text), text=text),))


def error_json(error: RunError) -> dict[str, object]:
    """An error as users see it in an item."""
    shown = {
        "code": error.code,
        "message": error.message,
        "node": error.node,
        "item": error.item,
        "attempt": error.attempt or None,
        "hint": error.hint or None,
    }
    return {name: value for name, value in shown.items() if value is not None}


__all__ = ["CallWorkflow", "Interpreter", "Sleep", "error_items", "error_json"]

"""How a LOOP goes round: what each iteration gets, what is collected, and when it is done."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from orchestrator.commands import Iterate
from orchestrator.errors import RunError
from orchestrator.frontier import Frontier, completed_outputs
from orchestrator.graph import BODY
from orchestrator.items import EMPTY, INLINE_LIMIT, Items, Part, join
from orchestrator.plan import NodePlan
from orchestrator.record import NodeRecord, NodeStatus
from orchestrator.state import JOINED, LoopRun, Returned, Scope, Task

DONE = "done"
# A collection of more small parts than this, or more inline bytes, is rewritten as one part.
MERGE_PARTS = 100
MERGE_BYTES = 2 * INLINE_LIMIT


class Host(Protocol):
    """What loops need of the interpreter."""

    frontier: Frontier
    now: datetime

    def fail_loop(self, scope: Scope, node: int, error: RunError, exits: Mapping[int, Items]) -> None:
        """A LOOP failed while it went round; `exits` is what left its body till then."""


def loop_key(scope: str, node: int) -> str:
    """Names one run of a LOOP within its run."""
    return f"{scope}/{node}"


class Loops:
    """The LOOPs of a run that are going round."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.plan = host.frontier.plan
        self.state = host.frontier.state

    def open(self, task: Task, spec: Iterate, items: Items) -> None:
        """Begins to iterate over what the LOOP got."""
        run = LoopRun(task.node, task.scope, spec, carry=items, since=self.host.now)
        self.state.loops[loop_key(task.scope, task.node)] = run
        self._go_on(run)

    def tested(self, task: Task, holds: bool) -> None:
        """Goes round once more, or ends."""
        run = self.state.loops[loop_key(task.scope, task.node)]
        if not holds:
            self._finish(run)
        elif self._may_begin(run):
            self._begin(run, run.carry)

    def merged(self, task: Task, items: Items) -> None:
        """Replaces the parts that were merged; others may have been added behind them."""
        run = self.state.loops.get(loop_key(task.scope, task.node))
        if run is None:
            return
        parts = run.piles[task.pile].parts
        run.piles[task.pile] = Items(parts[: task.start] + items.parts + parts[task.start + task.parts :])
        run.merging.remove(task.pile)
        if run.over:
            self._finish(run)

    def iteration_ended(self, scope: Scope) -> None:
        """Collects what an iteration came to, in iteration order, and goes on."""
        run = self.state.loops[loop_key(scope.parent, scope.region)]
        plan = self.plan.nodes[run.node]
        back = join(scope.delivered[edge] for edge in plan.returns if edge in scope.delivered)
        run.returned[scope.iteration] = Returned({JOINED: back, **scope.exits}, scope.kept)
        run.open.remove(scope.key)
        del self.state.scopes[scope.key]
        while run.ended in run.returned:
            self._collect(run, run.returned.pop(run.ended))
            run.ended += 1
        for pile in run.piles:
            self._merge_if_long(run, pile)
        self._go_on(run)

    def _collect(self, run: LoopRun, returned: Returned) -> None:
        for pile, items in returned.items.items():
            if pile == JOINED and run.spec.mode != "items":
                run.carry = items
                if not run.spec.collect:
                    continue
            if items.count:
                run.piles[pile] = join([run.piles.get(pile, EMPTY), items])
        self.state.scopes[run.scope].kept.update(returned.kept)

    def _go_on(self, run: LoopRun) -> None:
        if run.spec.mode == "items":
            self._go_on_with_items(run)
        elif not run.open:
            nothing_came_back = run.started > 0 and not run.carry.count
            if nothing_came_back or (run.spec.mode == "count" and run.started >= run.spec.times):
                self._finish(run)
            elif run.spec.mode == "while":
                self.state.ready.append(Task("test", run.scope, run.node))
            elif self._may_begin(run):
                self._begin(run, run.carry)

    def _go_on_with_items(self, run: LoopRun) -> None:
        size = run.spec.batch_size
        batches = -(-run.carry.count // size)
        if batches > run.spec.max_iterations:
            self._exhausted(run)
            return
        while run.started < batches and len(run.open) < run.spec.max_concurrency:
            self._begin(run, run.carry.slice(run.started * size, size))
        if run.ended == batches:
            self._finish(run)

    def _may_begin(self, run: LoopRun) -> bool:
        if run.started < run.spec.max_iterations:
            return True
        self._exhausted(run)
        return False

    def _exhausted(self, run: LoopRun) -> None:
        del self.state.loops[loop_key(run.scope, run.node)]
        limit = run.spec.max_iterations
        error = RunError(
            "TOO_MANY_ITERATIONS",
            f"the loop wants more than its limit of {limit:,} iterations",
            node=self.plan.nodes[run.node].name,
            hint="raise max_iterations, take larger batches, or correct the condition",
        )
        self.state.ready = [task for task in self.state.ready if not self._merges(task, run)]
        self.host.fail_loop(self.state.scopes[run.scope], run.node, error, run.piles)

    def _merges(self, task: Task, run: LoopRun) -> bool:
        return task.kind == "merge" and (task.scope, task.node) == (run.scope, run.node)

    def _begin(self, run: LoopRun, items: Items) -> None:
        parent = self.state.scopes[run.scope]
        key = f"{loop_key(run.scope, run.node)}:{run.started}"
        plan = self.plan.nodes[run.node]
        scope = Scope(
            key,
            region=run.node,
            parent=parent.key,
            iteration=run.started,
            run_index=self._number(run, parent),
            parallel=parent.parallel or run.spec.max_concurrency > 1,
        )
        run.started += 1
        run.open.append(key)
        self.host.frontier.open_scope(scope, len(plan.body))
        for edge in plan.edges_out:
            if self.plan.edges[edge].output == BODY:
                self.host.frontier.resolve(scope, edge, items)

    def _number(self, run: LoopRun, parent: Scope) -> int:
        """The iteration's run_index: a count over all runs of the loop, unless timing could change that count."""
        if parent.parallel:
            return _paired(parent.run_index, run.started)
        number = self.state.iterations.get(run.node, 0)
        self.state.iterations[run.node] = number + 1
        return number

    def _merge_if_long(self, run: LoopRun, pile: int) -> None:
        parts = run.piles[pile].parts
        start = len(parts)
        while start > 0 and _is_small(parts[start - 1]):
            start -= 1
        tail = Items(parts[start:])
        long = len(tail.parts) > MERGE_PARTS or tail.inline_size > MERGE_BYTES
        if long and len(tail.parts) > 1 and pile not in run.merging:
            run.merging.append(pile)
            self.state.ready.append(Task("merge", run.scope, run.node, pile=pile, start=start, parts=len(tail.parts)))

    def _finish(self, run: LoopRun) -> None:
        run.over = True
        if run.merging:
            return
        del self.state.loops[loop_key(run.scope, run.node)]
        scope = self.state.scopes[run.scope]
        plan = self.plan.nodes[run.node]
        collects = run.spec.mode == "items" or (run.spec.collect and run.started > 0)
        done = run.piles.get(JOINED, EMPTY) if collects else run.carry
        outputs = completed_outputs(plan, {DONE: done})
        self.state.journal.append(self._record(run, plan, scope, outputs))
        self.host.frontier.settle(scope, run.node, outputs, run.piles)

    def _record(self, run: LoopRun, plan: NodePlan, scope: Scope, outputs: dict[str, Items]) -> NodeRecord:
        return NodeRecord(
            plan.name,
            scope.run_index,
            NodeStatus.COMPLETED,
            started_at=run.since,
            finished_at=self.host.now,
            outputs=outputs,
            logs=[f"{run.started} iterations"],
        )


def _paired(first: int, second: int) -> int:
    """One number for two, another one for any other two (Cantor's pairing)."""
    diagonal = first + second
    return diagonal * (diagonal + 1) // 2 + second


def _is_small(part: Part) -> bool:
    return part.text is not None and part.size < INLINE_LIMIT

"""Which nodes may run: edges are pending, then delivered or dead, and a node waits for all that lead to it."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

from orchestrator.graph import BODY
from orchestrator.items import EMPTY, ONE_EMPTY_ITEM, Items, join
from orchestrator.plan import ERROR_PORT, RESULT, NodePlan, Plan
from orchestrator.state import RunState, Scope

NOTHING: Mapping[int, Items] = MappingProxyType({})


class Frontier(ABC):
    """Moves items along edges within scopes, and finds the nodes that become ready and those that never will."""

    def __init__(self, plan: Plan, state: RunState) -> None:
        self.plan = plan
        self.state = state
        self._decided: deque[tuple[str, int]] = deque()
        self._settled: deque[str] = deque()

    @abstractmethod
    def activate(self, scope: Scope, node: int) -> None:
        """Called for a node all of whose edges are decided, at least one of them delivered."""

    @abstractmethod
    def scope_settled(self, scope: Scope) -> None:
        """Called for a scope all of whose nodes have run or been skipped."""

    def advance(self) -> None:
        """Follows everything that was decided to its end."""
        while self._decided or self._settled:
            while self._decided:
                key, node = self._decided.popleft()
                self._decide(self.state.scopes[key], node)
            if self._settled:
                self.scope_settled(self.state.scopes[self._settled.popleft()])

    def open_scope(self, scope: Scope, nodes: int) -> None:
        """Adds a scope with so many nodes to settle."""
        scope.unsettled = nodes
        self.state.scopes[scope.key] = scope
        if nodes == 0:
            self._settled.append(scope.key)

    def resolve(self, scope: Scope, edge_index: int, items: Items) -> None:
        """Delivers items on an edge out of the scope; no items make it dead."""
        edge = self.plan.edges[edge_index]
        if edge.home != scope.region:
            if items.count:
                scope.exits[edge_index] = items
        elif edge.target == RESULT:
            if items.count:
                self.state.results[edge.source] = join([self.state.results.get(edge.source, EMPTY), items])
        else:
            if items.count:
                scope.delivered[edge_index] = items
            if edge.home != edge.target:
                self._count_down(scope, edge.target)

    def settle(
        self, scope: Scope, node: int, outputs: Mapping[str, Items] | None, exits: Mapping[int, Items] = NOTHING
    ) -> None:
        """Notes what a node emitted (None: it was skipped) and resolves the edges that leave it.

        `exits` is what a LOOP collected on the edges that leave its body for good; the others are dead.
        """
        plan = self.plan.nodes[node]
        scope.settled[node] = "skipped" if outputs is None else "ran"
        scope.unsettled -= 1
        scope.unresolved.pop(node, None)
        for edge in plan.edges_in:
            scope.delivered.pop(edge, None)
        if plan.kept and outputs is not None:
            scope.kept[node] = dict(outputs)
        for index in plan.edges_out:
            output = self.plan.edges[index].output
            if not (plan.loops and output == BODY):
                self.resolve(scope, index, (outputs or {}).get(plan.outputs[output], EMPTY))
        for index in plan.exits:
            self.resolve(scope, index, exits.get(index, EMPTY))
        if scope.unsettled == 0:
            self._settled.append(scope.key)

    def _count_down(self, scope: Scope, node: int) -> None:
        left = scope.unresolved.get(node, len(self.plan.nodes[node].edges_in)) - 1
        scope.unresolved[node] = left
        if left == 0:
            self._decided.append((scope.key, node))

    def _decide(self, scope: Scope, node: int) -> None:
        if node in scope.settled:
            return
        if any(edge in scope.delivered for edge in self.plan.nodes[node].edges_in):
            self.activate(scope, node)
        else:
            self.settle(scope, node, None)


def completed_outputs(plan: NodePlan, outputs: Mapping[str, Items]) -> dict[str, Items]:
    """A node's outputs, with one empty item on each port that has none where `always_output` asks for it."""
    if not plan.always_output:
        return dict(outputs)
    ports = [port for port in plan.outputs if port != ERROR_PORT and not (plan.loops and port == plan.outputs[BODY])]
    filled = {port: ONE_EMPTY_ITEM for port in ports if not outputs.get(port, EMPTY).count}
    return {**outputs, **filled}

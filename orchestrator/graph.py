"""The MAIN arrows of a workflow as a graph: which nodes a run can reach, what its loops enclose, what is cyclic."""

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from orchestrator.plan import ROOT, Edge, Ports

BODY = 0
MAX_CYCLES = 10


@dataclass(frozen=True)
class Regions:
    """Where nodes stand: `of[n]` is the innermost LOOP whose body encloses node n (ROOT for none)."""

    of: tuple[int, ...]
    reachable: tuple[bool, ...]
    loops: frozenset[int]

    def encloses(self, loop: int, node: int) -> bool:
        """Whether `node` stands in the body of `loop`, however deep."""
        region = self.of[node]
        while region != ROOT and region != loop:
            region = self.of[region]
        return region == loop

    def returns(self, edge: Edge) -> bool:
        """Whether an edge closes a loop: it leads from a loop's body, or its body port, back to that loop."""
        if edge.target not in self.loops:
            return False
        return self.encloses(edge.target, edge.source) or (edge.source == edge.target and edge.output == BODY)


def find_regions(ports: Sequence[Ports], edges: Sequence[Edge]) -> Regions:
    """Encloses in a loop's body every node that a run can only reach through that loop's `body` port.

    Each loop's body port is made a vertex of its own; a body is then what that vertex dominates. Nodes that no
    trigger leads to are looked at apart, so that they don't change what a run can do.
    """
    count = len(ports)
    loops = [node for node, port in enumerate(ports) if port.loops]
    triggers = [node for node, port in enumerate(ports) if port.inputs == 0]
    successors = _with_gates(count, loops, edges)
    region, reached = _enclose(successors, count, loops, triggers)
    rest = [[] if v in reached else [t for t in targets if t not in reached] for v, targets in enumerate(successors)]
    entries = _entries(rest, [*loops, *(node for node in range(count) if node not in loops)], reached)
    apart, _ = _enclose(rest, count, loops, entries)
    of = tuple((region if node in reached else apart)[node] for node in range(count))
    return Regions(of, tuple(node in reached for node in range(count)), frozenset(loops))


def _with_gates(count: int, loops: Sequence[int], edges: Sequence[Edge]) -> list[list[int]]:
    """Who follows whom, with a vertex for each loop's body port behind the nodes', and one for the root at the end."""
    gates = {loop: count + i for i, loop in enumerate(loops)}
    successors: list[list[int]] = [[] for _ in range(count + len(loops) + 1)]
    for loop, gate in gates.items():
        successors[loop].append(gate)
    for edge in edges:
        through_body = edge.source in gates and edge.output == BODY
        successors[gates[edge.source] if through_body else edge.source].append(edge.target)
    return successors


def _enclose(
    successors: Sequence[Sequence[int]], count: int, loops: Sequence[int], entries: Sequence[int]
) -> tuple[list[int], frozenset[int]]:
    """The region of each vertex, and the vertices that can be reached from the entries."""
    root = len(successors) - 1
    dominators, order = _dominators([*successors[:root], entries], root)
    loop_of_gate = {count + i: loop for i, loop in enumerate(loops)}
    region = [ROOT] * len(successors)
    for vertex in order[1:]:
        above = dominators[vertex]
        region[vertex] = loop_of_gate.get(above, region[above])
    return region, frozenset(order)


def _entries(successors: Sequence[Sequence[int]], order: Sequence[int], reached: frozenset[int]) -> list[int]:
    """Vertices from which all the others can be reached: those that nothing leads to, else in the given order."""
    led_to = {target for targets in successors for target in targets}
    seen = set(reached)
    entries = []
    for vertex in [*(v for v in order if v not in led_to), *order]:
        if vertex in seen:
            continue
        entries.append(vertex)
        stack = [vertex]
        while stack:
            at = stack.pop()
            if at not in seen:
                seen.add(at)
                stack.extend(successors[at])
    return entries


def _dominators(successors: Sequence[Sequence[int]], root: int) -> tuple[list[int], list[int]]:
    """Immediate dominators, and the vertices in reverse postorder (Cooper, Harvey and Kennedy, 2001)."""
    order = _reverse_postorder(successors, root)
    rank = {vertex: i for i, vertex in enumerate(order)}
    predecessors: dict[int, list[int]] = {vertex: [] for vertex in order}
    for vertex in order:
        for target in successors[vertex]:
            predecessors[target].append(vertex)
    above = [-1] * len(successors)
    above[root] = root
    changed = True
    while changed:
        changed = False
        for vertex in order[1:]:
            found = -1
            for before in predecessors[vertex]:
                if above[before] == -1:
                    continue
                found = before if found == -1 else _nearest_common(found, before, above, rank)
            if above[vertex] != found:
                above[vertex], changed = found, True
    return above, order


def _nearest_common(left: int, right: int, above: Sequence[int], rank: dict[int, int]) -> int:
    while left != right:
        while rank[left] > rank[right]:
            left = above[left]
        while rank[right] > rank[left]:
            right = above[right]
    return left


def _reverse_postorder(successors: Sequence[Sequence[int]], root: int) -> list[int]:
    seen = {root}
    postorder: list[int] = []
    stack = [(root, iter(successors[root]))]
    while stack:
        vertex, targets = stack[-1]
        for target in targets:
            if target not in seen:
                seen.add(target)
                stack.append((target, iter(successors[target])))
                break
        else:
            stack.pop()
            postorder.append(vertex)
    return postorder[::-1]


def find_cycles(count: int, edges: Sequence[Edge], regions: Regions) -> list[list[int]]:
    """Nodes that would wait for each other forever: cycles that don't come back to their own loop, at most ten."""
    predecessors: dict[int, list[int]] = {node: [] for node in range(count)}
    for edge in edges:
        if not regions.returns(edge):
            predecessors[edge.target].append(edge.source)
    cycles: list[list[int]] = []
    while len(cycles) < MAX_CYCLES:
        try:
            TopologicalSorter(predecessors).prepare()
        except CycleError as error:
            cycles.append(error.args[1][:-1])
            on_cycle = set(cycles[-1])
            predecessors = {
                node: [source for source in sources if source not in on_cycle]
                for node, sources in predecessors.items()
                if node not in on_cycle
            }
        else:
            break
    return cycles

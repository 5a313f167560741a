"""Builds workflow dicts of toy nodes: by hand from a short text, or at random."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.orchestrator import toys

Draw = st.DrawFn
FAMILIES = {
    "TRIGGER": "TRIGGER_NODE",
    "IF": "FLOW_NODE",
    "LOOP": "FLOW_NODE",
    "MERGE": "FLOW_NODE",
    "WAIT": "FLOW_NODE",
}
MAX_NODES = 14
MAX_DEPTH = 3


def node(name: str, subtype: str = "ADD", /, **given: Any) -> dict[str, Any]:
    """A node; what isn't a field of nodes is a parameter."""
    fields = ("on_error", "always_output", "execute_once", "fan_in", "disabled", "pinned", "retry", "timeout")
    own = {name: given.pop(name) for name in fields if name in given}
    family = FAMILIES.get(subtype, "ACTION_NODE")
    return {"id": f"id of {name}", "name": name, "type": family, "subtype": subtype, "parameters": given, **own}


def workflow(nodes: list[dict[str, Any]], *arrows: str) -> dict[str, Any]:
    """A workflow; an arrow is "A > B", "A.output > B", "A > B.1" (B's input 1)."""
    connections: dict[str, Any] = {}
    for arrow in arrows:
        source, target = (end.strip() for end in arrow.split(">"))
        source, _, output = source.partition(".")
        target, _, index = target.partition(".")
        connect(connections, source, output, target, int(index or 0))
    return {"name": "W", "nodes": nodes, "connections": {"connections": connections}}


def connect(connections: dict[str, Any], source: str, output: str, target: str, index: int) -> None:
    """Adds a MAIN connection."""
    of_source = connections.setdefault(source, {"connection_types": {"main": {"connections": []}}})
    written: dict[str, Any] = {"node": target, "type": "MAIN"}
    if output:
        written["output"] = output
    if index:
        written["index"] = index
    of_source["connection_types"]["main"]["connections"].append(written)


@st.composite
def runs(draw: Draw) -> tuple[dict[str, Any], str, list[toys.Item]]:
    """A random workflow, the trigger that its run begins with, and the run's input."""
    graph = _Graph(draw)
    triggers = draw(st.integers(1, 2))
    names = [graph.add("TRIGGER", {}) for _ in range(triggers)]
    graph.region(names, depth=0, room=draw(st.integers(1, MAX_NODES)))
    graph.leave_loops()
    # A node's place in `nodes` decides the order of joined items, so it shouldn't always be the order of the graph.
    nodes = draw(st.permutations(graph.nodes)) if draw(st.booleans()) else graph.nodes
    made = {"name": "W", "nodes": list(nodes), "connections": {"connections": graph.connections}}
    values = draw(st.lists(st.integers(0, 6), min_size=1, max_size=5))
    return made, draw(st.sampled_from(names)), [toys.toy_item(value) for value in values]


@dataclass
class _Graph:
    """A workflow while it is drawn. Nodes are added in an order that every arrow but a loop's return follows."""

    draw: Draw
    nodes: list[dict[str, Any]] = field(default_factory=list)
    connections: dict[str, Any] = field(default_factory=dict)
    enclosing: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, subtype: str, given: dict[str, Any], enclosing: tuple[str, ...] = ()) -> str:
        """A new node's name."""
        name = f"{subtype[0]}{len(self.nodes)}"
        self.nodes.append(node(name, subtype, **given))
        self.enclosing[name] = enclosing
        return name

    def region(self, sources: list[str], *, depth: int, room: int, enclosing: tuple[str, ...] = ()) -> list[str]:
        """Adds up to `room` nodes fed by `sources` and by each other; a source may be a loop's body port."""
        inside: list[str] = []
        while room > 0 and len(self.nodes) < MAX_NODES + 3:
            subtype = self.draw(st.sampled_from(_SUBTYPES if depth < MAX_DEPTH else _SUBTYPES[:-2]))
            name = self.add(subtype, self.draw(_settings(subtype)), enclosing)
            self._feed(name, sources, inside)
            inside.append(name)
            room -= 1
            if subtype == "LOOP":
                room -= self._fill(name, depth, room, enclosing)
        return inside

    def _fill(self, loop: str, depth: int, room: int, enclosing: tuple[str, ...]) -> int:
        """Gives a loop its body."""
        before = len(self.nodes)
        body = self.region(
            [f"{loop}.body"],
            depth=depth + 1,
            room=min(self.draw(st.integers(0, 4)), room),
            enclosing=(*enclosing, loop),
        )
        backward = self.draw(st.lists(st.sampled_from([*body, f"{loop}.body"]), max_size=2)) if body else []
        for source in backward or (body[-1:] if self.draw(st.booleans()) else []):
            self._connect(source, loop, 0)
        return len(self.nodes) - before

    def _feed(self, name: str, sources: list[str], inside: list[str]) -> None:
        subtype = self._node(name)["subtype"]
        ports = self._node(name)["parameters"].get("inputs", 2) if subtype == "MERGE" else 1
        wanted = self.draw(st.integers(1, 1 + ports))
        for _ in range(wanted):
            source = self.draw(st.sampled_from([*inside[::-1], *sources]))
            self._connect(source, name, self.draw(st.integers(0, ports - 1)))

    def leave_loops(self) -> None:
        """Adds arrows out of loops' bodies to nodes that stand outside and come later."""
        order = [made["name"] for made in self.nodes]
        inner = [name for name in order if self.enclosing[name]]
        for _ in range(self.draw(st.integers(0, 3)) if inner else 0):
            source = self.draw(st.sampled_from(inner))
            depth = self.draw(st.integers(0, len(self.enclosing[source]) - 1))
            outer = self.enclosing[source][:depth]
            later = [
                name
                for name in order[order.index(source) + 1 :]
                if self.enclosing[name] == outer and self._node(name)["type"] != "TRIGGER_NODE"
            ]
            back = list(self.enclosing[source][:-1])
            if later or back:
                self._connect(source, self.draw(st.sampled_from([*later, *back])), 0)

    def _connect(self, source: str, target: str, index: int) -> None:
        name, _, output = source.partition(".")
        made = self._node(name)
        if not output:
            names = toys.outputs_of(made)
            if made["subtype"] == "LOOP":
                names = ["done"]
            if made.get("on_error") == "error_output":
                names = [*names, "error"]
            output = self.draw(st.sampled_from(names))
        connect(self.connections, name, output, target, index)

    def _node(self, name: str) -> dict[str, Any]:
        return next(made for made in self.nodes if made["name"] == name)


_SUBTYPES = ["ADD", "ADD", "IF", "DROP", "FAIL", "MERGE", "WAIT", "LOOP", "LOOP"]


@st.composite
def _settings(draw: Draw, subtype: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if subtype in ("ADD", "IF", "DROP", "FAIL", "MERGE") and draw(st.integers(0, 3)) == 0:
        given["effect"] = "effectful"
    if subtype == "LOOP":
        given |= draw(_loops())
    elif subtype == "FAIL":
        given |= draw(_failures())
    elif subtype == "MERGE":
        given["inputs"] = draw(st.integers(2, 3))
    elif subtype in ("IF", "DROP"):
        given["modulo"] = draw(st.integers(1 if subtype == "DROP" else 2, 3))
    rare = draw(st.integers(0, 11))
    if rare == 0:
        given["disabled"] = True
    elif rare == 1:
        given["execute_once"] = True
    elif rare == 2:
        given["always_output"] = True
    elif rare <= 4 and subtype not in ("LOOP", "MERGE"):
        given["fan_in"] = "each"
    return given


@st.composite
def _loops(draw: Draw) -> dict[str, Any]:
    mode = draw(st.sampled_from(["items", "items", "count", "while"]))
    given: dict[str, Any] = {"mode": mode}
    if mode == "items":
        given |= {"batch_size": draw(st.integers(1, 3)), "max_concurrency": draw(st.sampled_from([1, 2, 10]))}
    elif mode == "count":
        given |= {"times": draw(st.integers(0, 3)), "collect": draw(st.booleans())}
    else:
        given |= {"limit": draw(st.integers(0, 5)), "collect": draw(st.booleans()), "max_iterations": 7}
    if draw(st.integers(0, 7)) == 0:
        given["max_iterations"] = draw(st.integers(1, 3))
    if draw(st.integers(0, 15)) == 0:
        given["broken"] = True
    given["on_error"] = draw(st.sampled_from(["stop", "continue", "error_output"]))
    return given


@st.composite
def _failures(draw: Draw) -> dict[str, Any]:
    on_error = draw(st.sampled_from(["continue", "error_output", "error_output", "stop"]))
    return {
        "on_error": on_error,
        "modulo": draw(st.integers(1, 4)),
        "remainder": draw(st.integers(0, 3)),
        "whole": draw(st.integers(0, 3)) == 0,
    }

"""A second, naive interpreter of the execution semantics, written from their text alone to check the real one.

It recurses where the real one keeps a state, looks everything up by name, and knows the toy nodes only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.orchestrator import toys
from tests.orchestrator.toys import Item, ItemLists

MAX_RUNS = 3_000
MAX_ITEMS = 4_000


class TooMuch(Exception):
    """A workflow whose run is too large for a test."""


class Stopped(Exception):
    """The run fails with the node of this name."""

    def __init__(self, node: str) -> None:
        super().__init__(node)
        self.node = node


class _Exhausted(Exception):
    """A loop wants more iterations than it may have."""


@dataclass(frozen=True)
class Arrow:
    """A MAIN connection; nodes by name, ports by position. `place` tells two that are alike apart."""

    place: int
    source: str
    output: int
    target: str
    index: int


@dataclass
class Report:
    """What a run did."""

    status: str = "COMPLETED"
    failed_node: str = ""
    runs: dict[str, list[ItemLists]] = field(default_factory=dict)
    result: dict[str, list[Item]] = field(default_factory=dict)


# What an arrow brought; None is a dead one.
Delivery = list[Item] | None


def interpret(workflow: Mapping[str, Any], trigger: str, items: list[Item]) -> Report:
    """The run of a workflow dict that begins at `trigger` with `items`."""
    return _Run(workflow, trigger, items).report()


class _Run:
    def __init__(self, workflow: Mapping[str, Any], trigger: str, items: list[Item]) -> None:
        self.nodes = {node["name"]: node for node in workflow["nodes"]}
        self.trigger, self.items = trigger, items
        self.arrows = _arrows(workflow)
        # By port of the node, then by iteration.
        self.ends: dict[str, list[list[Item]]] = {}
        self.runs: dict[str, list[ItemLists]] = {name: [] for name in self.nodes}
        self.count = 0
        triggers = [name for name, node in self.nodes.items() if node["type"] == "TRIGGER_NODE"]
        loops = [name for name, node in self.nodes.items() if node["subtype"] == "LOOP"]
        reached = self._reached(triggers, "")
        self.bodies = {loop: reached - self._reached(triggers, loop) for loop in loops}
        self.reached = reached

    def report(self) -> Report:
        """Runs everything outside the loops, which run what is inside them."""
        outside = [name for name in self.nodes if name in self.reached and not self._around(name)]
        try:
            self._region(outside, {})
        except Stopped as stop:
            return Report("FAILED", stop.node, self.runs, {})
        result = {name: [item for port in ports for item in port] for name, ports in self.ends.items()}
        return Report("COMPLETED", "", self.runs, result)

    def _reached(self, triggers: list[str], closed: str) -> set[str]:
        """The nodes that triggers lead to when nothing may leave the `body` port of the loop `closed`."""
        found, todo = set(triggers), list(triggers)
        while todo:
            name = todo.pop()
            for arrow in self.arrows:
                if arrow.source == name and not (name == closed and arrow.output == 0) and arrow.target not in found:
                    found.add(arrow.target)
                    todo.append(arrow.target)
        return found

    def _around(self, name: str) -> str:
        """The innermost loop whose body holds a node; empty for none."""
        around = [loop for loop, body in self.bodies.items() if name in body]
        return next((loop for loop in around if all(loop in self.bodies[o] for o in around if o != loop)), "")

    def _comes_back(self, arrow: Arrow) -> bool:
        loop = arrow.target
        if loop not in self.bodies:
            return False
        return arrow.source in self.bodies[loop] or (arrow.source == loop and arrow.output == 0)

    def _region(self, members: list[str], given: dict[Arrow, Delivery]) -> dict[Arrow, Delivery]:
        """Runs the nodes of one region once; what every arrow brought, those that leave the region too."""
        brought = dict(given)
        waiting = list(members)
        while waiting:
            for name in waiting:
                into = [a for a in self.arrows if a.target == name and not self._comes_back(a)]
                if all(arrow in brought for arrow in into if arrow.source in self.reached):
                    break
            else:
                raise AssertionError(f"the reference waits forever for {waiting}")
            waiting.remove(name)
            # An arrow from a node that no trigger leads to never brings anything.
            arrived = [(arrow, brought.get(arrow)) for arrow in into]
            brought.update(self._visit(name, arrived))
        return brought

    def _visit(self, name: str, arrived: list[tuple[Arrow, Delivery]]) -> dict[Arrow, Delivery]:
        node = self.nodes[name]
        delivered = [(arrow, items) for arrow, items in arrived if items is not None]
        if node["type"] == "TRIGGER_NODE":
            if name != self.trigger:
                return self._dead(name)
            self._ran(name, [])
            return self._emit(name, self._filled(node, [self.items]))
        if not delivered:
            return self._dead(name)
        ports = int(node["parameters"].get("inputs", 2)) if node["subtype"] == "MERGE" else 1
        if node.get("disabled"):
            return self._pass_on(name, [item for arrow, items in delivered if arrow.index == 0 for item in items])
        each = node.get("fan_in") == "each"
        outputs: ItemLists = []
        for call in [[one] for one in delivered] if each else [delivered]:
            inputs: ItemLists = [[] for _ in range(ports)]
            for arrow, items in call:
                inputs[arrow.index] = inputs[arrow.index] + items
            if node.get("execute_once"):
                inputs = [items[:1] for items in inputs]
            if node["subtype"] == "LOOP":
                return self._loop(name, inputs[0])
            emitted = self._filled(node, self._call(node, inputs))
            outputs = [already + more for already, more in zip(outputs, emitted, strict=True)] if outputs else emitted
        return self._emit(name, outputs)

    def _pass_on(self, name: str, items: list[Item]) -> dict[Arrow, Delivery]:
        """A disabled node: what came in goes out of its first port, of a loop out of `done`."""
        self._ran(name, [items])
        if self.nodes[name]["subtype"] != "LOOP":
            return self._emit(name, self._filled(self.nodes[name], [items]))
        return {**self._dead(name), **self._emit_done(name, items)}

    def _filled(self, node: Mapping[str, Any], outputs: ItemLists) -> ItemLists:
        """Every port's items, one empty item where `always_output` owes it; the error port owes nothing."""
        count = len(toys.outputs_of(node))
        outputs = [*outputs, *([] for _ in range(count + 1 - len(outputs)))]
        if not node.get("always_output"):
            return outputs
        return [*(items or [{"json": {}}] for items in outputs[:count]), outputs[count]]

    def _call(self, node: Mapping[str, Any], inputs: ItemLists) -> ItemLists:
        self._ran(node["name"], inputs)
        try:
            return toys.run_toy(node, inputs)
        except toys.ToyFailure:
            on_error = node.get("on_error") or "stop"
            error = [toys.error_item(node["name"])]
            if on_error == "continue":
                return [error]
            if on_error == "error_output":
                return [*([] for _ in toys.outputs_of(node)), error]
            raise Stopped(node["name"]) from None

    def _ran(self, name: str, inputs: ItemLists) -> None:
        self.runs[name].append(inputs)
        self.count += 1
        if self.count > MAX_RUNS or sum(map(len, inputs)) > MAX_ITEMS:
            raise TooMuch

    def _dead(self, name: str) -> dict[Arrow, Delivery]:
        """Skips a node: nothing leaves it, nor the body of the loop that it may be."""
        silent = {name} | self.bodies.get(name, set())
        return {arrow: None for arrow in self.arrows if arrow.source in silent}

    def _emit(self, name: str, outputs: ItemLists) -> dict[Arrow, Delivery]:
        out_of = [arrow for arrow in self.arrows if arrow.source == name]
        if not out_of:
            self._end(name, outputs)
        return {arrow: outputs[arrow.output] or None for arrow in out_of}

    def _end(self, name: str, outputs: ItemLists) -> None:
        """What a node emits that no arrow leaves is a part of the result, each port's items of all its runs."""
        before = self.ends.get(name, [[] for _ in outputs])
        self.ends[name] = [already + more for already, more in zip(before, outputs, strict=True)]

    def _loop(self, name: str, items: list[Item]) -> dict[Arrow, Delivery]:
        self._ran(name, [items])
        members = [member for member in self.nodes if self._around(member) == name]
        body_arrows = [arrow for arrow in self.arrows if arrow.source == name and arrow.output == 0]
        inside = self.bodies[name]
        leaving = [
            arrow
            for arrow in self.arrows
            if (arrow.source in inside or arrow in body_arrows) and arrow.target not in inside
        ]
        left: dict[Arrow, Delivery] = dict.fromkeys(leaving)
        back: list[list[Item]] = []
        failed = bool(self.nodes[name]["parameters"].get("broken"))
        batches = iter(()) if failed else self._batches(name, items, back)
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                break
            except _Exhausted:
                failed = True
                break
            given: dict[Arrow, Delivery] = dict.fromkeys(body_arrows, batch or None)
            brought = self._region(members, given)
            returned: list[Item] = []
            for arrow in self.arrows:
                if self._comes_back(arrow) and arrow.target == name:
                    returned += brought[arrow] or []
                elif arrow in left and brought.get(arrow) is not None:
                    left[arrow] = (left[arrow] or []) + (brought[arrow] or [])
            back.append(returned)
        out: dict[Arrow, Delivery] = {a: left[a] for a in leaving if not self._comes_back(a) or a.target != name}
        if failed:
            return out | self._loop_failed(name)
        return out | self._emit_done(name, self._done(name, items, back))

    def _loop_failed(self, name: str) -> dict[Arrow, Delivery]:
        """What left the body before has left it; the loop itself emits the error, as any other node would."""
        on_error = self.nodes[name].get("on_error") or "stop"
        error = [toys.error_item(name)]
        if on_error == "stop":
            raise Stopped(name)
        if on_error == "continue":
            return self._emit_done(name, error)
        return self._emit_done(name, [], error)

    def _emit_done(self, name: str, items: list[Item], error: Delivery = None) -> dict[Arrow, Delivery]:
        if not items and self.nodes[name].get("always_output"):
            items = [{"json": {}}]
        out_of = [arrow for arrow in self.arrows if arrow.source == name]
        if not out_of:
            self._end(name, [items, error or []])
        return {arrow: (items or None) if arrow.output == 1 else error for arrow in out_of if arrow.output > 0}

    def _batches(self, name: str, items: list[Item], back: list[list[Item]]) -> Iterator[list[Item]]:
        """What each iteration begins with; `back` grows with what the iterations before brought back."""
        parameters = self.nodes[name]["parameters"]
        limit = int(parameters.get("max_iterations", toys.DEFAULT_ITERATIONS))
        mode = parameters["mode"]
        if mode == "items":
            size = int(parameters.get("batch_size", toys.DEFAULT_BATCH))
            batches = [items[i : i + size] for i in range(0, len(items), size)]
            if len(batches) > limit:
                raise _Exhausted
            yield from batches
            return
        done = 0
        while True:
            now = back[-1] if back else items
            if not now:
                # With nothing to go round with, the rest of the iterations would run nothing.
                return
            wanted = toys.holds(parameters, now) if mode == "while" else done < int(parameters["times"])
            if not wanted:
                return
            if done == limit:
                raise _Exhausted
            yield now
            done += 1

    def _done(self, name: str, items: list[Item], back: list[list[Item]]) -> list[Item]:
        parameters = self.nodes[name]["parameters"]
        if parameters["mode"] == "items" or (parameters.get("collect") and back):
            return [item for returned in back for item in returned]
        return back[-1] if back else items


def _arrows(workflow: Mapping[str, Any]) -> list[Arrow]:
    """The MAIN connections by the source's place in `nodes`, then by their place in its list."""
    written = workflow.get("connections", {}).get("connections", {})
    on_error = {node["name"]: node.get("on_error") == "error_output" for node in workflow["nodes"]}
    arrows: list[Arrow] = []
    for node in workflow["nodes"]:
        name = node["name"]
        names = [*toys.outputs_of(node), *(["error"] if on_error[name] else [])]
        array = written.get(name, {}).get("connection_types", {}).get("main", {})
        for connection in array.get("connections", []):
            output = names.index(connection["output"]) if connection.get("output") else 0
            arrows.append(Arrow(len(arrows), name, output, connection["node"], connection.get("index", 0)))
    return arrows

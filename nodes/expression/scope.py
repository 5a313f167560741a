"""What an expression may see, and plain look-ups in it that need no JavaScript."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.expression import Path

Item = Mapping[str, Any]  # {"json": {…}}, and "files" if it has any
Outputs = Mapping[str, Sequence[Item]]

NOT_PLAIN = object()
UNDEFINED = object()
# Keys that every JavaScript object answers to, so a missing one isn't undefined.
_INHERITED = frozenset(
    {"constructor", "__proto__", "toString", "toLocaleString", "valueOf"}
    | {"hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable"}
)


@dataclass(frozen=True)
class Scope:
    """The data of one node run: its input, the outputs of the nodes before it, and the run's facts."""

    items: Sequence[Item]
    now: datetime
    nodes: Mapping[str, Outputs] = field(default_factory=dict)
    trigger: Sequence[Item] = ()
    run_index: int = 0
    execution: Mapping[str, Any] = field(default_factory=dict)
    workflow: Mapping[str, Any] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    # What a model calls the node with, which `$fromAI` gives; None where no model does.
    arguments: Mapping[str, Any] | None = None

    def fact(self, root: str) -> Any:
        """The value of a root that is the same for every item."""
        match root:
            case "$trigger":
                return self.trigger[0].get("json", {}) if self.trigger else {}
            case "$runIndex":
                return self.run_index
            case "$execution":
                return dict(self.execution)
            case "$workflow":
                return dict(self.workflow)
            case "$vars":
                return dict(self.vars)
            case "$fromAI":
                return None if self.arguments is None else dict(self.arguments)
        raise KeyError(root)


def default_output(outputs: Outputs) -> Sequence[Item]:
    """The items of the first output port that has any."""
    return next((items for items in outputs.values() if items), ())


def look_up(path: Path, scope: Scope, index: int, *, missing: Any = None) -> Any:
    """The value at a plain path, `missing` for a key that isn't there, or NOT_PLAIN if only JavaScript can say."""
    value = _root(path, scope, index)
    last = len(path.steps) - 1
    for position, step in enumerate(path.steps):
        if isinstance(value, Mapping):
            key = str(step)
            if key in value:
                value = value[key]
            elif position == last and key not in _INHERITED:
                return missing
            else:
                return NOT_PLAIN
        elif isinstance(value, list | tuple):
            place = _place(step)
            if place is None or place >= len(value):
                return NOT_PLAIN
            value = value[place]
        else:
            return NOT_PLAIN
    return value


def _root(path: Path, scope: Scope, index: int) -> Any:
    if path.root == "$itemIndex":
        return index
    if path.root not in ("$input", "$"):
        return scope.fact(path.root)
    if path.root == "$input":
        items, single = scope.items, False
    elif path.node in scope.nodes:
        items, single = default_output(scope.nodes[path.node]), True
    else:
        return NOT_PLAIN
    if path.pick == "all":
        return list(items)
    if path.pick == "item":
        if index < len(items):
            return items[index]
        return items[0] if single and len(items) == 1 else NOT_PLAIN
    if not items:
        return NOT_PLAIN
    return items[0] if path.pick == "first" else items[-1]


def _place(step: str | int) -> int | None:
    if isinstance(step, int):
        return step
    return int(step) if step.isascii() and step.isdigit() and (step == "0" or step[0] != "0") else None

"""What a worker process is told: the expressions, and of the data only what they may read."""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nodes.expression import zones
from nodes.expression.scope import Item, Scope
from nodes.sandbox.exact_numbers import ExactNumbers
from orchestrator.exact_json import dumps
from orchestrator.expression import Expression

MAX_DATA = 64 << 20
_FACTS = ("$trigger", "$runIndex", "$execution", "$workflow", "$vars", "$fromAI")
_INPUT = -1


@dataclass(frozen=True)
class Request:
    """A request to evaluate expressions, ready to be sent for any of its items."""

    header: dict[str, Any]
    texts: tuple[bytes, ...]
    size: int
    exact: ExactNumbers

    def frame(self, indexes: Sequence[int], *, first: int) -> list[bytes]:
        """The frame that asks for the items at `indexes`; what is the same for all comes with `first`."""
        header = self.header | {"indexes": list(indexes), "first": first}
        return [json.dumps(header).encode(), *self.texts]

    def with_zone(self, name: str) -> "Request":
        """The same request, with the table of one more time zone."""
        return replace(self, header=self.header | {"zones": self.header["zones"] | {name: zones.table(name)}})

    @staticmethod
    def to_check(sources: Sequence[str]) -> list[bytes]:
        """The frame that asks for the syntax errors of sources."""
        return [json.dumps({"op": "check", "sources": list(sources)}).encode()]

    @classmethod
    def to_resolve(
        cls,
        expressions: Sequence[Expression],
        scope: Scope,
        indexes: Sequence[int],
        *,
        seconds: float,
        memory: int,
    ) -> "Request":
        """Gather the data; NotJson if it isn't JSON, OverflowError if it is too much."""
        data = _Data()
        data.add_input(expressions, scope, indexes)
        for slot, name in enumerate(dict.fromkeys(name for found in expressions for name in found.nodes)):
            data.add_node(slot, name, expressions, scope, indexes)
        header = {
            "op": "resolve",
            "sources": [[found.source, sorted(found.roots), not found.per_item] for found in expressions],
            "facts": {root: data.fact(scope, root) for root in _FACTS if any(root in e.roots for e in expressions)},
            "nodes": data.nodes,
            "items": data.places,
            "deep": any(found.may_change for found in expressions),
            "seconds": seconds,
            # A text takes up to four bytes a character in the engine, and its value as much again.
            "memory": memory + 8 * data.size,
        }
        return cls(header | _time(expressions, scope), tuple(data.texts), data.size, data.exact)


def _time(expressions: Sequence[Expression], scope: Scope) -> dict[str, Any]:
    """What stands for the clock and for chance, so that every attempt sees the same."""
    zone = zones.name_of(scope.now.tzinfo)
    identity = f"{scope.execution.get('id')}/{scope.run_index}/{scope.now.timestamp()}"
    return {
        "now": int(scope.now.timestamp() * 1000),
        "seed": zlib.crc32(identity.encode()),
        "clock": any(found.uses_time for found in expressions),
        "zone": zone,
        "zones": zones.named_in([f"'{zone}'", *(found.source for found in expressions)]),
    }


class _Data:
    """The items that a request carries, each once, with its place."""

    def __init__(self) -> None:
        self.nodes: list[list[Any]] = []
        self.places: list[tuple[int, int, int]] = []
        self.texts: list[bytes] = []
        self.size = 0
        self.exact = ExactNumbers()

    def fact(self, scope: Scope, root: str) -> str:
        """A fact of the run as JSON text."""
        value = scope.fact(root)
        text = dumps(value)
        self.exact.add(value, text.encode())
        return text

    def add_input(self, expressions: Sequence[Expression], scope: Scope, indexes: Sequence[int]) -> None:
        picks = set[str]().union(*(found.inputs for found in expressions))
        if any(found.roots & {"$json", "$files"} for found in expressions):
            picks.add("item")
        self.nodes.append([_INPUT, "", [["main", len(scope.items)]]])
        self._add(_INPUT, 0, scope.items, picks, indexes)

    def add_node(
        self,
        slot: int,
        name: str,
        expressions: Sequence[Expression],
        scope: Scope,
        indexes: Sequence[int],
    ) -> None:
        outputs = scope.nodes.get(name)
        if outputs is None:
            return
        references = (reference for found in expressions for reference in found.references)
        picks = {reference.pick for reference in references if reference.node == name}
        self.nodes.append([slot, name, [[port, len(items)] for port, items in outputs.items()]])
        for port, items in enumerate(outputs.values()):
            wanted = [*indexes, 0] if len(items) == 1 else indexes
            self._add(slot, port, items, picks, wanted)

    def _add(self, slot: int, port: int, items: Sequence[Item], picks: set[str], indexes: Iterable[int]) -> None:
        if picks & {"all", "any"}:
            wanted = set(range(len(items)))
        else:
            wanted = set()
            if "item" in picks:
                wanted |= set(indexes)
            if "first" in picks:
                wanted.add(0)
            if "last" in picks:
                wanted.add(len(items) - 1)
        for index in sorted(place for place in wanted if 0 <= place < len(items)):
            text = dumps(items[index]).encode()
            self.exact.add(items[index], text)
            self.size += len(text)
            if self.size > MAX_DATA:
                raise OverflowError(f"the expression reads more than {MAX_DATA >> 20} MiB of data; use a RUN_CODE node")
            self.places.append((slot, port, index))
            self.texts.append(text)

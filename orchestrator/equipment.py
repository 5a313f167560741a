"""Which node equips which: the AI connections, read in the direction that the families make sense of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.connections import provides
from orchestrator.model import ConnectionType, Node, Workflow


@dataclass(frozen=True)
class Equips:
    """An AI connection: `provider` serves `consumer`; nodes by position."""

    type: ConnectionType
    consumer: int
    provider: int


def equipment(workflow: Workflow) -> tuple[Equips, ...]:
    """Every AI connection whose ends fit it, once each, in the order written."""
    positions = {node.name: position for position, node in reversed(list(enumerate(workflow.nodes)))}
    found: dict[Equips, None] = {}
    for source, node in enumerate(workflow.nodes):
        written = workflow.connections.connections.get(node.name)
        for key, array in written.connection_types.items() if written else ():
            type_ = key.upper()
            if type_ not in ConnectionType.__members__ or type_ == ConnectionType.MAIN:
                continue
            for connection in array.connections:
                target = positions.get(connection.node)
                if target is not None and target != source:
                    found.update(dict.fromkeys(_read(ConnectionType(type_), workflow.nodes, source, target)))
    return tuple(found)


def _read(type_: ConnectionType, nodes: Sequence[Node], source: int, target: int) -> Iterator[Equips]:
    """As the seed writes it, from consumer to provider; else the other way round."""
    for consumer, provider in ((source, target), (target, source)):
        if provides(type_, nodes[provider], nodes[consumer]):
            yield Equips(type_, consumer, provider)
            return


def equipped_by(found: Sequence[Equips]) -> Mapping[int, tuple[Equips, ...]]:
    """What equips each consumer, in the order written."""
    by_consumer: dict[int, list[Equips]] = {}
    for one in found:
        by_consumer.setdefault(one.consumer, []).append(one)
    return {consumer: tuple(each) for consumer, each in by_consumer.items()}


def reach(consumer: int, by_consumer: Mapping[int, tuple[Equips, ...]]) -> tuple[int, ...]:
    """The nodes that serve a consumer, and those that serve them in turn, each once."""
    seen: dict[int, None] = {}
    stack = [consumer]
    while stack:
        for one in by_consumer.get(stack.pop(), ()):
            if one.provider not in seen and one.provider != consumer:
                seen[one.provider] = None
                stack.append(one.provider)
    return tuple(seen)

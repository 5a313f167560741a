"""Reads the ConnectionsMap: names become positions, ports are found, and what doesn't fit is said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.errors import Problem, Severity
from orchestrator.model import Connection, ConnectionType, Node, NodeType, Workflow
from orchestrator.plan import ERROR_PORT, Edge, Ports

AGENTS = frozenset({"ROUTER_AGENT", "TASK_ANALYZER", "DATA_INTEGRATOR", "REPORT_GENERATOR"})
# Which subtypes may provide what; "*" stands for every subtype of the family.
PROVIDERS: Mapping[ConnectionType, Mapping[NodeType, frozenset[str]]] = {
    ConnectionType.AI_LANGUAGE_MODEL: {NodeType.AI_AGENT_NODE: frozenset({"LANGUAGE_MODEL"})},
    ConnectionType.AI_TOOL: {
        NodeType.TOOL_NODE: frozenset({"*"}),
        NodeType.ACTION_NODE: frozenset({"*"}),
        NodeType.EXTERNAL_ACTION_NODE: frozenset({"*"}),
        NodeType.MEMORY_NODE: frozenset({"*"}),
        NodeType.FLOW_NODE: frozenset({"SUBWORKFLOW"}),
    },
    ConnectionType.AI_MEMORY: {
        NodeType.MEMORY_NODE: frozenset({"SIMPLE_STORAGE", "BUFFER", "KNOWLEDGE_GRAPH", "VECTOR_STORE"})
    },
    ConnectionType.AI_AGENT: {NodeType.AI_AGENT_NODE: AGENTS},
    ConnectionType.AI_CHAIN: {NodeType.AI_AGENT_NODE: AGENTS},
    ConnectionType.AI_OUTPUT_PARSER: {NodeType.AI_AGENT_NODE: frozenset({"OUTPUT_PARSER"})},
    ConnectionType.AI_DOCUMENT: {NodeType.MEMORY_NODE: frozenset({"DOCUMENT_STORAGE"})},
    ConnectionType.AI_TEXT_SPLITTER: {NodeType.AI_AGENT_NODE: frozenset({"TEXT_SPLITTER"})},
    ConnectionType.AI_EMBEDDING: {NodeType.MEMORY_NODE: frozenset({"EMBEDDINGS"})},
    ConnectionType.AI_VECTOR_STORE: {NodeType.MEMORY_NODE: frozenset({"VECTOR_STORE"})},
    ConnectionType.AI_RETRIEVER: {
        NodeType.MEMORY_NODE: frozenset({"VECTOR_STORE", "DOCUMENT_STORAGE", "KNOWLEDGE_GRAPH"})
    },
    ConnectionType.AI_RERANKER: {NodeType.AI_AGENT_NODE: frozenset({"RERANKER"})},
}
# Only these use what others provide; memories need embeddings, splitters and documents.
CONSUMERS = frozenset({NodeType.AI_AGENT_NODE, NodeType.MEMORY_NODE})
NO_PORTS: tuple[str, ...] = ()


@dataclass
class Connections:
    """The MAIN edges in the order that joins items, and everything that is wrong with the map.

    A node of unknown type is taken to have whatever port is named.
    """

    edges: list[Edge] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def resolve(workflow: Workflow, ports: Sequence[Ports | None]) -> Connections:
    """Resolves every connection; `ports` are the nodes' by position, None where the node's type is unknown."""
    found = Connections()
    positions = {node.name: position for position, node in reversed(list(enumerate(workflow.nodes)))}
    for name in workflow.connections.connections:
        if name not in positions:
            message = f"connections are written at {name!r}, but no node has that name"
            found.problems.append(Problem("UNKNOWN_NODE", message, name))
    for source, node in enumerate(workflow.nodes):
        if positions[node.name] != source:
            continue
        written = workflow.connections.connections.get(node.name)
        seen: set[tuple[object, ...]] = set()
        for key, array in sorted(written.connection_types.items()) if written else ():
            for place, connection in enumerate(array.connections):
                where = f"connections.{node.name}.{key}[{place}]"
                arrow = _Arrow(workflow.nodes, ports, positions, source, key, connection, where)
                identity = arrow.identity
                found.problems.extend(arrow.problems(repeated=identity in seen))
                seen.add(identity)
                edge = arrow.edge()
                if edge is not None:
                    found.edges.append(edge)
    return found


@dataclass
class _Arrow:
    """One connection while it is being read."""

    nodes: Sequence[Node]
    ports: Sequence[Ports | None]
    positions: Mapping[str, int]
    source: int
    key: str
    connection: Connection
    where: str

    @property
    def type(self) -> ConnectionType | None:
        """What the map's key says it carries."""
        key = self.key.upper()
        return ConnectionType(key) if key in ConnectionType.__members__ else None

    @property
    def identity(self) -> tuple[object, ...]:
        """What two arrows have in common that are the same, however their output is written."""
        output = self._output()
        written = self.connection.output if output is None else output
        return (self.key.upper(), self.connection.node, self.connection.index, written)

    def problems(self, *, repeated: bool) -> Iterator[Problem]:
        """What is wrong with it."""
        if self.type is None:
            known = ", ".join(type.value.lower() for type in ConnectionType)
            yield self._problem("BAD_CONNECTION_TYPE", f"{self.key!r} is no connection type; the types are {known}")
        elif self.connection.type not in (None, self.type):
            message = f"it is written under {self.key!r} but its type is {self.connection.type}; make them agree"
            yield self._problem("CONNECTION_TYPE_MISMATCH", message)
        elif self.connection.node not in self.positions:
            yield self._problem("UNKNOWN_NODE", f"it leads to {self.connection.node!r}, but no node has that name")
        elif self.type is not ConnectionType.MAIN:
            yield from self._family_problems(self.type)
        else:
            yield from self._port_problems()
        if repeated:
            message = f"the same connection to {self.connection.node!r} is written twice; its items would arrive twice"
            yield self._problem("DUPLICATE_CONNECTION", message, Severity.WARNING)

    def edge(self) -> Edge | None:
        """The MAIN edge it is; None if it is of another type or doesn't fit."""
        target = self.positions.get(self.connection.node)
        agreed = self.connection.type in (None, self.type)
        if self.type is not ConnectionType.MAIN or target is None or not agreed:
            return None
        output, into = self._output(), self.ports[target]
        if output is None or (into is not None and not 0 <= self.connection.index < into.inputs):
            return None
        return Edge(self.source, output, target, self.connection.index)

    def _output(self) -> int | None:
        ports = self.ports[self.source]
        if ports is None:
            return 0
        names = output_names(self.nodes[self.source], ports)
        written = self.connection.output
        if written in names:
            return names.index(written)
        position = int(written) if written.isascii() and written.isdigit() else -1
        if not written:
            position = 0
        return position if 0 <= position < len(names) else None

    def _port_problems(self) -> Iterator[Problem]:
        out, into = self.ports[self.source], self.ports[self.positions[self.connection.node]]
        name, target = self.nodes[self.source].name, self.connection.node
        if out is not None and out.provider:
            message = f"{name!r} only equips other nodes; it stands on AI connections, not on MAIN"
            yield self._problem("CONNECTION_NOT_ALLOWED", message)
        elif out is not None and self._output() is None:
            names = ", ".join(output_names(self.nodes[self.source], out)) or "none"
            message = f"{name!r} has no output {self.connection.output or 0!r}; its outputs are: {names}"
            yield self._problem("BAD_OUTPUT", message)
        if into is None:
            return
        if into.provider:
            message = f"{target!r} only equips other nodes; it stands on AI connections, not on MAIN"
            yield self._problem("CONNECTION_NOT_ALLOWED", message)
        elif into.inputs == 0:
            yield self._problem(
                "TRIGGER_HAS_INPUT", f"{target!r} is a trigger: a run begins there, nothing leads to it"
            )
        elif not 0 <= self.connection.index < into.inputs:
            last = f"only input 0, not {self.connection.index}"
            if into.inputs > 1:
                last = f"inputs 0 to {into.inputs - 1}, not {self.connection.index}"
            yield self._problem("BAD_INDEX", f"{target!r} has {last}")

    def _family_problems(self, type: ConnectionType) -> Iterator[Problem]:
        ends = self.nodes[self.source], self.nodes[self.positions[self.connection.node]]
        if any(provides(type, a, b) for a, b in (ends, ends[::-1])):
            return
        fits = "; ".join(
            f"{family.value} {'(any)' if '*' in subtypes else ' or '.join(sorted(subtypes))}"
            for family, subtypes in PROVIDERS[type].items()
        )
        message = (
            f"a {type.value} connection can't join {_described(ends[0])} and {_described(ends[1])}: it equips an"
            f" AI_AGENT_NODE (or a MEMORY_NODE) with one of: {fits}"
        )
        yield self._problem("CONNECTION_NOT_ALLOWED", message)

    def _problem(self, code: str, message: str, severity: Severity = Severity.ERROR) -> Problem:
        name = self.nodes[self.source].name
        return Problem(code, f"a connection of {name!r} doesn't fit: {message}", name, self.where, severity)


def output_names(node: Node, ports: Ports) -> tuple[str, ...]:
    """The node's output ports by name, with the error port if it has one."""
    if node.on_error == "error_output" and ERROR_PORT not in ports.outputs:
        return (*ports.outputs, ERROR_PORT)
    return ports.outputs


def provides(type: ConnectionType, node: Node, consumer: Node) -> bool:
    """Whether a node may serve a consumer over a connection of this type."""
    subtypes = PROVIDERS[type].get(node.type, frozenset()) if node.type else frozenset()
    return node is not consumer and consumer.type in CONSUMERS and ("*" in subtypes or node.subtype in subtypes)


def _described(node: Node) -> str:
    return f"{node.name!r} ({node.type} {node.subtype})"

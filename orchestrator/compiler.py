"""Makes the plan of a version: what its runs are interpreted by."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from orchestrator import expression
from orchestrator.connections import output_names, resolve
from orchestrator.duration import parse_duration
from orchestrator.equipment import equipment, equipped_by, reach
from orchestrator.errors import DefinitionError, Problem
from orchestrator.graph import Regions, find_regions
from orchestrator.model import Node, NodeType, Workflow
from orchestrator.model import RetryPolicy as WrittenRetry
from orchestrator.plan import RESULT, ROOT, Edge, NodePlan, Plan, Ports, Retry


class Catalogue(Protocol):
    """What the compiler and the validator ask about node types."""

    def describe(self, node: Node) -> Ports | None:
        """The node's ports; None if its type and subtype are unknown."""

    def problems(self, node: Node) -> list[Problem]:
        """What is wrong with the node's parameters; nothing where its subtype is unknown."""

    def subtypes(self, node_type: NodeType) -> list[str]:
        """The subtypes that a type has."""

    def literal(self, node: Node) -> frozenset[str]:
        """The node's parameters in which {{ }} means nothing, such as code."""


def compile_plan(workflow: Workflow, catalogue: Catalogue) -> Plan:
    """The plan of a valid workflow; DefinitionError where it can't be planned."""
    described = [catalogue.describe(node) for node in workflow.nodes]
    unknown = [node for node, ports in zip(workflow.nodes, described, strict=True) if ports is None]
    connections = resolve(workflow, described)
    if unknown or any(problem.severity == "ERROR" for problem in connections.problems):
        names = [Problem("UNKNOWN_SUBTYPE", f"unknown subtype {n.subtype!r}", n.name) for n in unknown]
        raise DefinitionError(names + connections.problems)
    ports = [port for port in described if port is not None]
    regions = find_regions(ports, connections.edges)
    edges = [_placed(edge, ports, regions) for edge in connections.edges]
    edges += _result_edges(workflow, ports, connections.edges, regions)
    edges = [edge for edge in edges if regions.reachable[edge.source]]
    return Plan(
        nodes=_nodes(workflow, catalogue, ports, edges, regions),
        edges=tuple(edges),
        timeout=parse_duration(workflow.settings.timeout) if workflow.settings.timeout else 0,
        error_workflow_id=workflow.settings.error_workflow_id,
    )


def _placed(edge: Edge, ports: Sequence[Ports], regions: Regions) -> Edge:
    body = ports[edge.source].loops and edge.output == 0
    origin = edge.source if body else regions.of[edge.source]
    home = edge.target if regions.returns(edge) else regions.of[edge.target]
    return replace(edge, origin=origin, home=home)


def _result_edges(workflow: Workflow, ports: Sequence[Ports], edges: Sequence[Edge], regions: Regions) -> list[Edge]:
    """An edge to the run's result from every port of every node that no other edge leaves."""
    leaving = {edge.source for edge in edges}
    return [
        Edge(node, output, RESULT, 0, regions.of[node], ROOT)
        for node, port in enumerate(ports)
        if node not in leaving
        for output in range(len(output_names(workflow.nodes[node], port)))
    ]


def _nodes(
    workflow: Workflow, catalogue: Catalogue, ports: Sequence[Ports], edges: Sequence[Edge], regions: Regions
) -> tuple[NodePlan, ...]:
    positions = {node.name: position for position, node in enumerate(workflow.nodes)}
    reads = _all_reads(workflow, [_reads(node, positions, catalogue.literal(node)) for node in workflow.nodes])
    read = {position for positions_read in reads for position in positions_read}
    into: list[list[int]] = [[] for _ in ports]
    out_of: list[list[int]] = [[] for _ in ports]
    returns: list[list[int]] = [[] for _ in ports]
    exits: list[list[int]] = [[] for _ in ports]
    body: list[list[int]] = [[] for _ in ports]
    for index, edge in enumerate(edges):
        out_of[edge.source].append(index)
        if edge.target != RESULT:
            comes_back = edge.home == edge.target
            (returns if comes_back else into)[edge.target].append(index)
        region = edge.origin
        while region not in (ROOT, edge.home):
            exits[region].append(index)
            region = regions.of[region]
    for position, region in enumerate(regions.of):
        if region != ROOT and regions.reachable[position]:
            body[region].append(position)
    return tuple(
        NodePlan(
            name=node.name,
            type=node.type or "",
            subtype=node.subtype,
            effect=port.effect,
            inputs=port.inputs,
            outputs=output_names(node, port),
            reachable=regions.reachable[position],
            region=regions.of[position],
            edges_in=tuple(into[position]),
            edges_out=tuple(out_of[position]),
            reads=reads[position],
            kept=position in read,
            retry=_retry(node.retry),
            timeout=parse_duration(node.timeout) if node.timeout else 0,
            on_error=node.on_error or "stop",
            always_output=node.always_output,
            execute_once=node.execute_once,
            each=node.fan_in == "each" and not port.loops,
            disabled=node.disabled,
            pinned=node.pinned is not None,
            queue=port.queue,
            loops=port.loops,
            body=tuple(body[position]),
            returns=tuple(returns[position]),
            exits=tuple(exits[position]),
        )
        for position, (node, port) in enumerate(zip(workflow.nodes, ports, strict=True))
    )


def templates(node: Node, literal: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The node's parameters that hold {{ }}, as field and text."""
    return expression.walk({name: value for name, value in node.parameters.items() if name not in literal})


def _reads(node: Node, positions: dict[str, int], literal: frozenset[str]) -> tuple[int, ...]:
    names = [
        name
        for _, text in templates(node, literal)
        for part in expression.parse(text).expressions
        for name in part.nodes
    ]
    return tuple(dict.fromkeys(positions[name] for name in names if name in positions))


def _all_reads(workflow: Workflow, own: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """What each node reads, together with what the nodes read that serve it: those are resolved with its scope."""
    serving = equipped_by(equipment(workflow))
    return [
        tuple(dict.fromkeys((*reads, *(read for server in reach(node, serving) for read in own[server]))))
        if node in serving
        else reads
        for node, reads in enumerate(own)
    ]


def _retry(written: WrittenRetry | None) -> Retry:
    if written is None:
        return Retry()
    return Retry(
        max_attempts=max(written.max_attempts, 1),
        initial_interval=parse_duration(written.initial_interval or "1s"),
        backoff=max(written.backoff, 1.0),
        max_interval=parse_duration(written.max_interval or "5m"),
    )

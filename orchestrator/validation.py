"""Says everything that is wrong with a workflow: an ordered tuple of rules, each in one pass over nodes or edges."""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestrator import expression
from orchestrator.compiler import Catalogue, templates
from orchestrator.connections import Connections, resolve
from orchestrator.duration import parse_duration
from orchestrator.equipment import equipment
from orchestrator.errors import Problem, Severity
from orchestrator.graph import Regions, find_cycles, find_regions
from orchestrator.model import Workflow
from orchestrator.plan import Effect, Ports

# Invisible characters that names may hold: joiners, as in emoji and in Persian.
_JOINERS = "\u200c\u200d"
_UNKNOWN = Ports(Effect.PURE)


@dataclass(frozen=True)
class Subject:
    """A workflow under examination, with what several rules need worked out once."""

    workflow: Workflow
    catalogue: Catalogue

    @cached_property
    def ports(self) -> list[Ports | None]:
        """Each node's ports; None where its type is unknown."""
        return [self.catalogue.describe(node) for node in self.workflow.nodes]

    @cached_property
    def connections(self) -> Connections:
        """The edges, as far as they fit."""
        return resolve(self.workflow, self.ports)

    @cached_property
    def regions(self) -> Regions:
        """What runs can reach and loops enclose; unknown nodes are taken for plain ones."""
        return find_regions([ports or _UNKNOWN for ports in self.ports], self.connections.edges)


def validate(workflow: Workflow, catalogue: Catalogue) -> list[Problem]:
    """Everything that is wrong, in the rules' order; no error among it means that the workflow can run.

    The syntax of expressions' JavaScript and of code isn't looked at: that takes their engines.
    """
    subject = Subject(workflow, catalogue)
    return [problem for rule in RULES for problem in rule(subject)]


def _workflow_name(subject: Subject) -> Iterator[Problem]:
    name = subject.workflow.name
    if not name.strip():
        yield Problem("MISSING_FIELD", "the workflow has no name; give it one", field="name")
    elif trouble := name_trouble(name, spaces=True):
        yield Problem("NAME_INVALID", f"the workflow's name {trouble}", field="name")


def _some_nodes(subject: Subject) -> Iterator[Problem]:
    if not subject.workflow.nodes:
        yield Problem("NO_NODES", "the workflow has no nodes; begin with a trigger", field="nodes")


def _node_fields(subject: Subject) -> Iterator[Problem]:
    for index, node in enumerate(subject.workflow.nodes):
        shown = node.name or f"nodes[{index}]"
        if not node.id:
            yield Problem("MISSING_FIELD", f"node {shown!r} has no id", node.name, f"nodes[{index}].id")
        elif trouble := name_trouble(node.id, spaces=True):
            yield Problem("NAME_INVALID", f"the id of node {shown!r} {trouble}", node.name, f"nodes[{index}].id")
        if not node.name:
            yield Problem("MISSING_FIELD", f"{shown} has no name", "", f"nodes[{index}].name")
        elif trouble := name_trouble(node.name):
            message = f"the name {_visible(node.name)} {trouble}"
            yield Problem("NAME_INVALID", message, node.name, f"nodes[{index}].name")
        if node.type is None:
            yield Problem("MISSING_FIELD", f"node {shown!r} has no type", node.name, f"nodes[{index}].type")
        elif not node.subtype:
            yield Problem("MISSING_FIELD", f"node {shown!r} has no subtype", node.name, f"nodes[{index}].subtype")


def _unique(subject: Subject) -> Iterator[Problem]:
    names: dict[str, int] = {}
    ids: dict[str, int] = {}
    for index, node in enumerate(subject.workflow.nodes):
        name = unicodedata.normalize("NFC", node.name.strip())
        if name and names.setdefault(name, index) != index:
            message = f"nodes {names[name]} and {index} are both called {node.name!r}; rename one, as names are keys"
            yield Problem("DUPLICATE_NODE_NAME", message, node.name, f"nodes[{index}].name")
        if node.id and ids.setdefault(node.id, index) != index:
            message = f"nodes {ids[node.id]} and {index} have the same id {node.id!r}"
            yield Problem("DUPLICATE_NODE_ID", message, node.name, f"nodes[{index}].id")


def _known_subtypes(subject: Subject) -> Iterator[Problem]:
    for index, (node, ports) in enumerate(zip(subject.workflow.nodes, subject.ports, strict=True)):
        if ports is None and node.type is not None and node.subtype:
            there = ", ".join(subject.catalogue.subtypes(node.type)) or "none"
            message = f"{node.type} has no subtype {node.subtype[:60]!r}; there are: {there}"
            yield Problem("UNKNOWN_SUBTYPE", message, node.name, f"nodes[{index}].subtype")


def _parameters(subject: Subject) -> Iterator[Problem]:
    for node in subject.workflow.nodes:
        yield from subject.catalogue.problems(node)


def _policies(subject: Subject) -> Iterator[Problem]:
    settings = subject.workflow.settings
    yield from _duration("", "settings.timeout", settings.timeout)
    if settings.timezone and not _is_zone(settings.timezone):
        message = f"{settings.timezone[:60]!r} is no IANA time zone; write e.g. Europe/Zurich"
        yield Problem("INVALID_TIMEZONE", message, field="settings.timezone")
    for index, (node, ports) in enumerate(zip(subject.workflow.nodes, subject.ports, strict=True)):
        yield from _duration(node.name, f"nodes[{index}].timeout", node.timeout)
        yield from _duration(node.name, f"nodes[{index}].cache_ttl", node.cache_ttl)
        if node.retry:
            yield from _duration(node.name, f"nodes[{index}].retry.initial_interval", node.retry.initial_interval)
            yield from _duration(node.name, f"nodes[{index}].retry.max_interval", node.retry.max_interval)
            if 0 < node.retry.backoff < 1:
                message = f"the retry backoff of {node.name!r} is {node.retry.backoff:g}; it must be 1 or more"
                yield Problem("INVALID_RETRY", message, node.name, f"nodes[{index}].retry.backoff")
        if node.fan_in == "each" and ports is not None and (ports.loops or ports.inputs > 1):
            message = f"{node.name!r} can't have fan_in each: a LOOP or MERGE needs all its inputs together"
            yield Problem("INVALID_FAN_IN", message, node.name, f"nodes[{index}].fan_in")
        if node.pinned is not None and not all(isinstance(item, dict) for item in node.pinned):
            message = f"the pinned output of {node.name!r} must be a list of objects, one for each item"
            yield Problem("INVALID_PINNED", message, node.name, f"nodes[{index}].pinned")


def _connections(subject: Subject) -> Iterator[Problem]:
    yield from subject.connections.problems


def _acyclic(subject: Subject) -> Iterator[Problem]:
    nodes, regions = subject.workflow.nodes, subject.regions
    for cycle in find_cycles(len(nodes), subject.connections.edges, regions):
        names = " → ".join(repr(nodes[position].name) for position in [*cycle, cycle[0]][:20])
        message = f"these nodes wait for each other forever: {names}"
        if any(position in regions.loops for position in cycle):
            message += (
                "; a loop's body must be entered only through the LOOP's output 'body', and lead back to its input"
            )
        else:
            message += "; put a LOOP node on the cycle"
        yield Problem("CYCLE_WITHOUT_LOOP", message, nodes[cycle[0]].name, "connections")


def _triggers(subject: Subject) -> Iterator[Problem]:
    pairs = list(zip(subject.workflow.nodes, subject.ports, strict=True))
    if pairs and not any(ports is not None and ports.inputs == 0 for _, ports in pairs):
        message = "the workflow has no trigger, so no run can begin; add a TRIGGER_NODE, e.g. MANUAL"
        yield Problem("NO_TRIGGER", message, field="nodes")


def _reachable(subject: Subject) -> Iterator[Problem]:
    serving = {one.provider for one in equipment(subject.workflow)}
    for position, (node, ports) in enumerate(zip(subject.workflow.nodes, subject.ports, strict=True)):
        serves = position in serving or node.type == "TOOL_NODE"
        if not subject.regions.reachable[position] and ports is not None and not ports.provider and not serves:
            message = f"no trigger leads to {node.name!r}; it never runs"
            yield Problem("UNREACHABLE_NODE", message, node.name, severity=Severity.WARNING)


def _expressions(subject: Subject) -> Iterator[Problem]:
    names = {node.name for node in subject.workflow.nodes}
    for node in subject.workflow.nodes:
        for path, text in templates(node, subject.catalogue.literal(node)):
            field = f"parameters.{path}"
            try:
                template = expression.parse(text)
            except expression.TemplateError as error:
                yield Problem("EXPRESSION_SYNTAX", f"{field} of {node.name!r}: {error}", node.name, field)
                continue
            for name in dict.fromkeys(name for part in template.expressions for name in part.nodes):
                if name not in names:
                    message = f"{field} of {node.name!r} refers to a node {name!r}, which there isn't"
                    yield Problem("EXPRESSION_UNKNOWN_NODE", message, node.name, field)


RULES: tuple[Callable[[Subject], Iterator[Problem]], ...] = (
    _workflow_name,
    _some_nodes,
    _node_fields,
    _unique,
    _known_subtypes,
    _parameters,
    _policies,
    _connections,
    _acyclic,
    _triggers,
    _reachable,
    _expressions,
)


def name_trouble(name: str, *, spaces: bool = False) -> str:
    """What keeps a text from being a name; empty if nothing does."""
    if not spaces and name != name.strip():
        return "begins or ends with white space"
    for character in name:
        category = unicodedata.category(character)
        if category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and character not in _JOINERS):
            return f"holds the invisible character U+{ord(character):04X}; leave it out"
    return ""


def _duration(node: str, field: str, text: str) -> Iterator[Problem]:
    if not text:
        return
    try:
        parse_duration(text)
    except ValueError as error:
        yield Problem("INVALID_DURATION", f"{field}: {error}", node, field)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _visible(name: str) -> str:
    return ascii(name) if name_trouble(name) else repr(name)

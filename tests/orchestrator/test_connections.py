"""The ConnectionsMap as edges: ports by name or position, their order, and everything that doesn't fit."""

from typing import Any

import pytest

from orchestrator.connections import PROVIDERS, resolve
from orchestrator.definition import read
from orchestrator.errors import DefinitionError, Problem, Severity
from orchestrator.model import ConnectionType, NodeType
from orchestrator.plan import Effect, Ports
from tests.orchestrator.driver import ToyCatalogue
from tests.orchestrator.graphs import node

PROVIDER = Ports(Effect.EFFECTFUL, provider=True)
NODES = [
    node("T", "TRIGGER"),
    node("A"),
    node("I", "IF"),
    node("E", "FAIL", on_error="error_output"),
    node("L", "LOOP", mode="items"),
    node("M", "MERGE", inputs=3),
    {"id": "p", "name": "Model", "type": "AI_AGENT_NODE", "subtype": "LANGUAGE_MODEL"},
    {"id": "g", "name": "Agent", "type": "AI_AGENT_NODE", "subtype": "ROUTER_AGENT"},
    {"id": "h", "name": "Tool", "type": "TOOL_NODE", "subtype": "HTTP"},
    {"id": "u", "name": "?", "type": "ACTION_NODE", "subtype": "NO_SUCH"},
]
NAMES = [made["name"] for made in NODES]


def _resolved(
    connections: dict[str, Any], nodes: list[dict[str, Any]] | None = None
) -> tuple[list[str], list[Problem]]:
    made = read({"name": "W", "nodes": nodes or NODES, "connections": {"connections": connections}})
    equipping = {"LANGUAGE_MODEL": PROVIDER, "HTTP": Ports(Effect.EFFECTFUL), "ROUTER_AGENT": Ports(Effect.EFFECTFUL)}
    ports = [equipping.get(one.subtype) or ToyCatalogue().describe(one) for one in made.nodes]
    found = resolve(made, ports)
    names = [one.name for one in made.nodes]
    return [f"{names[e.source]}.{e.output}>{names[e.target]}.{e.input}" for e in found.edges], found.problems


def _from(source: str, *connections: dict[str, Any], key: str = "main") -> dict[str, Any]:
    return {source: {"connection_types": {key: {"connections": list(connections)}}}}


@pytest.mark.parametrize(
    ("source", "written", "edge"),
    [
        # A ─► A's first port, into input 0, where nothing is said
        ("T", {"node": "A"}, "T.0>A.0"),
        ("T", {"node": "A", "type": "MAIN", "index": 0, "output": ""}, "T.0>A.0"),
        ("T", {"node": "M", "index": 2}, "T.0>M.2"),
        ("I", {"node": "A"}, "I.0>A.0"),
        ("I", {"node": "A", "output": "true"}, "I.0>A.0"),
        ("I", {"node": "A", "output": "false"}, "I.1>A.0"),
        ("I", {"node": "A", "output": "1"}, "I.1>A.0"),
        ("I", {"node": "A", "output": "01"}, "I.1>A.0"),
        ("L", {"node": "A", "output": "done"}, "L.1>A.0"),
        ("L", {"node": "L", "output": "body"}, "L.0>L.0"),
        ("E", {"node": "A", "output": "main"}, "E.0>A.0"),
        ("E", {"node": "A", "output": "error"}, "E.1>A.0"),
        ("E", {"node": "A", "output": "1"}, "E.1>A.0"),
    ],
)
def test_a_connection_is_an_edge(source: str, written: dict[str, Any], edge: str) -> None:
    assert _resolved(_from(source, written)) == ([edge], [])


@pytest.mark.parametrize("key", ["main", "MAIN", "Main"])
@pytest.mark.parametrize("written", [{"node": "A"}, {"node": "A", "type": "MAIN"}])
def test_the_key_may_be_written_in_either_case(key: str, written: dict[str, Any]) -> None:
    assert _resolved(_from("T", written, key=key)) == (["T.0>A.0"], [])


@pytest.mark.parametrize(
    ("connections", "code", "says"),
    [
        (_from("Ghost", {"node": "A"}), "UNKNOWN_NODE", "'Ghost'"),
        (_from("T", {"node": "Ghost"}), "UNKNOWN_NODE", "'Ghost'"),
        (_from("T", {"node": "a"}), "UNKNOWN_NODE", "'a'"),
        (_from("T", {"node": ""}), "UNKNOWN_NODE", "''"),
        (_from("T", {"node": "A"}, key="mains"), "BAD_CONNECTION_TYPE", "'mains'"),
        (_from("T", {"node": "A"}, key=""), "BAD_CONNECTION_TYPE", "main"),
        (_from("T", {"node": "A"}, key="__proto__"), "BAD_CONNECTION_TYPE", "__proto__"),
        (_from("T", {"node": "A", "type": "AI_TOOL"}), "CONNECTION_TYPE_MISMATCH", "AI_TOOL"),
        (_from("Agent", {"node": "Tool", "type": "MAIN"}, key="ai_tool"), "CONNECTION_TYPE_MISMATCH", "ai_tool"),
        (_from("I", {"node": "A", "output": "maybe"}), "BAD_OUTPUT", "true, false"),
        (_from("I", {"node": "A", "output": "2"}), "BAD_OUTPUT", "true, false"),
        (_from("I", {"node": "A", "output": "-1"}), "BAD_OUTPUT", "true, false"),
        (_from("I", {"node": "A", "output": "١"}), "BAD_OUTPUT", "true, false"),
        (_from("A", {"node": "I", "output": "error"}), "BAD_OUTPUT", "main"),
        (_from("T", {"node": "A", "index": 1}), "BAD_INDEX", "only input 0"),
        (_from("T", {"node": "A", "index": -1}), "BAD_INDEX", "only input 0"),
        (_from("T", {"node": "M", "index": 3}), "BAD_INDEX", "inputs 0 to 2"),
        (_from("A", {"node": "T"}), "TRIGGER_HAS_INPUT", "'T' is a trigger"),
        (_from("A", {"node": "I"}, key="ai_tool"), "CONNECTION_NOT_ALLOWED", "TOOL_NODE"),
        (_from("Agent", {"node": "Tool"}, key="ai_memory"), "CONNECTION_NOT_ALLOWED", "MEMORY_NODE"),
        (_from("Agent", {"node": "Agent"}, key="ai_agent"), "CONNECTION_NOT_ALLOWED", "'Agent'"),
    ],
)
def test_what_doesnt_fit_is_said_and_is_no_edge(connections: dict[str, Any], code: str, says: str) -> None:
    edges, (problem,) = _resolved(connections)
    assert edges == []
    assert (problem.code, problem.severity) == (code, Severity.ERROR)
    assert says in problem.message


@pytest.mark.parametrize(
    ("source", "target", "key"),
    [
        ("Agent", "Model", "ai_language_model"),
        ("Model", "Agent", "ai_language_model"),
        ("Agent", "Tool", "AI_TOOL"),
        ("Tool", "Agent", "ai_tool"),
        ("Agent", "A", "ai_tool"),
        ("Model", "Agent", "ai_agent"),
    ],
)
def test_equipping_works_in_both_directions_and_carries_no_items(source: str, target: str, key: str) -> None:
    assert _resolved(_from(source, {"node": target, "type": key.upper()}, key=key)) == ([], [])


@pytest.mark.parametrize("connections", [_from("Model", {"node": "A"}), _from("T", {"node": "Model"})])
def test_what_only_equips_stands_on_no_main_connection(connections: dict[str, Any]) -> None:
    _, (problem,) = _resolved(connections)
    assert problem.code == "CONNECTION_NOT_ALLOWED"
    assert "'Model' only equips" in problem.message


def test_every_type_but_main_has_providers() -> None:
    assert set(PROVIDERS) == set(ConnectionType) - {ConnectionType.MAIN}
    assert all(isinstance(family, NodeType) for families in PROVIDERS.values() for family in families)


def test_edges_come_by_the_sources_place_in_nodes_then_by_their_place_in_the_list() -> None:
    #  A ──────┐
    #  I ─true─┼─► M     whatever the order of the map's keys
    #  └─false─┘
    connections = _from("I", {"node": "M", "output": "false", "index": 1}, {"node": "M"}) | _from("A", {"node": "M"})
    expected = ["A.0>M.0", "I.1>M.1", "I.0>M.0"]
    assert _resolved(connections) == (expected, [])
    assert _resolved(dict(reversed(connections.items()))) == (expected, [])
    reordered = [made for name in reversed(NAMES) for made in NODES if made["name"] == name]
    assert _resolved(connections, reordered)[0] == ["I.1>M.1", "I.0>M.0", "A.0>M.0"]


def test_a_connection_written_twice_is_warned_of_and_counts_twice() -> None:
    edges, problems = _resolved(_from("T", {"node": "A"}, {"node": "A"}))
    assert edges == ["T.0>A.0", "T.0>A.0"]
    assert [(problem.code, problem.severity) for problem in problems] == [("DUPLICATE_CONNECTION", Severity.WARNING)]


@pytest.mark.parametrize("other", [{"node": "M", "index": 1}, {"node": "M", "output": "false"}, {"node": "A"}])
def test_other_ports_make_another_connection(other: dict[str, Any]) -> None:
    edges, problems = _resolved(_from("I", {"node": "M"}, other))
    assert (len(edges), problems) == (2, [])


def test_one_port_written_in_three_ways_is_the_same_connection() -> None:
    _, problems = _resolved(_from("I", {"node": "A"}, {"node": "A", "output": "true"}, {"node": "A", "output": "0"}))
    assert [problem.code for problem in problems] == ["DUPLICATE_CONNECTION"] * 2


def test_an_unknown_node_is_taken_to_have_the_ports_that_are_named() -> None:
    assert _resolved(_from("?", {"node": "A", "output": "whatever"})) == (["?.0>A.0"], [])
    assert _resolved(_from("A", {"node": "?", "index": 7})) == (["A.0>?.7"], [])


def test_of_two_nodes_with_one_name_the_first_is_meant() -> None:
    nodes = [node("T", "TRIGGER"), node("A"), {**node("A", "IF"), "id": "second"}]
    edges, _ = _resolved(_from("T", {"node": "A"}) | _from("A", {"node": "A"}), nodes)
    assert edges == ["T.0>A.0", "A.0>A.0"]


def test_a_problem_says_where_it_is() -> None:
    _, (problem,) = _resolved(_from("I", {"node": "A"}, {"node": "M", "index": 9}))
    assert (problem.node, problem.field) == ("I", "connections.I.main[1]")


@pytest.mark.parametrize("type_", ["main", "ai_tool", "NONE", 3, []])
def test_a_connections_own_type_must_be_one_of_the_enum(type_: Any) -> None:
    with pytest.raises(DefinitionError) as error:
        _resolved(_from("T", {"node": "A", "type": type_}))
    assert error.value.problems[0].code in ("BAD_CONNECTION_TYPE", "WRONG_TYPE")

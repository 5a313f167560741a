"""Which nodes loops enclose, which arrows come back or leave, and which cycles are none of a loop's."""

import itertools
from typing import Any

import pytest

from orchestrator.definition import read
from orchestrator.plan import RESULT, ROOT
from orchestrator.validation import validate
from tests.orchestrator.driver import ToyCatalogue, plan_of
from tests.orchestrator.graphs import node, workflow


def _nodes(text: str) -> list[dict[str, Any]]:
    """Nodes by name: T… are triggers, L… loops, I… ifs, M… merges, others add."""
    kinds = {"T": "TRIGGER", "L": "LOOP", "I": "IF", "M": "MERGE"}
    made = []
    for name in text.split():
        subtype = kinds.get(name[0], "ADD")
        made.append(node(name, subtype, **({"mode": "items"} if subtype == "LOOP" else {})))
    return made


def _graph(names: str, arrows: str) -> dict[str, Any]:
    return workflow(_nodes(names), *(arrow for arrow in arrows.split(";") if arrow.strip()))


def _regions(graph: dict[str, Any]) -> dict[str, str]:
    plan = plan_of(graph)
    return {node.name: plan.nodes[node.region].name for node in plan.nodes if node.region != ROOT}


def _ends(graph: dict[str, Any], loop: str, kind: str) -> list[str]:
    plan = plan_of(graph)
    edges = [plan.edges[index] for index in getattr(plan.nodes[plan.positions[loop]], kind)]
    return [
        f"{plan.nodes[e.source].name}>{'result' if e.target == RESULT else plan.nodes[e.target].name}" for e in edges
    ]


def _cycles(graph: dict[str, Any]) -> list[str]:
    found = validate(read(graph), ToyCatalogue())
    return [problem.message for problem in found if problem.code == "CYCLE_WITHOUT_LOOP"]


REGIONS = [
    # T ─► A ─► B
    pytest.param("T A B", "T>A; A>B", {}, id="no loop"),
    #       ┌──────────────┐
    # T ─► L ─body─► A ────┘
    #       └─done─► Z
    pytest.param("T L A Z", "T>L; L.body>A; A>L; L.done>Z", {"A": "L"}, id="one node in a loop"),
    #       ┌───────────────────────┐
    # T ─► L ─body─► A ─┬─► B ──────┤
    #       │           └─► C ──────┘
    #       └─done─► Z
    pytest.param(
        "T L A B C Z",
        "T>L; L.body>A; A>B; A>C; B>L; C>L; L.done>Z",
        {"A": "L", "B": "L", "C": "L"},
        id="branches in a loop",
    ),
    #       ┌──────────────────────────────────┐
    # T ─► L1 ─body─► A ─► L2 ─body─► B ─┐     │
    #       │               ▲────────────┘     │
    #       │               └─done─► C ────────┘
    #       └─done─► Z
    pytest.param(
        "T L1 A L2 B C Z",
        "T>L1; L1.body>A; A>L2; L2.body>B; B>L2; L2.done>C; C>L1; L1.done>Z",
        {"A": "L1", "L2": "L1", "B": "L2", "C": "L1"},
        id="nested loops",
    ),
    #       ┌─────────────────┐
    # T ─► L1 ─body─► L2 ─────┘ (L2's done comes back to L1 at once)
    #                 ▲└─body─► B ─┐
    #                 └────────────┘
    pytest.param(
        "T L1 L2 B",
        "T>L1; L1.body>L2; L2.body>B; B>L2; L2.done>L1",
        {"L2": "L1", "B": "L2"},
        id="a loop is all of a loop's body",
    ),
    # T ─► L1 ─body─► L2 ─body─► L3 ─body─► A ─► L3, done─► L2, done─► L1
    pytest.param(
        "T L1 L2 L3 A",
        "T>L1; L1.body>L2; L2.body>L3; L3.body>A; A>L3; L3.done>L2; L2.done>L1",
        {"L2": "L1", "L3": "L2", "A": "L3"},
        id="three deep",
    ),
    # T ─► L ─body─► A ─► B (ends there)
    #       ▲────────┘
    pytest.param("T L A B", "T>L; L.body>A; A>L; A>B", {"A": "L", "B": "L"}, id="an end within a loop belongs to it"),
    # T ─► L ─body─► A ─► Z ◄─done─ L
    pytest.param("T L A Z", "T>L; L.body>A; A>L; A>Z; L.done>Z", {"A": "L"}, id="an exit leads out"),
    # T ─► L ─body─► A ─► Z ◄─ T
    pytest.param("T L A Z", "T>L; L.body>A; A>L; A>Z; T>Z", {"A": "L"}, id="an exit joins what comes from before"),
    # T ─► L ─body─► A, T2 ─► A: A can be reached without the loop
    pytest.param("T T2 L A", "T>L; L.body>A; T2>A", {}, id="a node that a trigger reaches too isn't enclosed"),
    # T ─► L ─body─► Z ◄─done─ L: nothing stands in the body
    pytest.param("T L Z", "T>L; L.body>Z; L.done>Z", {}, id="both ports lead to one node"),
    # T ─► L ─body─► L (the body is the arrow back itself)
    pytest.param("T L Z", "T>L; L.body>L; L.done>Z", {}, id="an empty body"),
    # T ─► L1 ─done─► L2, each with a body
    pytest.param(
        "T L1 A L2 B",
        "T>L1; L1.body>A; A>L1; L1.done>L2; L2.body>B; B>L2",
        {"A": "L1", "B": "L2"},
        id="one loop after another",
    ),
]


@pytest.mark.parametrize(("names", "arrows", "regions"), REGIONS)
def test_loops_enclose_what_only_their_body_leads_to(names: str, arrows: str, regions: dict[str, str]) -> None:
    graph = _graph(names, arrows)
    assert _regions(graph) == regions
    assert _cycles(graph) == []


@pytest.mark.parametrize(("names", "arrows", "regions"), REGIONS)
def test_regions_dont_depend_on_the_order_of_nodes(names: str, arrows: str, regions: dict[str, str]) -> None:
    graph = _graph(names, arrows)
    graph["nodes"].reverse()
    assert _regions(graph) == regions


def test_arrows_that_come_back_and_that_leave_are_told_apart() -> None:
    #        ┌────────────────────────────────────────┐
    # T ─► L1 ─body─► L2 ─body─► A ─► B (ends)        │
    #       │         ▲──────────┼─► C ◄─done─ L2 ─────┘ (L2 ─done─► L1 too)
    #       │                    ├─► L1
    #       └─done─► Z ◄─────────┘
    graph = _graph(
        "T L1 L2 A B C Z", "T>L1; L1.body>L2; L2.body>A; A>L2; A>B; A>C; A>L1; A>Z; L2.done>C; L2.done>L1; L1.done>Z"
    )
    assert _regions(graph) == {"L2": "L1", "A": "L2", "B": "L2", "C": "L1"}
    assert _ends(graph, "L2", "returns") == ["A>L2"]
    assert _ends(graph, "L1", "returns") == ["L2>L1", "A>L1"]
    assert _ends(graph, "L2", "exits") == ["A>C", "A>L1", "A>Z", "B>result"]
    assert _ends(graph, "L1", "exits") == ["A>Z", "B>result", "C>result"]


CYCLES = [
    # T ─► A ─► A
    pytest.param("T A", "T>A; A>A", ["A"], id="a node that feeds itself"),
    # T ─► A ─► B ─► A
    pytest.param("T A B", "T>A; A>B; B>A", ["A", "B"], id="two nodes"),
    # A ─► B ─► A, which no trigger reaches
    pytest.param("T A B", "A>B; B>A", ["A", "B"], id="a cycle that can't be reached"),
    # T ─► L ─done─► A ─► L: out of the wrong port
    pytest.param("T L A", "T>L; L.done>A; A>L", ["A", "L"], id="a loop's done comes back"),
    # T ─► L ─done─► L
    pytest.param("T L", "T>L; L.done>L", ["L"], id="done leads to the loop itself"),
    # T ─► L ─body─► A ─► B ─► A, B ─► L
    pytest.param("T L A B", "T>L; L.body>A; A>B; B>A; B>L", ["A", "B"], id="a cycle within a loop's body"),
    # T ─► L ─body─► A ─► L, and T ─► A: the body has a second entry
    pytest.param("T L A", "T>L; L.body>A; A>L; T>A", ["A", "L"], id="a body with a second entry"),
    # T ─► L1 ─body─► A ─► L2 ─body─► B ─► L1 …, and B ─► L2 from L1's done: two loops cross
    pytest.param(
        "T L1 L2 A B",
        "T>L1; T>L2; L1.body>A; A>L2; L2.body>B; B>L1",
        ["A", "B", "L1", "L2"],
        id="two loops that cross",
    ),
]


@pytest.mark.parametrize(("names", "arrows", "on_cycle"), CYCLES)
def test_other_cycles_are_refused_with_the_nodes_on_them(names: str, arrows: str, on_cycle: list[str]) -> None:
    (message,) = _cycles(_graph(names, arrows))
    named = {name for name in names.split() if repr(name) in message}
    assert named == set(on_cycle)


def test_a_loop_that_no_trigger_reaches_is_no_cycle() -> None:
    #  T ─► A      L ─body─► Y ─┐
    #              ▲────────────┘
    assert _cycles(_graph("T A L Y", "T>A; L.body>Y; Y>L")) == []


def test_several_cycles_are_all_reported_up_to_ten() -> None:
    names = ["T", *(f"N{i}" for i in range(24))]
    pairs = "; ".join(f"T>N{i}; N{i}>N{i + 1}; N{i + 1}>N{i}" for i in range(0, 24, 2))
    assert len(_cycles(_graph(" ".join(names), pairs))) == 10


def test_a_deep_graph_needs_no_deep_stack() -> None:
    #  T ─► N0 ─► N1 ─► … ─► N1997, and loops nested a hundred deep
    names = [f"N{i}" for i in range(1_998)]
    chain = "; ".join(["T>N0", *(f"{a}>{b}" for a, b in itertools.pairwise(names))])
    assert _cycles(_graph(" ".join(["T", *names]), chain)) == []
    loops = [f"L{i}" for i in range(100)]
    nested = "; ".join(["T>L0", *(f"{a}.body>{b}; {b}.done>{a}" for a, b in itertools.pairwise(loops))])
    regions = _regions(_graph(" ".join(["T", *loops]), nested))
    assert regions == {b: a for a, b in itertools.pairwise(loops)}

"""How a LOOP goes round: each mode, what is collected, what leaves its body, and how it fails."""

from typing import Any

import pytest

from orchestrator import loops
from orchestrator.commands import Iterate
from orchestrator.errors import RunError
from orchestrator.interpreter import Interpreter
from orchestrator.items import INLINE_LIMIT, Items, Part
from orchestrator.record import NodeStatus
from orchestrator.state import Done, Failed, Merged, Opened, RunState, Task, Tested
from tests.orchestrator.driver import NOW, STATES, Driven, drive, pack, plan_of, run_start, unpack
from tests.orchestrator.graphs import node, workflow
from tests.orchestrator.toys import Item, toy_item

Json = dict[str, Any]
MODES: list[dict[str, bool]] = [{"fused": False}, {"fused": True}, {"fused": True, "lossy": True}]
T = node("T", "TRIGGER")
BODY = ("T > L", "L.body > A", "A > L", "L.done > Z")


def _drive(graph: Json, *values: int, **start: Any) -> Driven:
    """One run's outcome, which is the same in every mode and order tried."""
    items = [toy_item(value) for value in values or (1,)]
    all_driven = [drive(graph, "T", items, seed, start=start, **mode) for seed in range(4) for mode in MODES]
    for driven in all_driven:
        assert (driven.status, driven.result) == (all_driven[0].status, all_driven[0].result)
        if driven.status == "COMPLETED":
            assert driven.runs == all_driven[0].runs
    return all_driven[0]


def _paths(items: list[Item]) -> list[str]:
    return [f"{item['json'].get('value', '-')}:{''.join(item['json'].get('path', []))}" for item in items]


def _result(driven: Driven) -> dict[str, list[str]]:
    assert driven.status == "COMPLETED", driven.error
    return {name: _paths(items) for name, items in driven.result.items() if items}


def _simple(mode: str, effect: str = "pure", **settings: Any) -> Json:
    #       ┌────────────────┐
    #  T ─► L ─body─► A ─────┘
    #       └─done─► Z
    return workflow([T, node("L", "LOOP", mode=mode, **settings), node("A", effect=effect), node("Z", by=0)], *BODY)


@pytest.mark.parametrize("effect", ["pure", "effectful"])
@pytest.mark.parametrize("concurrency", [1, 2, 10])
@pytest.mark.parametrize(("size", "iterations"), [(1, 5), (2, 3), (5, 1), (99, 1)])
def test_items_come_back_in_batch_order(size: int, iterations: int, concurrency: int, effect: str) -> None:
    graph = _simple("items", effect, batch_size=size, max_concurrency=concurrency)
    driven = _drive(graph, 1, 2, 3, 4, 5)
    assert _result(driven) == {"Z": ["2:AZ", "3:AZ", "4:AZ", "5:AZ", "6:AZ"]}
    assert driven.count("A") == iterations
    assert driven.count("Z") == 1


def test_no_more_iterations_are_open_than_max_concurrency_allows() -> None:
    graph = _simple("items", max_concurrency=3)
    interpreter = Interpreter(plan_of(graph), run_start("T", [toy_item(i) for i in range(7)]), RunState())
    interpreter.launch(NOW)
    widest, order = 0, []
    while not interpreter.over:
        widest = max(widest, sum(scope != "" for scope in interpreter.state.scopes))
        task = interpreter.state.ready[-1]
        interpreter.begin(task)
        inputs = interpreter.inputs(task)[0]
        order.append(task.scope)
        spec = Iterate("items", max_concurrency=3)
        interpreter.complete(task, Opened(spec) if task.kind == "open" else Done({"main": inputs}), NOW)
    assert widest == 3
    assert unpack(interpreter.state.results[3]) == [toy_item(i) for i in range(7)]
    assert order != sorted(order), "the last iterations ended first"


@pytest.mark.parametrize(
    ("mode", "settings", "runs", "result"),
    [
        ("count", {"times": 3}, 3, ["4:AAAZ"]),
        ("count", {"times": 1}, 1, ["2:AZ"]),
        ("count", {"times": 0}, 0, ["1:Z"]),
        ("count", {"times": 0, "collect": True}, 0, ["1:Z"]),
        ("count", {"times": 3, "collect": True}, 3, ["2:AZ", "3:AAZ", "4:AAAZ"]),
        ("while", {"limit": 4}, 3, ["4:AAAZ"]),
        ("while", {"limit": 1}, 0, ["1:Z"]),
        ("while", {"limit": 3, "collect": True}, 2, ["2:AZ", "3:AAZ"]),
    ],
)
def test_each_iteration_gets_what_came_back(mode: str, settings: Json, runs: int, result: list[str]) -> None:
    driven = _drive(_simple(mode, **settings), 1)
    assert driven.count("A") == runs
    assert _result(driven) == {"Z": result}


@pytest.mark.parametrize(
    ("mode", "settings", "values"),
    [
        ("items", {"max_iterations": 3}, [1, 2, 3]),
        ("items", {"max_iterations": 2, "batch_size": 2}, [1, 2, 3]),
        ("count", {"times": 3, "max_iterations": 3}, [1]),
        ("while", {"limit": 4, "max_iterations": 3}, [1]),
    ],
)
def test_as_many_iterations_as_are_allowed_are_no_error(mode: str, settings: Json, values: list[int]) -> None:
    driven = _drive(_simple(mode, **settings), *values)
    assert driven.status == "COMPLETED"
    assert driven.count("A") in (2, 3)


TOO_MANY: list[tuple[str, Json, list[int]]] = [
    ("items", {"max_iterations": 2}, [1, 2, 3]),
    ("count", {"times": 3, "max_iterations": 2}, [1]),
    ("while", {"limit": 9, "max_iterations": 2}, [1]),
]


@pytest.mark.parametrize(("mode", "settings", "values"), TOO_MANY)
def test_one_iteration_more_is_an_error(mode: str, settings: Json, values: list[int]) -> None:
    driven = _drive(_simple(mode, **settings), *values)
    assert driven.status == "FAILED"
    assert driven.error is not None
    assert (driven.error.code, driven.error.node) == ("TOO_MANY_ITERATIONS", "L")
    assert driven.error.hint
    assert driven.records["L", 0].status is NodeStatus.FAILED


@pytest.mark.parametrize("collect", [False, True])
@pytest.mark.parametrize(("mode", "settings", "values"), TOO_MANY)
@pytest.mark.parametrize("on_error", ["continue", "error_output"])
def test_a_loop_that_fails_may_let_the_run_go_on(
    on_error: str, mode: str, settings: Json, values: list[int], collect: bool
) -> None:
    #       ┌────────────────┐
    #  T ─► L ─body─► A ─────┘
    #       ├─done─► Z
    #       └─error─► E          (with error_output)
    given = settings if mode == "items" else {**settings, "collect": collect}
    nodes = [T, node("L", "LOOP", mode=mode, on_error=on_error, **given), node("A"), node("Z"), node("E")]
    arrows = [*BODY, "L.error > E"] if on_error == "error_output" else BODY
    driven = _drive(workflow(nodes, *arrows), *values)
    reached = "E" if on_error == "error_output" else "Z"
    assert driven.status == "COMPLETED"
    assert {name for name, items in driven.result.items() if items} == {reached}
    assert [item["json"]["error"] for item in driven.result[reached]] == ["L"]


@pytest.mark.parametrize("settings", [{"broken": True}, {"disabled": True}, {"max_iterations": 1}])
def test_what_waits_for_a_body_that_never_ran_goes_on_without_it(settings: Json) -> None:
    #       ┌────────────────┐
    #  T ─► L ─body─► A ─────┤
    #  │    └─done─► Z       │
    #  └──► X ◄──────────────┘     an exit from the body, to a node that T reaches too
    nodes = [T, node("L", "LOOP", mode="items", on_error="continue", **settings), node("A"), node("Z"), node("X")]
    driven = _drive(workflow(nodes, *BODY, "A > X", "T > X"), 1, 2)
    assert driven.status == "COMPLETED"
    assert driven.count("A") == 0
    assert _paths(driven.result["X"]) == ["2:X", "3:X"]
    assert driven.count("Z") == 1


def test_what_left_the_body_before_the_loop_failed_has_left_it() -> None:
    #       ┌────────────────┐
    #  T ─► L ─body─► A ─┬───┘     fails before its third iteration
    #       │            ├──► X ◄── T
    #       └─done─► Z   └──► Y (ends in the body)
    loop = node("L", "LOOP", mode="while", limit=9, max_iterations=2, on_error="continue")
    nodes = [T, loop, node("A"), node("Z"), node("X"), node("Y")]
    driven = _drive(workflow(nodes, *BODY, "A > X", "T > X", "A > Y"), 1)
    assert _paths(driven.result["X"]) == ["2:X", "3:AX", "4:AAX"]
    assert _paths(driven.result["Y"]) == ["3:AY", "4:AAY"]


def test_a_reused_loop_lets_the_rest_go_on() -> None:
    #       ┌────────────────┐
    #  T ─► L ─body─► A ─────┤
    #       └─done─► X ◄─────┘     a retry from X
    nodes = [T, node("L", "LOOP", mode="items"), node("A"), node("X")]
    graph = workflow(nodes, "T > L", "L.body > A", "A > L", "A > X", "L.done > X")
    reused = {"T": {"main": pack([toy_item(1)])}, "L": {"done": pack([toy_item(2)])}}
    driven = _drive(graph, 1, reused=reused)
    assert driven.count("A") == 0
    assert _result(driven) == {"X": ["3:X"]}


def test_a_disabled_loop_passes_its_input_to_done() -> None:
    driven = _drive(_simple("items", disabled=True), 1, 2)
    assert driven.count("A") == 0
    assert _result(driven) == {"Z": ["1:Z", "2:Z"]}


def test_execute_once_goes_round_with_the_first_item_only() -> None:
    driven = _drive(_simple("items", execute_once=True), 1, 2, 3)
    assert _result(driven) == {"Z": ["2:AZ"]}


@pytest.mark.parametrize(("always", "result"), [(False, {}), (True, {"Z": ["0:Z"]})])
def test_a_loop_whose_body_brings_nothing_back_is_done_with_nothing(always: bool, result: Json) -> None:
    #       ┌────────────────┐
    #  T ─► L ─body─► A ─────┘     A drops everything
    #       └─done─► Z
    nodes = [T, node("L", "LOOP", mode="items", always_output=always), node("A", "DROP"), node("Z", by=0)]
    driven = _drive(workflow(nodes, *BODY), 1, 2)
    assert driven.count("A") == 2
    assert _result(driven) == result


@pytest.mark.parametrize(("mode", "settings"), [("count", {"times": 5}), ("while", {"limit": 9})])
def test_with_nothing_to_go_round_with_a_loop_ends(mode: str, settings: Json) -> None:
    nodes = [T, node("L", "LOOP", mode=mode, **settings), node("A", "DROP"), node("Z")]
    driven = _drive(workflow(nodes, *BODY), 1, 2)
    assert (driven.status, driven.count("A"), driven.count("Z")) == ("COMPLETED", 1, 0)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_branch_in_the_body_is_decided_anew_in_each_iteration(concurrency: int) -> None:
    #       ┌──────────────────────────────────┐
    #  T ─► L ─body─► I ─true──► A ─┐          │
    #       │         └─false─► B ──┴─► J ─────┘
    #       └─done─► Z
    nodes = [
        T,
        node("L", "LOOP", mode="items", max_concurrency=concurrency),
        node("I", "IF"),
        node("A"),
        node("B"),
        node("J", by=0),
        node("Z", by=0),
    ]
    graph = workflow(nodes, "T > L", "L.body > I", "I.true > A", "I.false > B", "A > J", "B > J", "J > L", "L.done > Z")
    driven = _drive(graph, 1, 2, 3)
    assert (driven.count("A"), driven.count("B"), driven.count("J")) == (1, 2, 3)
    assert _result(driven) == {"Z": ["2:BJZ", "3:AJZ", "4:BJZ"]}


@pytest.mark.parametrize("concurrency", [1, 3])
def test_what_leaves_a_body_arrives_when_the_loop_has_ended_in_iteration_order(concurrency: int) -> None:
    #       ┌────────────────┐
    #  T ─► L ─body─► A ─────┤
    #       └─done─► X ◄─────┘
    nodes = [T, node("L", "LOOP", mode="items", max_concurrency=concurrency), node("A"), node("X", by=0)]
    driven = _drive(workflow(nodes, "T > L", "L.body > A", "A > L", "A > X", "L.done > X"), 1, 2, 3)
    assert driven.count("X") == 1
    # First L's items, as it stands first in nodes, then A's.
    assert _result(driven) == {"X": ["2:AX", "3:AX", "4:AX"] * 2}


@pytest.mark.parametrize("concurrency", [1, 3])
def test_an_end_within_a_body_results_in_its_items_of_all_iterations(concurrency: int) -> None:
    #       ┌────────────────┐
    #  T ─► L ─body─► A ─────┤
    #       └─done─► Z       └─► E
    nodes = [
        T,
        node("L", "LOOP", mode="items", max_concurrency=concurrency),
        node("A"),
        node("Z", by=0),
        node("E", by=0),
    ]
    driven = _drive(workflow(nodes, *BODY, "A > E"), 1, 2, 3)
    assert driven.count("E") == 3
    assert _result(driven) == {"Z": ["2:AZ", "3:AZ", "4:AZ"], "E": ["2:AE", "3:AE", "4:AE"]}


def test_a_loop_that_is_skipped_leaves_everything_behind_it_dead() -> None:
    #            ┌────────────────┐
    #  T ─► D ─► L ─body─► A ─────┤
    #  │         └─done─► Z       │      D drops everything
    #  └──► X ◄───────────────────┘
    nodes = [T, node("D", "DROP"), node("L", "LOOP", mode="items"), node("A"), node("Z"), node("X")]
    graph = workflow(nodes, "T > D", "D > L", "L.body > A", "A > L", "L.done > Z", "A > X", "T > X")
    driven = _drive(graph, 1)
    assert {name for name, _ in driven.runs} == {"T", "D", "X"}


def test_a_loop_without_a_body_passes_nothing_on() -> None:
    #  T ─► L ─done─► Z
    driven = _drive(workflow([T, node("L", "LOOP", mode="items"), node("Z")], "T > L", "L.done > Z"), 1, 2)
    assert (driven.status, driven.count("Z")) == ("COMPLETED", 0)


def test_a_body_that_is_the_arrow_back_passes_everything_on() -> None:
    #       ┌──────┐
    #  T ─► L ─body┘
    #       └─done─► Z
    graph = workflow([T, node("L", "LOOP", mode="items"), node("Z", by=0)], "T > L", "L.body > L", "L.done > Z")
    assert _result(_drive(graph, 1, 2)) == {"Z": ["1:Z", "2:Z"]}


def test_a_body_may_lead_straight_out() -> None:
    #  T ─► L ─body─► X ◄─done─ L
    graph = workflow([T, node("L", "LOOP", mode="items"), node("X", by=0)], "T > L", "L.body > X", "L.done > X")
    assert _result(_drive(graph, 1, 2)) == {"X": ["1:X", "2:X"]}


@pytest.mark.parametrize("outer", [1, 2])
@pytest.mark.parametrize("inner", [1, 3])
def test_loops_nest(outer: int, inner: int) -> None:
    #       ┌───────────────────────────────────┐
    #  T ─► O ─body─► I ─body─► A ─┐            │
    #       │         ▲────────────┘            │
    #       │         └─done─► B ───────────────┘
    #       └─done─► Z
    nodes = [
        T,
        node("O", "LOOP", mode="items", batch_size=2, max_concurrency=outer),
        node("I", "LOOP", mode="items", max_concurrency=inner),
        node("A"),
        node("B", by=0),
        node("Z", by=0),
    ]
    graph = workflow(nodes, "T > O", "O.body > I", "I.body > A", "A > I", "I.done > B", "B > O", "O.done > Z")
    driven = _drive(graph, 1, 2, 3, 4, 5)
    assert (driven.count("I"), driven.count("A"), driven.count("B")) == (3, 5, 3)
    assert _result(driven) == {"Z": [f"{value}:ABZ" for value in (2, 3, 4, 5, 6)]}


def test_what_leaves_two_loops_at_once_keeps_the_order_of_both() -> None:
    #       ┌─────────────────────────────┐
    #  T ─► O ─body─► I ─body─► A ─┬─► I  │
    #       │         └─done──────────────┘
    #       └─done─► X ◄───────────┘
    nodes = [
        T,
        node("O", "LOOP", mode="items", batch_size=2, max_concurrency=5),
        node("I", "LOOP", mode="items", max_concurrency=5),
        node("A"),
        node("X", by=0),
    ]
    graph = workflow(nodes, "T > O", "O.body > I", "I.body > A", "A > I", "I.done > O", "A > X", "O.done > X")
    assert _result(_drive(graph, 1, 2, 3)) == {"X": ["2:AX", "3:AX", "4:AX"] * 2}


def test_an_inner_bodys_node_may_lead_back_to_the_outer_loop() -> None:
    #       ┌──────────────────────┐
    #  T ─► O ─body─► I ─body─► A ─┘
    #       └─done─► Z
    nodes = [T, node("O", "LOOP", mode="items"), node("I", "LOOP", mode="items"), node("A"), node("Z", by=0)]
    assert _result(_drive(workflow(nodes, "T > O", "O.body > I", "I.body > A", "A > O", "O.done > Z"), 1, 2)) == {
        "Z": ["2:AZ", "3:AZ"]
    }


def test_a_failing_node_in_a_body_stops_the_run() -> None:
    nodes = [T, node("L", "LOOP", mode="items", max_concurrency=2), node("A", "FAIL", modulo=3), node("Z")]
    driven = _drive(workflow(nodes, *BODY), 1, 2, 3, 4)
    assert driven.status == "FAILED"
    assert driven.error is not None
    assert driven.error.node == "A"


def test_every_node_run_in_nested_parallel_loops_has_its_run_index() -> None:
    nodes = [
        T,
        node("O", "LOOP", mode="items", max_concurrency=4),
        node("I", "LOOP", mode="count", times=3),
        node("A", effect="effectful"),
        node("Z"),
    ]
    graph = workflow(nodes, "T > O", "O.body > I", "I.body > A", "A > I", "I.done > O", "O.done > Z")
    seen = set()
    for seed in range(10):
        driven = drive(graph, "T", [toy_item(i) for i in range(4)], seed)
        assert driven.count("A") == 12
        seen.add(tuple(sorted((key, str(inputs)) for key, inputs in driven.runs.items())))
    assert len(seen) == 1, "a run_index means the same run whatever the order"


@pytest.mark.parametrize(
    "specs",
    [
        # The parameters may be expressions, so two runs of one loop may differ in them.
        pytest.param([Iterate("items", max_iterations=100), Iterate("items", max_iterations=2)], id="fewer"),
        pytest.param([Iterate("items", max_iterations=2), Iterate("items", max_iterations=100)], id="more"),
        pytest.param([Iterate("items"), Iterate("items", batch_size=2, max_iterations=1)], id="one"),
    ],
)
def test_run_indexes_are_unique_even_when_a_loops_parameters_change(specs: list[Iterate]) -> None:
    #       ┌──────────────────────────┐
    #  T ─► O ─body─► I ─body─► A ─► I │       O's iterations run in parallel
    #                 └─done───────────┘
    nodes = [T, node("O", "LOOP", mode="items"), node("I", "LOOP", mode="items"), node("A")]
    graph = workflow(nodes, "T > O", "O.body > I", "I.body > A", "A > I", "I.done > O")
    interpreter = Interpreter(plan_of(graph), run_start("T", [toy_item(1)]), RunState())
    interpreter.launch(NOW)
    opened = [
        Opened(Iterate("items", batch_size=2, max_concurrency=3)),
        *(Opened(spec) for spec in specs),
        Opened(specs[0]),
    ]
    indexes: list[int] = []
    items = pack([toy_item(i) for i in range(6)])
    while not interpreter.over:
        task = interpreter.state.ready[0]
        interpreter.begin(task)
        if task.kind == "open":
            interpreter.complete(task, opened.pop(0), NOW)
            continue
        if interpreter.plan.nodes[task.node].name == "A":
            indexes.append(interpreter.run_index(task))
        outputs = items if task.node == 0 else interpreter.inputs(task)[0]
        interpreter.complete(task, Done({"main": outputs}), NOW)
    assert len(indexes) in (5, 6)
    assert len(set(indexes)) == len(indexes), indexes


def test_outputs_in_a_body_can_be_read_within_their_iteration_and_after_the_loop() -> None:
    #       ┌────────────────────┐
    #  T ─► L ─body─► A ─► B ────┘      B and Z read A
    #       └─done─► Z
    nodes = [
        T,
        node("L", "LOOP", mode="items", max_concurrency=2),
        node("A"),
        node("B", note="{{ $('A').all() }}"),
        node("Z", note="{{ $('A').all() }}"),
    ]
    graph = workflow(nodes, "T > L", "L.body > A", "A > B", "B > L", "L.done > Z")
    interpreter = Interpreter(plan_of(graph), run_start("T", []), RunState())
    interpreter.launch(NOW)
    read: dict[str, list[list[Item]]] = {"B": [], "Z": []}
    while not interpreter.over:
        task = interpreter.state.ready[-1]
        interpreter.begin(task)
        name = interpreter.plan.nodes[task.node].name
        if name in read:
            read[name].append(unpack(interpreter.reads(task)["A"]["main"]))
        if task.kind == "open":
            interpreter.complete(task, Opened(Iterate("items", max_concurrency=2)), NOW)
        else:
            own = interpreter.inputs(task)[0] if task.node else pack([toy_item(1), toy_item(2)])
            interpreter.complete(task, Done({"main": own}), NOW)
    assert sorted(str(items) for items in read["B"]) == [str([toy_item(1)]), str([toy_item(2)])]
    assert read["Z"] == [[toy_item(2)]], "after the loop, the last iteration's"


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_long_collection_is_rewritten_without_losing_anything(
    concurrency: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "MERGE_PARTS", 3)
    nodes = [T, node("L", "LOOP", mode="items", max_concurrency=concurrency), node("A"), node("X", by=0)]
    graph = workflow(nodes, "T > L", "L.body > A", "A > L", "A > X", "L.done > X")
    driven = _drive(graph, *range(20))
    assert _result(driven) == {"X": [f"{value + 1}:AX" for value in range(20)] * 2}


@pytest.mark.parametrize("slow", [node("W", "WAIT"), node("W", effect="effectful", by=0)])
def test_iterations_begun_while_a_call_is_out_run_once(slow: Json) -> None:
    #       ┌───────────────────────────────┐
    #  T ─► L ─body─► I ─true──► W ─► A ────┤      a W that ends meanwhile frees a place for an iteration
    #       │         └─false─► B ──────────┘
    #       └─done─► Z
    nodes = [
        T,
        node("L", "LOOP", mode="items", max_concurrency=2),
        node("I", "IF"),
        slow,
        node("A"),
        node("B"),
        node("Z", by=0),
    ]
    graph = workflow(nodes, "T > L", "L.body > I", "I.true > W", "W > A", "I.false > B", "A > L", "B > L", "L.done > Z")
    for seed in range(60):
        driven = drive(graph, "T", [toy_item(value) for value in range(8)], seed)
        assert (driven.count("I"), driven.count("W"), driven.count("B")) == (8, 4, 4)
        assert [item["json"]["value"] for item in driven.result["Z"]] == list(range(1, 9))


def test_a_condition_is_evaluated_once_for_each_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "MERGE_PARTS", 1)
    graph = _simple("while", limit=0, collect=True)
    interpreter = Interpreter(plan_of(graph), run_start("T", [toy_item(1)]), RunState())
    interpreter.launch(NOW)
    tests, runs = 0, 0
    while not interpreter.over:
        # Conditions are looked at first, merges last.
        task = min(interpreter.state.ready, key=lambda task: ["test", "run", "open", "merge"].index(task.kind))
        interpreter.begin(task)
        name = interpreter.plan.nodes[task.node].name
        if task.kind == "open":
            interpreter.complete(task, Opened(Iterate("while", collect=True)), NOW)
        elif task.kind == "test":
            tests += 1
            interpreter.complete(task, Tested(tests < 5), NOW)
        elif task.kind == "merge":
            interpreter.complete(task, Merged(pack(unpack(interpreter.inputs(task)[0]))), NOW)
        else:
            runs += name == "A"
            interpreter.complete(task, Done({"main": pack([toy_item(runs)])}), NOW)
    assert (runs, tests) == (4, 5)


def test_a_merge_that_comes_after_the_loop_failed_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "MERGE_PARTS", 1)
    nodes = [T, node("L", "LOOP", mode="while", limit=9, on_error="continue"), node("A"), node("Z")]
    interpreter = Interpreter(plan_of(workflow(nodes, *BODY)), run_start("T", [toy_item(1)]), RunState())
    interpreter.launch(NOW)
    while not interpreter.over:
        task = min(interpreter.state.ready, key=lambda task: ["test", "run", "open", "merge"].index(task.kind))
        interpreter.begin(task)
        if task.kind == "open":
            interpreter.complete(task, Opened(Iterate("while", collect=True, max_iterations=3)), NOW)
        elif task.kind == "test":
            interpreter.complete(task, Tested(True), NOW)
        elif task.kind == "merge":
            interpreter.complete(task, Merged(pack(unpack(interpreter.inputs(task)[0]))), NOW)
        else:
            own = [toy_item(1)] if task.node != 3 else unpack(interpreter.inputs(task)[0])
            interpreter.complete(task, Done({"main": pack(own)}), NOW)
    assert interpreter.state.error is None
    assert [item["json"]["error"] for item in unpack(interpreter.state.results[3])] == ["L"]


def test_a_merge_under_way_may_outlive_its_loops_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    #       ┌────────────────────────────────┐
    #  T ─► O ─body─► I ─body─► A ─► I       │      I fails before its third iteration, while a merge is under way
    #       │         └─done─────────────────┘
    #       └─done─► Z
    monkeypatch.setattr(loops, "MERGE_PARTS", 1)
    specs = {1: Iterate("items"), 2: Iterate("while", collect=True, max_iterations=3)}
    nodes = [
        T,
        node("O", "LOOP", mode="items"),
        node("I", "LOOP", mode="while", on_error="continue"),
        node("A"),
        node("Z"),
    ]
    graph = workflow(nodes, "T > O", "O.body > I", "I.body > A", "A > I", "I.done > O", "O.done > Z")
    interpreter = Interpreter(plan_of(graph), run_start("T", [toy_item(1)]), RunState())
    interpreter.launch(NOW)
    under_way: list[tuple[Task, Items]] = []
    while not interpreter.over:
        task = interpreter.state.ready[0]
        interpreter.begin(task)
        if task.kind == "merge":
            under_way.append((task, interpreter.inputs(task)[0]))
        elif task.kind == "open":
            interpreter.complete(task, Opened(specs[task.node]), NOW)
        elif task.kind == "test":
            interpreter.complete(task, Tested(True), NOW)
        else:
            interpreter.complete(task, Done({"main": pack(unpack(interpreter.inputs(task)[0]))}), NOW)
    assert under_way
    for task, items in under_way:
        interpreter.complete(task, Merged(items), NOW)
    assert [item["json"]["error"] for item in unpack(interpreter.state.results[4])] == ["I"]
    assert not interpreter.state.running


def test_a_merge_keeps_what_was_added_while_it_was_under_way() -> None:
    graph = _simple("items")
    count = loops.MERGE_PARTS + 5
    interpreter = Interpreter(plan_of(graph), run_start("T", []), RunState())
    interpreter.launch(NOW)
    held: Task | None = None
    merged = Items()
    while not interpreter.over:
        waiting = [task for task in interpreter.state.ready if task.kind != "merge"]
        if not waiting and held is not None:
            interpreter.complete(held, Merged(pack(unpack(merged))), NOW)
            held = None
            continue
        task = (waiting or interpreter.state.ready)[0]
        merge = next((task for task in interpreter.state.ready if task.kind == "merge"), None)
        if merge is not None:
            interpreter.begin(merge)
            held, merged = merge, interpreter.inputs(merge)[0]
            continue
        interpreter.begin(task)
        if task.kind == "open":
            interpreter.complete(task, Opened(Iterate("items")), NOW)
        elif task.node == 0:
            interpreter.complete(task, Done({"main": pack([toy_item(i) for i in range(count)])}), NOW)
        else:
            interpreter.complete(task, Done({"main": pack(unpack(interpreter.inputs(task)[0]))}), NOW)
    assert [item["json"]["value"] for item in unpack(interpreter.state.results[3])] == list(range(count))


def test_large_parts_arent_rewritten() -> None:
    graph = _simple("items")
    interpreter = Interpreter(plan_of(graph), run_start("T", []), RunState())
    interpreter.launch(NOW)
    kinds = []
    while not interpreter.over:
        task = interpreter.state.ready[0]
        interpreter.begin(task)
        kinds.append(task.kind)
        if task.kind == "open":
            interpreter.complete(task, Opened(Iterate("items")), NOW)
        elif task.node == 0:
            interpreter.complete(task, Done({"main": pack([toy_item(i) for i in range(300)])}), NOW)
        else:
            stored = Items((Part(1, INLINE_LIMIT * 10, 0, None, f"ref{len(kinds)}"),))
            interpreter.complete(task, Done({"main": stored}), NOW)
    assert "merge" not in kinds
    assert interpreter.state.results[3].count == 1


@pytest.mark.parametrize("kind", ["open", "test"])
@pytest.mark.parametrize("on_error", ["stop", "continue"])
def test_a_loops_expressions_may_fail(kind: str, on_error: str) -> None:
    nodes = [T, node("L", "LOOP", mode="while", limit=9, on_error=on_error), node("A"), node("Z")]
    interpreter = Interpreter(plan_of(workflow(nodes, *BODY)), run_start("T", [toy_item(1)]), RunState())
    interpreter.launch(NOW)
    while not interpreter.over:
        task = interpreter.state.ready[0]
        interpreter.begin(task)
        if task.kind == kind:
            interpreter.complete(task, Failed(RunError("EXPRESSION_ERROR", "x is not defined", "L")), NOW)
        elif task.kind == "open":
            interpreter.complete(task, Opened(Iterate("while")), NOW)
        else:
            interpreter.complete(task, Done({"main": interpreter.inputs(task)[0]}), NOW)
    if on_error == "stop":
        assert interpreter.state.error is not None
        assert interpreter.state.error.code == "EXPRESSION_ERROR"
    else:
        assert interpreter.state.error is None
        assert interpreter.state.results[3].count == 1
        assert interpreter.state.loops == {}, "nothing of the loop is left over"


def test_a_loops_state_is_the_same_after_serialising() -> None:
    graph = _simple("items", max_concurrency=3)
    interpreter = Interpreter(plan_of(graph), run_start("T", []), RunState())
    interpreter.launch(NOW)
    while not interpreter.over:
        assert STATES.validate_json(STATES.dump_json(interpreter.state)) == interpreter.state
        task = interpreter.state.ready[-1]
        interpreter.begin(task)
        if task.kind == "open":
            interpreter.complete(task, Opened(Iterate("items", max_concurrency=3)), NOW)
        else:
            own = interpreter.inputs(task)[0] if task.node else pack([toy_item(i) for i in range(5)])
            interpreter.complete(task, Done({"main": own}), NOW)


def test_ten_thousand_iterations_keep_the_state_small() -> None:
    graph = _simple("items")
    interpreter = Interpreter(plan_of(graph), run_start("T", []), RunState())
    interpreter.launch(NOW)
    largest = runs = 0
    stored = Items((Part(10_000, 1_000_000, 0, None, "input"),))
    while not interpreter.over:
        task = interpreter.state.ready[0]
        interpreter.begin(task)
        runs += 1
        if task.kind == "open":
            interpreter.complete(task, Opened(Iterate("items")), NOW)
        elif task.kind == "merge":
            count = interpreter.inputs(task)[0].count
            interpreter.complete(task, Merged(Items((Part(count, 50_000, 0, None, f"merge{runs}"),))), NOW)
        elif task.node == 0:
            interpreter.complete(task, Done({"main": stored}), NOW)
        else:
            interpreter.complete(task, Done({"main": pack([toy_item(runs)])}), NOW)
        interpreter.state.journal.clear()
        if runs % 1_000 == 0:
            largest = max(largest, len(STATES.dump_json(interpreter.state)))
    assert runs > 10_000
    assert interpreter.state.iterations == {1: 10_000}
    assert largest < 64 * 1024


def test_a_loop_cant_be_tested_alone() -> None:
    #  its body takes no part when one node is tested, so there is nothing to go round
    driven = drive(_simple("items"), "L", [toy_item(1), toy_item(2)], start={"alone": True})
    assert driven.error is not None
    assert (driven.status, driven.error.code, driven.error.node) == ("FAILED", "CANT_RUN_ALONE", "L")
    assert driven.runs == {}

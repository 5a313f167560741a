"""Each rule of how a run proceeds, as one small graph; driven in several orders, all of which must agree."""

import json
from typing import Any

import pytest

from orchestrator.commands import CallWorkflow, Sleep
from orchestrator.errors import RunError
from orchestrator.interpreter import Interpreter, error_items, error_json
from orchestrator.items import Items
from orchestrator.record import NodeStatus
from orchestrator.state import Done, Failed, RunState, Suspended, Task
from tests.orchestrator.driver import NOW, STATES, Driven, drive, pack, plan_of, run_start, unpack
from tests.orchestrator.graphs import node, workflow
from tests.orchestrator.toys import Item, toy_item

Json = dict[str, Any]
MODES: list[dict[str, bool]] = [{"fused": False}, {"fused": True}, {"fused": True, "lossy": True}]


def _drive(graph: Json, *values: int, begin: str = "T", **start: Any) -> Driven:
    """One run's outcome, which is the same in every mode and order tried."""
    items = [toy_item(value) for value in values or (1,)]
    all_driven = [drive(graph, begin, items, seed, start=start, **mode) for seed in range(4) for mode in MODES]
    for driven in all_driven:
        assert (driven.status, driven.result) == (all_driven[0].status, all_driven[0].result)
        if driven.status == "COMPLETED":
            assert driven.runs == all_driven[0].runs
    return all_driven[0]


def _paths(items: list[Item]) -> list[str]:
    """Items as value:names."""
    return [f"{item['json'].get('value', '-')}:{''.join(item['json'].get('path', []))}" for item in items]


def _result(driven: Driven) -> dict[str, list[str]]:
    assert driven.status == "COMPLETED", driven.error
    return {name: _paths(items) for name, items in driven.result.items() if items}


def _runs(driven: Driven) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name, _ in driven.runs:
        counts[name] = counts.get(name, 0) + 1
    return counts


T = node("T", "TRIGGER")
# Effectful nodes take another way through the driver than pure ones.
EFFECTS = pytest.mark.parametrize("effect", ["pure", "effectful"])


@EFFECTS
def test_items_go_along_a_chain(effect: str) -> None:
    #  T ─► A ─► B
    graph = workflow([T, node("A", effect=effect), node("B", effect=effect)], "T > A", "A > B")
    driven = _drive(graph, 1, 5)
    assert _result(driven) == {"B": ["3:AB", "7:AB"]}
    assert _runs(driven) == {"T": 1, "A": 1, "B": 1}


def test_a_trigger_alone_is_its_own_result() -> None:
    #  T
    assert _result(_drive(workflow([T]), 4)) == {"T": ["4:"]}


@EFFECTS
def test_a_join_waits_for_every_branch_that_can_still_arrive(effect: str) -> None:
    #       ┌─► A ─► B ─┐
    #  T ───┤           ├─► J
    #       └─► C ──────┘
    nodes = [T, node("J", effect=effect), node("C"), node("B", effect=effect), node("A")]
    driven = _drive(workflow(nodes, "T > A", "A > B", "B > J", "T > C", "C > J"), 1)
    assert _runs(driven)["J"] == 1
    # By the sources' places in nodes: C before B.
    assert _result(driven) == {"J": ["3:CJ", "4:ABJ"]}


def test_a_join_doesnt_wait_for_a_branch_that_is_dead() -> None:
    #       ┌─true──► A ─┐
    #  T ─► I            ├─► J
    #       └─false─► B ─┘
    graph = workflow(
        [T, node("I", "IF"), node("A"), node("B"), node("J")], "T > I", "I.true > A", "I.false > B", "A > J", "B > J"
    )
    driven = _drive(graph, 2)
    assert _runs(driven) == {"T": 1, "I": 1, "A": 1, "J": 1}
    assert _result(driven) == {"J": ["4:AJ"]}
    assert _result(_drive(graph, 2, 3)) == {"J": ["4:AJ", "5:BJ"]}


def test_what_follows_dead_edges_only_is_skipped_to_the_end() -> None:
    #  T ─► D ─► A ─► B ─► C        D drops everything
    graph = workflow([T, node("D", "DROP"), node("A"), node("B"), node("C")], "T > D", "D > A", "A > B", "B > C")
    driven = _drive(graph, 1)
    assert _runs(driven) == {"T": 1, "D": 1}
    assert driven.status == "COMPLETED"
    assert _result(driven) == {}


def test_always_output_emits_one_empty_item_instead_of_none() -> None:
    #  T ─► D ─► A
    graph = workflow([T, node("D", "DROP", always_output=True), node("A")], "T > D", "D > A")
    driven = _drive(graph, 1)
    assert driven.runs_of("A") == [[[{"json": {}}]]]
    assert _result(driven) == {"A": ["1:A"]}


def test_always_output_adds_nothing_where_there_is_something() -> None:
    #  T ─► D ─► A
    graph = workflow([T, node("D", "DROP", modulo=2, always_output=True), node("A")], "T > D", "D > A")
    assert _result(_drive(graph, 1, 2)) == {"A": ["2:DA"]}


def test_edges_into_one_port_are_concatenated_by_source_then_by_the_connections_place() -> None:
    #  I ─false─┐
    #    ─true──┼─► J        false is written first; A stands before I in nodes
    #  A ───────┘
    nodes = [T, node("A"), node("I", "IF"), node("J")]
    graph = workflow(nodes, "T > I", "T > A", "I.false > J", "I.true > J", "A > J")
    assert _result(_drive(graph, 1, 2)) == {"J": ["3:AJ", "4:AJ", "2:J", "3:J"]}
    moved = workflow([T, node("I", "IF"), node("J"), node("A")], "T > I", "T > A", "I.false > J", "I.true > J", "A > J")
    assert _result(_drive(moved, 1, 2)) == {"J": ["2:J", "3:J", "3:AJ", "4:AJ"]}


def test_a_merge_gets_each_input_apart_and_runs_with_what_arrived() -> None:
    #  T ─► A ──► M.0
    #  └──► D ──► M.1 (dead)
    #  └──► B ──► M.2
    nodes = [T, node("A"), node("D", "DROP"), node("B"), node("M", "MERGE", inputs=3)]
    driven = _drive(workflow(nodes, "T > A", "T > D", "T > B", "A > M", "D > M.1", "B > M.2"), 1)
    assert [[_paths(port) for port in inputs] for inputs in driven.runs_of("M")] == [[["2:A"], [], ["2:B"]]]


def test_the_result_is_of_the_nodes_at_the_ends_that_ran() -> None:
    #       ┌─true──► A
    #  T ─► I─false─► B      (skipped)
    #  └──► C
    graph = workflow(
        [T, node("I", "IF"), node("A"), node("B"), node("C")], "T > I", "I.true > A", "I.false > B", "T > C"
    )
    driven = _drive(graph, 2)
    assert _result(driven) == {"A": ["3:A"], "C": ["3:C"]}
    assert "B" not in driven.result


def test_all_ports_of_an_end_are_its_result() -> None:
    #  T ─► I
    assert _result(_drive(workflow([T, node("I", "IF")], "T > I"), 1, 2, 3, 4)) == {"I": ["2:", "4:", "1:", "3:"]}


def test_a_port_that_leads_nowhere_is_no_result() -> None:
    #  T ─► I ─true─► A
    assert _result(_drive(workflow([T, node("I", "IF"), node("A")], "T > I", "I.true > A"), 1, 2)) == {"A": ["3:A"]}


@pytest.mark.parametrize(("begin", "result"), [("T", {"J": ["2:AJ"]}), ("U", {"J": ["2:BJ"], "C": ["1:C"]})])
def test_a_run_begins_at_one_trigger_and_the_others_are_dead(begin: str, result: dict[str, list[str]]) -> None:
    #  T ─► A ─┐
    #          ├─► J
    #  U ─► B ─┘
    #  └──► C
    nodes = [T, node("U", "TRIGGER"), node("A"), node("B"), node("J"), node("C")]
    graph = workflow(nodes, "T > A", "U > B", "A > J", "B > J", "U > C")
    driven = _drive(graph, 0, begin=begin)
    assert _result(driven) == result
    assert {"T", "U"} & set(_runs(driven)) == {begin}


def test_what_no_trigger_leads_to_takes_no_part() -> None:
    #  T ─► A ◄─ X
    driven = _drive(workflow([T, node("A"), node("X")], "T > A", "X > A"), 1)
    assert _runs(driven) == {"T": 1, "A": 1}


@EFFECTS
def test_stop_fails_the_run_with_the_nodes_name_and_error(effect: str) -> None:
    #  T ─► F ─► A
    driven = _drive(workflow([T, node("F", "FAIL", effect=effect), node("A")], "T > F", "F > A"), 1)
    assert driven.status == "FAILED"
    assert driven.error is not None
    assert (driven.error.node, driven.error.code) == ("F", "TOY_FAILED")
    assert "A" not in _runs(driven)


def test_the_first_error_is_kept() -> None:
    #  T ─► F
    #  └──► G
    graph = workflow([T, node("F", "FAIL"), node("G", "FAIL")], "T > F", "T > G")
    interpreter = Interpreter(plan_of(graph), run_start("T", [toy_item(1)]), RunState())
    interpreter.launch(NOW)
    (task,) = interpreter.state.ready
    interpreter.begin(task)
    interpreter.complete(task, Done({"main": pack([toy_item(1)])}), NOW)
    for task in list(interpreter.state.ready):
        interpreter.begin(task)
    for task in list(interpreter.state.running.values())[::-1]:
        interpreter.complete(task, Failed(RunError("X", "x", interpreter.plan.nodes[task.node].name)), NOW)
    assert interpreter.state.error is not None
    assert interpreter.state.error.node == "G"


@EFFECTS
@pytest.mark.parametrize("whole", [False, True])
def test_continue_lets_the_error_go_on_as_an_item(whole: bool, effect: str) -> None:
    #  T ─► F ─► A
    graph = workflow(
        [T, node("F", "FAIL", on_error="continue", modulo=2, whole=whole, effect=effect), node("A")], "T > F", "F > A"
    )
    driven = _drive(graph, 1, 2, 3)
    expected = [["-"]] if whole else [["1", "-", "3"]]
    assert [[_path.split(":")[0] for _path in _paths(inputs[0])] for inputs in driven.runs_of("A")] == expected
    assert [item["json"]["error"] for item in driven.runs_of("A")[0][0] if "error" in item["json"]] == ["F"]


@EFFECTS
@pytest.mark.parametrize("whole", [False, True])
def test_error_output_lets_it_leave_by_the_error_port(whole: bool, effect: str) -> None:
    #       ┌─main──► A
    #  T ─► F
    #       └─error─► B
    fails = node("F", "FAIL", on_error="error_output", modulo=2, whole=whole, effect=effect)
    driven = _drive(workflow([T, fails, node("A"), node("B")], "T > F", "F > A", "F.error > B"), 1, 2, 3)
    assert _result(driven).get("A", []) == ([] if whole else ["2:FA", "4:FA"])
    assert len(driven.result["B"]) == 1
    assert ("A" in _runs(driven)) is not whole


@pytest.mark.parametrize("whole", [False, True])
def test_always_output_holds_for_a_node_that_failed_too(whole: bool) -> None:
    #       ┌─main──► A      gets the empty item
    #  T ─► F
    #       └─error─► B
    fails = node("F", "FAIL", on_error="error_output", whole=whole, always_output=True)
    driven = _drive(workflow([T, fails, node("A"), node("B")], "T > F", "F > A", "F.error > B"), 1)
    assert driven.runs_of("A") == [[[{"json": {}}]]]
    assert driven.count("B") == 1


def test_a_port_named_error_needs_no_always_output() -> None:
    #  T ─► F ─error─► B      nothing fails
    fails = node("F", "FAIL", on_error="error_output", modulo=2, always_output=True)
    driven = _drive(workflow([T, fails, node("B")], "T > F", "F.error > B"), 1)
    assert "B" not in _runs(driven)


@pytest.mark.parametrize("always", [False, True])
def test_a_disabled_node_passes_its_first_input_through(always: bool) -> None:
    #  T ─► X ─► D ─► A      D is disabled, so it drops nothing
    nodes = [T, node("X"), node("D", "DROP", disabled=True, always_output=always), node("A")]
    driven = _drive(workflow(nodes, "T > X", "X > D", "D > A"), 1, 2)
    assert _result(driven) == {"A": ["3:XA", "4:XA"]}
    assert driven.records["D", 0].status is NodeStatus.COMPLETED


def test_a_disabled_end_keeps_its_data_in_the_result() -> None:
    #  T ─► A ─► D
    driven = _drive(workflow([T, node("A"), node("D", disabled=True)], "T > A", "A > D"), 1)
    assert _result(driven) == {"D": ["2:A"]}


def test_a_disabled_merge_passes_input_0_on_and_a_disabled_if_its_first_port() -> None:
    #  T ─► A ─► M.0 ─► I ─true─► B
    #  └──► C ─► M.1       false─► E (dead)
    nodes = [
        T,
        node("A"),
        node("C"),
        node("M", "MERGE", disabled=True),
        node("I", "IF", disabled=True),
        node("B"),
        node("E"),
    ]
    graph = workflow(nodes, "T > A", "T > C", "A > M", "C > M.1", "M > I", "I.true > B", "I.false > E")
    assert _result(_drive(graph, 0, 1)) == {"B": ["2:AB", "3:AB"]}


def test_execute_once_takes_the_first_item_only() -> None:
    #  T ─► A
    assert _result(_drive(workflow([T, node("A", execute_once=True)], "T > A"), 5, 6, 7)) == {"A": ["6:A"]}


def test_execute_once_takes_the_first_item_of_each_input_of_a_merge() -> None:
    #  T ─► M.0
    #  └──► M.1
    graph = workflow([T, node("M", "MERGE", execute_once=True)], "T > M", "T > M.1")
    assert _result(_drive(graph, 5, 6)) == {"M": ["5:M", "6:M"]}


@EFFECTS
def test_fan_in_each_runs_once_for_each_delivering_edge(effect: str) -> None:
    #  T ─► A ─┐
    #  ├──► D ─┼─► E ─► Z      D drops everything, so its edge delivers nothing
    #  └──► B ─┘
    nodes = [T, node("A"), node("D", "DROP"), node("B"), node("E", fan_in="each", effect=effect), node("Z")]
    driven = _drive(workflow(nodes, "T > A", "T > D", "T > B", "A > E", "D > E", "B > E", "E > Z"), 1, 2)
    assert [_paths(inputs[0]) for inputs in driven.runs_of("E")] == [["2:A", "3:A"], ["2:B", "3:B"]]
    assert _result(driven) == {"Z": ["4:AEZ", "5:AEZ", "4:BEZ", "5:BEZ"]}
    assert _runs(driven)["Z"] == 1


def test_fan_in_each_with_an_edge_that_failed() -> None:
    #  T ─► A ─┐
    #          ├─► E ─► Z      E fails with even values, B's items are odd
    #  T ─► B ─┘
    nodes = [
        T,
        node("A", by=1),
        node("B", by=2),
        node("E", "FAIL", modulo=2, fan_in="each", on_error="continue"),
        node("Z", by=0),
    ]
    driven = _drive(workflow(nodes, "T > A", "T > B", "A > E", "B > E", "E > Z"), 1)
    assert _result(driven) == {"Z": ["0:Z", "3:BEZ"]}


def test_a_wait_holds_up_what_follows_it_and_nothing_else() -> None:
    #  T ─► W ─► A
    #  └──► B
    driven = _drive(workflow([T, node("W", "WAIT"), node("A"), node("B")], "T > W", "W > A", "T > B"), 1)
    assert _result(driven) == {"A": ["2:A"], "B": ["2:B"]}
    record = driven.records["W", 0]
    assert record.status is NodeStatus.COMPLETED
    assert record.started_at is not None
    assert record.finished_at is not None
    assert record.started_at <= record.finished_at


def test_a_wait_that_fails_is_recorded_as_failed() -> None:
    #  T ─► W
    interpreter = Interpreter(
        plan_of(workflow([T, node("W", "WAIT")], "T > W")), run_start("T", [toy_item(1)]), RunState()
    )
    interpreter.launch(NOW)
    for outcome in (Done({"main": pack([toy_item(1)])}), Suspended(CallWorkflow("other"))):
        (task,) = interpreter.state.ready
        interpreter.begin(task)
        interpreter.complete(task, outcome, NOW)
    (waiting,) = interpreter.state.waiting.values()
    assert (waiting.command, waiting.since) == (CallWorkflow("other"), NOW)
    interpreter.resume_waiting(waiting.task, Failed(RunError("X", "x", "W")), NOW)
    assert not interpreter.state.waiting
    assert [(record.status, record.error) for record in interpreter.state.journal] == [
        (NodeStatus.FAILED, RunError("X", "x", "W"))
    ]
    assert interpreter.over


def test_pinned_items_stand_for_running_a_node() -> None:
    #  T ─► F ─► A      F would fail
    graph = workflow([T, node("F", "FAIL", effect="effectful", pinned=[{"value": 7}]), node("A")], "T > F", "F > A")
    assert _result(_drive(graph, 1, use_pinned=True)) == {"A": ["8:A"]}
    assert _drive(graph, 1).status == "FAILED"


def test_reused_outputs_stand_for_running_everything_upstream() -> None:
    #  T ─► A ─► B ─► C      a retry from B, with A's output as it was recorded
    graph = workflow([T, node("A"), node("B"), node("C")], "T > A", "A > B", "B > C")
    reused = {"T": {"main": pack([toy_item(1)])}, "A": {"main": pack([toy_item(40)])}}
    driven = _drive(graph, 1, reused=reused)
    assert _result(driven) == {"C": ["42:BC"]}
    assert _runs(driven) == {"B": 1, "C": 1}
    assert driven.records["A", 0].reused


def test_a_reused_node_that_emitted_nothing_is_dead_beyond_that_port() -> None:
    #  T ─► I ─true─► A
    #         false─► B
    graph = workflow([T, node("I", "IF"), node("A"), node("B")], "T > I", "I.true > A", "I.false > B")
    driven = _drive(graph, 1, reused={"T": {"main": pack([toy_item(1)])}, "I": {"false": pack([toy_item(1)])}})
    assert _result(driven) == {"B": ["2:B"]}


def test_edited_inputs_replace_what_a_node_would_get() -> None:
    #  T ─► A ─► B
    graph = workflow([T, node("A"), node("B")], "T > A", "A > B")
    assert _result(_drive(graph, 1, inputs={"B": [pack([toy_item(10)])]})) == {"B": ["11:B"]}


def test_edited_inputs_of_a_fan_in_each_node_arrive_once() -> None:
    #  T ─► A ─┐
    #          ├─► E
    #  T ─► B ─┘
    graph = workflow([T, node("A"), node("B"), node("E", fan_in="each")], "T > A", "T > B", "A > E", "B > E")
    assert _result(_drive(graph, 1, inputs={"E": [pack([toy_item(10)])]})) == {"E": ["11:E"]}


@pytest.mark.parametrize(
    "alone",
    [
        node("X"),
        node("X", effect="effectful"),
        node("X", disabled=True),
        node("X", fan_in="each"),
        node("X", always_output=True),
        node("X", "WAIT"),
        node("X", "IF"),
    ],
)
def test_one_node_can_be_tested_alone(alone: Json) -> None:
    #  T ─► A ─► X ─► B      only X runs, with the input given
    graph = workflow([T, node("A"), alone, node("B")], "T > A", "A > X", "X > B")
    driven = _drive(graph, 4, begin="X", alone=True)
    assert _runs(driven) == {"X": 1}
    assert [item["json"]["value"] for item in driven.result["X"]] in ([5], [4])


def test_a_failing_node_tested_alone_fails() -> None:
    #  T ─► X
    assert _drive(workflow([T, node("X", "FAIL")], "T > X"), 1, begin="X", alone=True).status == "FAILED"


def test_nodes_may_read_the_outputs_of_those_that_ran_before_them() -> None:
    #  T ─► A ─► B ─► C      C reads A and T, and X, which doesn't run
    nodes = [
        T,
        node("A"),
        node("B"),
        node("C", note="{{ $('A').first().json.value + $('T').first() }} {{ $node['X'].json }}"),
        node("X", "DROP"),
    ]
    graph = workflow(nodes, "T > A", "A > B", "B > C")
    plan = plan_of(graph)
    assert [plan.nodes[read].name for read in plan.nodes[plan.positions["C"]].reads] == ["A", "T", "X"]
    interpreter = Interpreter(plan, run_start("T", [toy_item(1)]), RunState())
    interpreter.launch(NOW)
    for value in (1, 2, 3):
        (task,) = interpreter.state.ready
        interpreter.begin(task)
        interpreter.complete(task, Done({"main": pack([toy_item(value)])}), NOW)
    (task,) = interpreter.state.ready
    read = {
        name: {port: unpack(items) for port, items in ports.items()} for name, ports in interpreter.reads(task).items()
    }
    assert read == {"T": {"main": [toy_item(1)]}, "A": {"main": [toy_item(2)]}}


def test_an_empty_input_begins_a_run_all_the_same() -> None:
    #  T ─► A
    driven = drive(workflow([T, node("A")], "T > A"), "T", [])
    assert (driven.status, driven.count("T"), driven.count("A")) == ("COMPLETED", 1, 0)


def test_nothing_more_starts_once_the_run_has_failed() -> None:
    #  T ─► F
    #  └──► A ─► B
    graph = workflow([T, node("F", "FAIL"), node("A"), node("B")], "T > F", "T > A", "A > B")
    driven = drive(graph, "T", [toy_item(1)], fused=False)
    assert driven.status == "FAILED"
    for seed in range(20):
        order = drive(graph, "T", [toy_item(1)], seed, fused=False).order
        assert order.count("F") == 1


def test_a_state_in_the_middle_of_a_run_is_the_same_after_serialising() -> None:
    #       ┌─► W ─┐
    #  T ───┤      ├─► J
    #       └─► A ─┘
    graph = workflow([T, node("W", "WAIT"), node("A"), node("J")], "T > W", "T > A", "W > J", "A > J")
    interpreter = Interpreter(plan_of(graph), run_start("T", [toy_item(1)]), RunState())
    interpreter.launch(NOW)
    outcomes: list[Any] = [
        Done({"main": pack([toy_item(1)])}),
        Suspended(Sleep(NOW)),
        Done({"main": pack([toy_item(2)])}),
    ]
    for outcome in outcomes:
        task = interpreter.state.ready[0]
        interpreter.begin(task)
        interpreter.complete(task, outcome, NOW)
        assert STATES.validate_json(STATES.dump_json(interpreter.state)) == interpreter.state
    assert list(interpreter.state.waiting)
    assert interpreter.state.waiting["run||1|-1|-1"].command == Sleep(NOW)


def test_a_task_that_isnt_ready_cant_begin() -> None:
    interpreter = Interpreter(plan_of(workflow([T])), run_start("T", []), RunState())
    interpreter.launch(NOW)
    with pytest.raises(ValueError, match="not in list"):
        interpreter.begin(Task("run", "", 7))


def test_an_error_item_says_all_that_is_known_and_nothing_that_isnt() -> None:
    error = RunError("CODE", 'it "broke"', "é", "mend it", 3, 2)
    (part,) = error_items(error).parts
    assert part.text is not None
    assert json.loads(part.text) == [{"json": {"error": error_json(error)}}]
    assert error_json(error) == {
        "code": "CODE",
        "message": 'it "broke"',
        "node": "é",
        "item": 3,
        "attempt": 2,
        "hint": "mend it",
    }
    assert error_json(RunError("C", "m")) == {"code": "C", "message": "m", "node": ""}
    assert isinstance(error_items(error), Items)

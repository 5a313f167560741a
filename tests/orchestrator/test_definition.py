"""Definitions: read exactly, within limits, and refused with every problem and no other exception."""

import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodes.factory import load
from orchestrator.definition import MAX_BYTES, MAX_DEPTH, MAX_NAME, MAX_NODES, dump, dump_json, read, read_json
from orchestrator.errors import DefinitionError, Problem
from orchestrator.model import Workflow
from orchestrator.validation import validate
from tests.orchestrator.driver import ToyCatalogue
from tests.orchestrator.graphs import node, workflow

CATALOGUE = load()


def _refused(data: object) -> list[Problem]:
    with pytest.raises(DefinitionError) as error:
        read(data)
    assert error.value.problems
    return error.value.problems


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def test_either_spelling_of_fields_is_read() -> None:
    snake = {"nodes": [{"name": "A", "on_error": "continue", "always_output": True, "retry": {"max_attempts": 3}}]}
    camel = {"nodes": [{"name": "A", "onError": "continue", "alwaysOutput": True, "retry": {"maxAttempts": 3}}]}
    assert read(snake) == read(camel)


def test_the_servers_own_fields_are_ignored() -> None:
    sent = {"name": "W", "version": 9, "user_id": "me", "createdAt": "x", "updated_at": 5}
    assert read(sent) == Workflow(name="W")


def test_what_is_written_is_dumped_again_and_nothing_else() -> None:
    written = workflow([node("T", "TRIGGER"), node("é 日本 🙂", by=2)], "T > é 日本 🙂")
    dumped = dump(read(written))
    assert read(dumped) == read(written)
    assert json.loads(dump_json(read(written))) == dumped
    assert list(dumped) == ["name", "nodes", "connections"]
    assert "retry" not in dumped["nodes"][0]


def test_numbers_and_the_order_of_keys_stay_exact() -> None:
    text = (
        '{"name": "W", "nodes": [{"name": "A", "parameters": {"z": 9007199254740993, "a": 0.1000000000000000055511}}]}'
    )
    made = read_json(text)
    assert made.nodes[0].parameters == {"z": 9007199254740993, "a": Decimal("0.1000000000000000055511")}
    assert list(read_json(dump_json(made)).nodes[0].parameters) == ["z", "a"]
    assert "9007199254740993" in dump_json(made)
    assert "0.1000000000000000055511" in dump_json(made)


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        (None, "WRONG_TYPE", ""),
        ([], "WRONG_TYPE", ""),
        ("text", "WRONG_TYPE", ""),
        ({"nodes": {}}, "WRONG_TYPE", "nodes"),
        ({"nodes": [3]}, "WRONG_TYPE", "nodes[0]"),
        ({"nodes": [{"name": 3}]}, "WRONG_TYPE", "nodes[0].name"),
        ({"nodes": [{"disabled": "yes"}]}, "WRONG_TYPE", "nodes[0].disabled"),
        ({"nodes": [{"disabled": 1}]}, "WRONG_TYPE", "nodes[0].disabled"),
        ({"nodes": [{"on_error": "explode"}]}, "WRONG_TYPE", "nodes[0].on_error"),
        ({"nodes": [{"type": "action"}]}, "UNKNOWN_NODE_TYPE", "nodes[0].type"),
        ({"nodes": [{"retry": {"max_attempts": -1}}]}, "OUT_OF_RANGE", "nodes[0].retry.max_attempts"),
        ({"nodes": [{"retry": {"max_attempts": 1001}}]}, "OUT_OF_RANGE", "nodes[0].retry.max_attempts"),
        ({"nodez": []}, "UNKNOWN_FIELD", "nodez"),
        ({"nodes": [{"paramters": {}}]}, "UNKNOWN_FIELD", "nodes[0].paramters"),
        ({"tags": ["a", 1]}, "WRONG_TYPE", "tags[1]"),
        ({"settings": []}, "WRONG_TYPE", "settings"),
    ],
)
def test_what_doesnt_fit_the_shape_is_said(data: object, code: str, field: str) -> None:
    problem = _refused(data)[0]
    assert (problem.code, problem.field) == (code, field)


def test_a_misspelt_field_brings_the_right_one() -> None:
    assert "did you mean 'parameters'?" in _refused({"nodes": [{"paramters": {}}]})[0].message


def test_every_problem_is_reported_at_once_with_the_nodes_name() -> None:
    problems = _refused({"name": 1, "nodes": [{"name": "A", "id": 1}, {"name": "B", "subtype": 2}]})
    assert [(problem.field, problem.node) for problem in problems] == [
        ("name", ""),
        ("nodes[0].id", "A"),
        ("nodes[1].subtype", "B"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1,]",
        "{'name': 'W'}",
        '{"name": NaN}',
        '{"name": 1} x',
        "\ufeff{}x",
        b"\xff\xfe",
        '{"a": "\x00"}',
        "[" * 100_000,
    ],
)
def test_a_text_that_isnt_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(DefinitionError) as error:
        read_json(text)
    assert error.value.problems[0].code in ("NOT_JSON", "NESTED_TOO_DEEP")
    assert len(str(error.value)) < 500


LIMITS = [
    pytest.param({"nodes": [{}] * (MAX_NODES + 1)}, "TOO_MANY_NODES", id="nodes"),
    pytest.param({"nodes": [{"name": "n" * (MAX_NAME + 1)}]}, "NAME_TOO_LONG", id="a node's name"),
    pytest.param({"nodes": [{"id": "n" * (MAX_NAME + 1)}]}, "NAME_TOO_LONG", id="a node's id"),
    pytest.param({"name": "n" * (MAX_NAME + 1)}, "NAME_TOO_LONG", id="the name"),
    pytest.param({"id": "n" * (MAX_NAME + 1)}, "NAME_TOO_LONG", id="the id"),
    pytest.param({"nodes": [{"parameters": {"a": _deep(MAX_DEPTH)}}]}, "NESTED_TOO_DEEP", id="parameters"),
    pytest.param({"nodes": [{"parameters": _deep(5_000)}]}, "NESTED_TOO_DEEP", id="far too deep"),
    pytest.param({"settings": {"variables": _deep(5_000)}}, "NESTED_TOO_DEEP", id="variables"),
    pytest.param({"x": [[[]]] * 5, "y": _deep(200)}, "NESTED_TOO_DEEP", id="an unknown field"),
]


@pytest.mark.parametrize(("data", "code"), LIMITS)
def test_limits_are_kept(data: object, code: str) -> None:
    assert {problem.code for problem in _refused(data)} == {code}


@pytest.mark.parametrize(
    "data",
    [
        {"nodes": [{}] * MAX_NODES},
        {"name": "é" * MAX_NAME, "nodes": [{"name": "日" * MAX_NAME, "id": "i" * MAX_NAME}]},
        {"nodes": [{"parameters": _deep(MAX_DEPTH - 1)}]},
    ],
)
def test_what_is_just_within_limits_is_read(data: dict[str, Any]) -> None:
    assert isinstance(read(data), Workflow)


def test_size_is_looked_at_before_the_text_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def loads(text: object) -> object:
        raise AssertionError("the text is parsed")

    monkeypatch.setattr("orchestrator.exact_json.loads", loads)
    for text in (" " * (MAX_BYTES + 1), b" " * (MAX_BYTES + 1), "é" * (MAX_BYTES // 2 + 1)):
        with pytest.raises(DefinitionError) as error:
            read_json(text)
        assert [problem.code for problem in error.value.problems] == ["DEFINITION_TOO_LARGE"]


def test_two_mebibytes_are_read() -> None:
    text = '{"name": "W", "description": "' + "x" * (MAX_BYTES - 32) + '"}'
    assert len(text) <= MAX_BYTES
    assert read_json(text).name == "W"


def _outcome(reading: Callable[[], Workflow]) -> tuple[Workflow | None, list[Problem]]:
    """A workflow, or why there is none; any other exception fails the test."""
    try:
        return reading(), []
    except DefinitionError as error:
        return None, error.problems


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
    max_leaves=12,
)
# Values of the right shape here and there, so that reading comes further than the first wrong type.
_connection = st.fixed_dictionaries(
    {}, optional={"node": st.one_of(st.text(max_size=2), _json), "type": _json, "index": _json, "output": _json}
)
_connections = st.one_of(
    _json,
    st.dictionaries(
        st.text(max_size=2),
        st.one_of(
            _json,
            st.fixed_dictionaries(
                {
                    "connection_types": st.dictionaries(
                        st.sampled_from(["main", "ai_tool", "x"]),
                        st.one_of(_json, st.fixed_dictionaries({"connections": st.lists(_connection, max_size=3)})),
                        max_size=2,
                    )
                }
            ),
        ),
        max_size=3,
    ),
)
_nodes = st.lists(
    st.one_of(
        _json,
        st.fixed_dictionaries(
            {},
            optional={
                "id": st.one_of(st.text(max_size=2), _json),
                "name": st.one_of(st.text(max_size=2), _json),
                "type": st.one_of(st.sampled_from(["TRIGGER_NODE", "FLOW_NODE", "ACTION_NODE"]), _json),
                "subtype": st.one_of(st.sampled_from(["MANUAL", "LOOP", "IF", "MERGE", "RUN_CODE", "WAIT"]), _json),
                "parameters": st.one_of(st.dictionaries(st.sampled_from(["mode", "inputs", "times"]), _json), _json),
                "retry": _json,
                "timeout": st.one_of(st.text(max_size=3), _json),
                "on_error": st.one_of(st.sampled_from(["stop", "error_output"]), _json),
                "fan_in": st.one_of(st.sampled_from(["each", "join"]), _json),
                "pinned": _json,
                "credentials": _json,
                "position": _json,
            },
        ),
    ),
    max_size=4,
)
_definitions = st.one_of(
    _json,
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.one_of(st.text(max_size=3), _json),
            "nodes": st.one_of(_nodes, _json),
            "connections": st.one_of(st.fixed_dictionaries({"connections": _connections}), _json),
            "settings": st.one_of(
                st.fixed_dictionaries({"timeout": st.text(max_size=3), "timezone": st.text(max_size=9)}), _json
            ),
            "tags": _json,
        },
    ),
)


@given(data=_definitions)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_json_is_a_workflow_or_a_definition_error(data: object) -> None:
    made, problems = _outcome(lambda: read(data))
    if made is not None:
        assert read(dump(made)) == made
        assert read_json(dump_json(made)) == made
        problems = [*validate(made, ToyCatalogue()), *validate(made, CATALOGUE)]
    assert all(problem.code and problem.message for problem in problems)


@given(text=st.one_of(st.text(max_size=60), st.binary(max_size=60)))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_workflow_or_a_definition_error(text: str | bytes) -> None:
    made, problems = _outcome(lambda: read_json(text))
    assert (made is None) == bool(problems)


def _large(count: int) -> str:
    #        ┌──────────┐
    # T ─► L0 ─body─► A0 ┘ ─done─► L1 …: loops one after another, with parameters that fill 1 KiB a node
    nodes, arrows = [node("T", "TRIGGER")], ["T > L0"]
    for i in range((count - 1) // 2):
        nodes += [node(f"L{i}", "LOOP", mode="items", note="x" * 700), node(f"A{i}", by=1, note="{{ $json.a }} " * 60)]
        arrows += [f"L{i}.body > A{i}", f"A{i} > L{i}", f"L{i}.done > L{i + 1}"]
    return json.dumps(workflow(nodes, *arrows[:-1]))


def _seconds(text: str, catalogue: Any) -> float:
    times = []
    for _ in range(3):
        began = time.thread_time()
        problems = validate(read_json(text), catalogue)
        times.append(time.thread_time() - began)
        assert not [problem for problem in problems if problem.code == "CYCLE_WITHOUT_LOOP"]
    return min(times)


def test_validation_grows_with_the_number_of_nodes_and_no_faster() -> None:
    large, small = _large(MAX_NODES), _large(MAX_NODES // 10)
    assert 1_600_000 < len(large) <= MAX_BYTES
    catalogue = ToyCatalogue()
    assert _seconds(large, catalogue) / _seconds(small, catalogue) < 40

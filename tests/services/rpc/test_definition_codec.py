"""Definitions go over the wire and come back the same; what can't be kept is named."""

from typing import Any

import pytest
from google.protobuf import json_format
from workflow_engine.v1 import workflow_pb2
from workflow_engine.v1 import workflow_service_pb2 as pb

from orchestrator import definition
from orchestrator.errors import DefinitionError
from services.rpc.definition_codec import read_workflow, write_definition

FULL: dict[str, Any] = {
    "id": "w1",
    "name": "full",
    "description": "every field",
    "nodes": [
        {
            "id": "a",
            "name": "Ä 🙂",
            "type": "ACTION_NODE",
            "subtype": "HTTP_REQUEST",
            "parameters": {"n": 3, "f": 0.5, "l": [1, "x", None, True, {"deep": {}}], "e": [], "s": ""},
            "position": {"x": 1.5, "y": 0.0},
            "disabled": True,
            "notes": "n",
            "credentials": {"auth": "c1"},
            "retry": {"max_attempts": 3, "initial_interval": "2s", "backoff": 1.5, "max_interval": "1m"},
            "timeout": "5s",
            "on_error": "continue",
            "always_output": True,
            "execute_once": True,
            "fan_in": "each",
            "pinned": [{"json": {"a": 1}}],
        },
        {"id": "b", "name": "B", "type": "TRIGGER_NODE", "subtype": "MANUAL", "pinned": []},
    ],
    "connections": {
        "connections": {
            "B": {
                "connection_types": {
                    "main": {"connections": [{"node": "Ä 🙂", "type": "MAIN", "index": 1, "output": "x"}]}
                }
            },
            "Ä 🙂": {"connection_types": {"ai_tool": {"connections": [{"node": "B", "type": "AI_TOOL"}]}, "main": {}}},
        }
    },
    "settings": {"error_workflow_id": "e", "timeout": "1h", "timezone": "Europe/Berlin", "variables": {"v": 1}},
    "tags": ["x", "y"],
}


def test_every_field_round_trips() -> None:
    wanted = definition.read(FULL)
    message = workflow_pb2.Workflow()
    write_definition(wanted, message)
    assert read_workflow(message) == wanted
    again = workflow_pb2.Workflow.FromString(message.SerializeToString())
    assert read_workflow(again) == wanted


def test_the_proto3_json_is_read_alike() -> None:
    message = json_format.ParseDict(FULL, workflow_pb2.Workflow())
    assert read_workflow(message) == definition.read(FULL)


def test_a_create_request_is_read_as_a_workflow() -> None:
    request = json_format.ParseDict(FULL | {"user_id": "u"}, pb.CreateWorkflowRequest())
    assert read_workflow(request) == definition.read(FULL)


def node(**fields: Any) -> dict[str, Any]:
    return {"name": "w", "nodes": [{"id": "a", "name": "A", **fields}]}


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        (node(parameters={"a": [{"b": 2.0**53 + 2}]}), "PARAMETER_NUMBER_TOO_LARGE", "nodes[0].parameters.a[0].b"),
        (node(parameters={"a": -(2.0**60)}), "PARAMETER_NUMBER_TOO_LARGE", "nodes[0].parameters.a"),
        (node(name="A\0"), "NUL_CHARACTER", "nodes[0].name"),
        ({"name": "w\0"}, "NUL_CHARACTER", "name"),
        ({"name": "w", "tags": ["\0"]}, "NUL_CHARACTER", "tags"),
        ({"name": "x" * 200}, "NAME_TOO_LONG", "name"),
        ({"name": "w", "nodes": [{}] * 2001}, "TOO_MANY_NODES", "nodes"),
        (node(notes="x" * (2 * 1024 * 1024)), "DEFINITION_TOO_LARGE", ""),
        (node(on_error="explode"), "WRONG_TYPE", "nodes[0].on_error"),
        (node(retry={"max_attempts": -1}), "OUT_OF_RANGE", "nodes[0].retry.max_attempts"),
    ],
)
def test_what_cannot_be_kept_is_named(data: dict[str, Any], code: str, field: str) -> None:
    message = json_format.ParseDict(data, workflow_pb2.Workflow())
    with pytest.raises(DefinitionError) as caught:
        read_workflow(message)
    assert (code, field) in [(problem.code, problem.field) for problem in caught.value.problems]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_refused(number: float) -> None:
    message = workflow_pb2.Workflow(name="w", nodes=[workflow_pb2.Node(name="A")])
    message.nodes[0].parameters.fields["x"].number_value = number
    with pytest.raises(DefinitionError, match="isn't a JSON number"):
        read_workflow(message)


@pytest.mark.parametrize("number", [0, -1, 2**53, -(2**53), 0.1, 1e-300])
def test_exact_numbers_keep_their_value_and_kind(number: float) -> None:
    message = workflow_pb2.Workflow(name="w", nodes=[workflow_pb2.Node(name="A")])
    message.nodes[0].parameters.update({"x": number})
    found = read_workflow(message).nodes[0].parameters["x"]
    assert found == number
    assert type(found) is type(number)


@pytest.mark.parametrize("kind", [0, 99])
def test_unknown_types(kind: int) -> None:
    message = workflow_pb2.Workflow(name="w", nodes=[workflow_pb2.Node(name="A", type=kind)])  # type: ignore[arg-type]
    if kind == 0:
        assert read_workflow(message).nodes[0].type is None
    else:
        with pytest.raises(DefinitionError) as caught:
            read_workflow(message)
        assert [problem.code for problem in caught.value.problems] == ["UNKNOWN_NODE_TYPE"]

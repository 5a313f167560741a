"""From a file to the message: nothing is lost on the way, or it is refused."""

import json

import pytest
from google.protobuf import json_format

from orchestrator.definition import read, read_json
from services.cli.failure import Failure
from services.cli.wire import same_definition, to_wire


def workflow(parameters: object) -> dict[str, object]:
    node = {"id": "a", "name": "A", "type": "ACTION_NODE", "subtype": "HTTP_REQUEST", "parameters": parameters}
    return {"id": "w", "name": "W", "nodes": [node]}


def test_carries_parameters() -> None:
    parameters = {"s": "x", "n": 7, "f": 0.5, "none": None, "list": [True, {"deep": [1]}], "big": 2**53}
    node = to_wire(read(workflow(parameters))).nodes[0]
    assert json_format.MessageToDict(node.parameters) == parameters


@pytest.mark.parametrize("number", ["9007199254740993", "-9007199254740993", "0.12345678901234567890123"])
def test_refuses_numbers_that_would_change(number: str) -> None:
    text = json.dumps(workflow({"a": [{"b": "?"}]})).replace('"?"', number)
    with pytest.raises(Failure) as caught:
        to_wire(read_json(text))
    (problem,) = caught.value.problems
    assert problem.code == "PARAMETER_NUMBER_TOO_LARGE"
    assert problem.node == "A"
    assert number[:40] in problem.message


def test_tells_whether_a_definition_changed() -> None:
    one, other = to_wire(read(workflow({"a": 1, "b": 2}))), to_wire(read(workflow({"b": 2, "a": 1})))
    other.version, other.id = 7, "else"
    assert same_definition(one, other)
    other.nodes[0].parameters["a"] = 3
    assert not same_definition(one, other)

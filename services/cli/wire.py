"""Turns a workflow read from a file into the message that the server takes."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from google.protobuf import json_format
from workflow_engine.v1 import workflow_pb2

from orchestrator.definition import dump, read
from orchestrator.errors import Problem
from orchestrator.model import Workflow
from services.cli.failure import invalid

_LARGEST = 2**53


def to_wire(workflow: Workflow) -> workflow_pb2.Workflow:
    """The message; a Failure names every number that it can't hold exactly."""
    problems = list(_inexact(workflow))
    if problems:
        raise invalid(problems)
    return json_format.ParseDict(dump(workflow), workflow_pb2.Workflow())


def same_definition(one: workflow_pb2.Workflow, other: workflow_pb2.Workflow) -> bool:
    """Whether two workflows differ in nothing that their author wrote."""
    return _authored(one) == _authored(other)


def _authored(message: workflow_pb2.Workflow) -> dict[str, Any]:
    """The definition in its one normal form, without what the server says about it."""
    return dump(read(json_format.MessageToDict(message, preserving_proto_field_name=True))) | {"id": ""}


def _inexact(workflow: Workflow) -> Iterator[Problem]:
    places: list[tuple[str, str, object]] = [("settings.variables", "", workflow.settings.variables)]
    for index, node in enumerate(workflow.nodes):
        places.append((f"nodes[{index}].parameters", node.name, node.parameters))
        places.append((f"nodes[{index}].pinned", node.name, node.pinned))
    for field, name, value in places:
        for number in _numbers(value):
            if isinstance(number, Decimal) or (isinstance(number, int) and abs(number) > _LARGEST):
                message = f"{field} holds {str(number)[:40]}, which a parameter can't hold exactly; write it as text"
                yield Problem("PARAMETER_NUMBER_TOO_LARGE", message, name, field)


def _numbers(value: object) -> Iterator[int | float | Decimal]:
    match value:
        case dict():
            for child in value.values():
                yield from _numbers(child)
        case list():
            for child in value:
                yield from _numbers(child)
        case bool():
            return
        case int() | float() | Decimal():
            yield value

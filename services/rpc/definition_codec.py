"""Reads definitions from messages and writes them back."""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from google.protobuf.struct_pb2 import ListValue, NullValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp
from workflow_engine.v1 import workflow_pb2 as pb
from workflow_engine.v1 import workflow_service_pb2 as service_pb

from orchestrator import definition
from orchestrator.errors import DefinitionError, Problem
from orchestrator.model import Workflow
from services.usecases.definitions import Stored, Summary, VersionSummary

# Beyond this a double no longer tells neighbouring integers apart.
_EXACT = 2**53


class Written(Protocol):
    """The fields of a definition that its author writes: those of Workflow and of CreateWorkflowRequest."""

    id: str
    name: str
    description: str
    nodes: Any
    connections: pb.ConnectionsMap
    settings: pb.WorkflowSettings
    tags: Any


def read_workflow(message: Written) -> Workflow:
    """The definition in a message; DefinitionError lists what can't be read."""
    if len(message.nodes) <= definition.MAX_NODES:
        size = message.ByteSize()  # type: ignore[attr-defined]
        if size > definition.MAX_BYTES:
            text = f"the definition has {size:,} bytes; at most {definition.MAX_BYTES:,} are allowed"
            raise DefinitionError([Problem("DEFINITION_TOO_LARGE", text)])
    reader = _Reader()
    data = reader.workflow(message)
    if reader.problems:
        raise DefinitionError(reader.problems)
    return definition.read(data)


class _Reader:
    """Turns messages into the dicts of their proto3 JSON, noting numbers and texts that can't be kept."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def workflow(self, message: Written) -> dict[str, Any]:
        data: dict[str, Any] = {
            "id": self._text(message.id, "id"),
            "name": self._text(message.name, "name"),
            "description": self._text(message.description, "description"),
            "tags": [self._text(tag, "tags") for tag in message.tags],
            "settings": self._settings(message.settings),
        }
        # Too many nodes are refused by their number: no need to read them.
        few = len(message.nodes) <= definition.MAX_NODES
        data["nodes"] = (
            [self._node(i, node) for i, node in enumerate(message.nodes)] if few else [{}] * len(message.nodes)
        )
        data["connections"] = {"connections": self._connections(message.connections)} if few else {}
        return data

    def _node(self, index: int, node: pb.Node) -> dict[str, Any]:
        place = f"nodes[{index}]"
        data: dict[str, Any] = {
            "id": self._text(node.id, f"{place}.id", node.name),
            "name": self._text(node.name, f"{place}.name", node.name),
            "type": _enum_name(pb.NodeType, node.type),
            "subtype": self._text(node.subtype, f"{place}.subtype", node.name),
            "parameters": self._struct(node.parameters, f"{place}.parameters", node.name),
            "disabled": node.disabled,
            "notes": self._text(node.notes, f"{place}.notes", node.name),
            "credentials": dict(node.credentials),
            "timeout": self._text(node.timeout, f"{place}.timeout", node.name),
            "on_error": node.on_error,
            "always_output": node.always_output,
            "execute_once": node.execute_once,
            "fan_in": node.fan_in,
            "cache_ttl": self._text(node.cache_ttl, f"{place}.cache_ttl", node.name),
        }
        if node.HasField("position"):
            data["position"] = {
                "x": self._number(node.position.x, f"{place}.position.x", node.name),
                "y": self._number(node.position.y, f"{place}.position.y", node.name),
            }
        if node.HasField("retry"):
            data["retry"] = {field.name: value for field, value in node.retry.ListFields()}
        if node.HasField("pinned"):
            data["pinned"] = self._list(node.pinned, f"{place}.pinned", node.name)
        return data

    def _connections(self, message: pb.ConnectionsMap) -> dict[str, Any]:
        return {
            self._text(source, "connections", source): {
                "connection_types": {
                    kind: {"connections": [_connection(arrow) for arrow in arrows.connections]}
                    for kind, arrows in node.connection_types.items()
                }
            }
            for source, node in message.connections.items()
        }

    def _settings(self, message: pb.WorkflowSettings) -> dict[str, Any]:
        return {
            "error_workflow_id": self._text(message.error_workflow_id, "settings.error_workflow_id"),
            "timeout": self._text(message.timeout, "settings.timeout"),
            "timezone": self._text(message.timezone, "settings.timezone"),
            "priority": message.priority,
            "variables": self._struct(message.variables, "settings.variables", ""),
        }

    def _struct(self, message: Struct, place: str, node: str) -> dict[str, Any]:
        return {key: self._value(value, f"{place}.{key}", node) for key, value in message.fields.items()}

    def _list(self, message: ListValue, place: str, node: str) -> list[Any]:
        return [self._value(value, f"{place}[{i}]", node) for i, value in enumerate(message.values)]

    def _value(self, value: Value, place: str, node: str) -> Any:
        match value.WhichOneof("kind"):
            case "struct_value":
                return self._struct(value.struct_value, place, node)
            case "list_value":
                return self._list(value.list_value, place, node)
            case "number_value":
                return self._number(value.number_value, place, node)
            case "string_value":
                return value.string_value
            case "bool_value":
                return value.bool_value
        return None

    def _number(self, number: float, place: str, node: str) -> int | float:
        if not math.isfinite(number):
            self._problem("NUMBER_NOT_FINITE", f"{place} is {number}, which isn't a JSON number", node, place)
            return 0
        if not number.is_integer():
            return number
        if abs(number) > _EXACT:
            message = (
                f"{place} is {number:.0f}, beyond what a number keeps exactly; write it as a string or an expression"
            )
            self._problem("PARAMETER_NUMBER_TOO_LARGE", message, node, place)
        return int(number)

    def _text(self, text: str, place: str, node: str = "") -> str:
        if "\0" in text:
            self._problem("NUL_CHARACTER", f"{place} has a NUL character; remove it", node.replace("\0", ""), place)
        return text

    def _problem(self, code: str, message: str, node: str, place: str) -> None:
        self.problems.append(Problem(code, message, node[: definition.MAX_NAME], place[:200]))


def _connection(message: pb.Connection) -> dict[str, Any]:
    return {
        "node": message.node,
        "type": _enum_name(pb.ConnectionType, message.type),
        "index": message.index,
        "output": message.output,
    }


def _enum_name(enum: Any, number: int) -> str | None:
    if number == 0:
        return None
    return enum.Name(number) if number in enum.values() else str(number)


def write_stored(stored: Stored, message: pb.Workflow) -> None:
    """Fills in a workflow as the server has it.

    In place: to copy a message protobuf encodes and decodes it, which a deep one doesn't survive.
    """
    message.version, message.user_id = stored.version, stored.user_id
    write_definition(stored.workflow, message)
    message.created_at.FromDatetime(stored.created_at)
    message.updated_at.FromDatetime(stored.updated_at)


def write_definition(workflow: Workflow, message: pb.Workflow) -> None:
    """Fills in what the author wrote."""
    message.id, message.name, message.description = workflow.id, workflow.name, workflow.description
    message.tags.extend(workflow.tags)
    for node in workflow.nodes:
        _write_node(node, message.nodes.add())
    for source, arrows in workflow.connections.connections.items():
        kinds = message.connections.connections[source].connection_types
        for kind, array in arrows.connection_types.items():
            kinds[kind].SetInParent()
            for arrow in array.connections:
                kinds[kind].connections.add(
                    node=arrow.node,
                    type=arrow.type.value if arrow.type else None,
                    index=arrow.index,
                    output=arrow.output,
                )
    settings = workflow.settings
    message.settings.error_workflow_id = settings.error_workflow_id
    message.settings.timeout, message.settings.timezone = settings.timeout, settings.timezone
    message.settings.priority = settings.priority
    _write_struct(settings.variables, message.settings.variables)


def _write_node(node: Any, message: pb.Node) -> None:
    for field in ("id", "name", "subtype", "notes", "timeout", "on_error", "fan_in", "cache_ttl"):
        setattr(message, field, getattr(node, field))
    for field in ("disabled", "always_output", "execute_once"):
        setattr(message, field, getattr(node, field))
    if node.type is not None:
        message.MergeFrom(pb.Node(type=node.type.value))
    message.credentials.update(node.credentials)
    _write_struct(node.parameters, message.parameters)
    if node.position is not None:
        message.position.x, message.position.y = node.position.x, node.position.y
        message.position.SetInParent()
    if node.retry is not None:
        message.retry.max_attempts, message.retry.backoff = node.retry.max_attempts, node.retry.backoff
        message.retry.initial_interval = node.retry.initial_interval
        message.retry.max_interval = node.retry.max_interval
    if node.pinned is not None:
        message.pinned.SetInParent()
        _write_list(node.pinned, message.pinned)


def _write_struct(values: Mapping[str, Any], message: Struct) -> None:
    for key, value in values.items():
        _write_value(value, message.fields[key])


def _write_list(values: Iterable[Any], message: ListValue) -> None:
    for value in values:
        _write_value(value, message.values.add())


def _write_value(value: Any, message: Value) -> None:
    match value:
        case None:
            message.null_value = NullValue.NULL_VALUE
        case bool():
            message.bool_value = value
        case int() | float() | Decimal():
            message.number_value = float(value)
        case str():
            message.string_value = value
        case dict():
            message.struct_value.SetInParent()
            _write_struct(value, message.struct_value)
        case list():
            message.list_value.SetInParent()
            _write_list(value, message.list_value)


def problem_messages(problems: Iterable[Problem]) -> Iterator[pb.Problem]:
    """Problems as messages."""
    for problem in problems:
        yield pb.Problem(
            code=problem.code,
            node=problem.node,
            message=problem.message,
            field=problem.field,
            severity=problem.severity.value,
        )


def summary_message(summary: Summary) -> service_pb.WorkflowSummary:
    """A workflow in a list."""
    return service_pb.WorkflowSummary(
        id=summary.id,
        name=summary.name,
        description=summary.description,
        tags=summary.tags,
        version=summary.version,
        node_count=summary.node_count,
        user_id=summary.user_id,
        created_at=timestamp(summary.created_at),
        updated_at=timestamp(summary.updated_at),
        active_version=summary.active_version,
    )


def version_message(version: VersionSummary) -> service_pb.WorkflowVersion:
    """A version in a list."""
    return service_pb.WorkflowVersion(
        version=version.version,
        name=version.name,
        node_count=version.node_count,
        created_at=timestamp(version.created_at),
        restored_from=version.restored_from,
    )


def timestamp(at: datetime) -> Timestamp:
    """A time as a message."""
    message = Timestamp()
    message.FromDatetime(at)
    return message

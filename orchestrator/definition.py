"""Reads and writes definitions: limits first, then the shape, with every problem found."""

import difflib
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from orchestrator import exact_json
from orchestrator.errors import DefinitionError, Problem
from orchestrator.model import Connection, Node, Workflow

MAX_NODES = 2_000
MAX_BYTES = 2 * 1024 * 1024
MAX_NAME = 128
MAX_DEPTH = 64
# How deep the message itself nests around a node's parameters.
_ENVELOPE = 8
_SERVER_FIELDS = ("version", "user_id", "created_at", "updated_at", "userId", "createdAt", "updatedAt")


def read_json(text: str | bytes) -> Workflow:
    """The workflow that a JSON text holds; DefinitionError lists what is wrong with it."""
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise DefinitionError([_too_large(size)])
    try:
        data = exact_json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DefinitionError([Problem("NOT_JSON", f"the definition isn't JSON: {error}")]) from error
    return read(data)


def read(data: object) -> Workflow:
    """The workflow in decoded JSON (the proto3 JSON of Workflow, in snake_case or camelCase)."""
    problems = list(_limits(data))
    if problems:
        raise DefinitionError(problems)
    assert isinstance(data, dict)
    try:
        workflow = Workflow.model_validate({k: v for k, v in data.items() if k not in _SERVER_FIELDS})
    except ValidationError as error:
        raise DefinitionError([_problem(data, detail) for detail in error.errors(include_url=False)]) from None
    problems = list(_named_limits(workflow))
    if problems:
        raise DefinitionError(problems)
    return workflow


def dump(workflow: Workflow) -> dict[str, Any]:
    """The proto3 JSON of a definition, without what is at its default."""
    return _plain(workflow.model_dump(mode="python", exclude_defaults=True))  # type: ignore[no-any-return]


def dump_json(workflow: Workflow) -> str:
    """`dump` as text; numbers stay exact."""
    return exact_json.dumps(dump(workflow))


def _plain(value: Any) -> Any:
    """The same tree with enums as their text; numbers stay as they are, which pydantic's JSON mode wouldn't do."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in value.items()}
    return [_plain(child) for child in value] if isinstance(value, list) else value


def _too_large(size: int) -> Problem:
    return Problem("DEFINITION_TOO_LARGE", f"the definition has {size:,} bytes; at most {MAX_BYTES:,} are allowed")


def _limits(data: object) -> Iterator[Problem]:
    if not isinstance(data, dict):
        yield Problem("WRONG_TYPE", f"a workflow is a JSON object, not {_kind(data)}")
        return
    nodes = data.get("nodes")
    if isinstance(nodes, list) and len(nodes) > MAX_NODES:
        yield Problem(
            "TOO_MANY_NODES",
            f"the workflow has {len(nodes):,} nodes; at most {MAX_NODES:,} are allowed",
            field="nodes",
        )
        return
    if _deeper_than(data, MAX_DEPTH + _ENVELOPE):
        yield Problem("NESTED_TOO_DEEP", f"the definition nests values more than {MAX_DEPTH} deep; flatten them")


def _deeper_than(value: object, limit: int) -> bool:
    """Whether objects and lists are nested inside `value` more than `limit` deep."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit + 1):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _named_limits(workflow: Workflow) -> Iterator[Problem]:
    named = [("id", "", workflow.id), ("name", "", workflow.name)]
    for index, node in enumerate(workflow.nodes):
        named += [(f"nodes[{index}].id", node.name, node.id), (f"nodes[{index}].name", node.name, node.name)]
        if _deeper_than(node.parameters, MAX_DEPTH - 1):
            yield Problem(
                "NESTED_TOO_DEEP",
                f"node {node.name[:40]!r} nests its parameters more than {MAX_DEPTH} deep; flatten them",
                node.name[:MAX_NAME],
                f"nodes[{index}].parameters",
            )
    for field, node_name, text in named:
        if len(text) > MAX_NAME:
            message = f"{field} has {len(text):,} characters; at most {MAX_NAME} are allowed"
            yield Problem("NAME_TOO_LONG", message, node_name[:MAX_NAME], field)


def _problem(data: dict[str, Any], detail: Any) -> Problem:
    location: tuple[int | str, ...] = detail["loc"]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    node = _node_name(data, location)
    where = field or "the workflow"
    match detail["type"]:
        case "extra_forbidden":
            return Problem("UNKNOWN_FIELD", f"{where} isn't a field of a workflow{_meant(location)}", node, field)
        case "enum":
            meaning = f"{where} is {_shown(detail['input'])}, but must be one of {detail['ctx']['expected']}"
            code = "UNKNOWN_NODE_TYPE" if "connections" not in location else "BAD_CONNECTION_TYPE"
            return Problem(code, meaning, node, field)
        case "greater_than_equal" | "less_than_equal" | "int_parsing_size":
            code = "BAD_INDEX" if location[-1] == "index" else "OUT_OF_RANGE"
            return Problem(code, f"{where} is {_shown(detail['input'])}: {detail['msg']}", node, field)
        case _:
            message = f"{where} is {_shown(detail['input'])}, which is {_kind(detail['input'])}: {detail['msg']}"
            return Problem("WRONG_TYPE", message, node, field)


def _node_name(data: dict[str, Any], location: tuple[int | str, ...]) -> str:
    match location:
        case ("nodes", int(index), *_):
            node = data["nodes"][index]
            name = node.get("name") if isinstance(node, dict) else None
            return name[:MAX_NAME] if isinstance(name, str) else ""
        case ("connections", "connections", str(name), *_):
            return name[:MAX_NAME]
    return ""


def _meant(location: tuple[int | str, ...]) -> str:
    fields = Workflow.model_fields if len(location) == 1 else Node.model_fields
    if "connections" in location:
        fields = Connection.model_fields
    close = difflib.get_close_matches(str(location[-1]), list(fields), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"

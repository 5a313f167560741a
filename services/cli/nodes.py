"""What `orchestrator nodes …` does: prints the catalogue of this machine."""

import difflib
from collections.abc import Mapping
from typing import Any

from nodes.factory import get_node_executor_factory
from orchestrator.errors import Problem
from orchestrator.model import NodeType
from services.cli.console import fields, table
from services.cli.failure import Exit, invalid, print_json
from services.usecases.node_types import NodeTypeView, node_types

_DEPTH = 3


async def list_all(family: str, as_json: bool) -> Exit:
    """List the catalogue."""
    catalogue = get_node_executor_factory().catalogue
    found = node_types(catalogue, _family(family) if family else None)
    if as_json:
        print_json({"node_types": [_object(view) for view in found]})
        return Exit.OK
    table(("NODE", "RUNS", "WHAT IT DOES"), [(view.name, view.ports.effect, view.description) for view in found])
    return Exit.OK


async def show(name: str, as_json: bool) -> Exit:
    """Show one subtype."""
    views = {view.name: view for view in node_types(get_node_executor_factory().catalogue)}
    view = views.get(name.upper())
    if view is None:
        close = difflib.get_close_matches(name.upper(), views, n=1)
        hint = f"did you mean {close[0]}?" if close else "`orchestrator nodes list` shows all"
        raise invalid([Problem("UNKNOWN_NODE", f"there is no node {name[:100]!r}; {hint}")])
    if as_json:
        print_json(_object(view))
        return Exit.OK
    _print(view)
    return Exit.OK


def _family(name: str) -> NodeType:
    try:
        return NodeType(name.upper())
    except ValueError:
        message = f"there is no type {name[:60]!r}; there are: {', '.join(NodeType)}"
        raise invalid([Problem("UNKNOWN_NODE", message)]) from None


def _object(view: NodeTypeView) -> dict[str, Any]:
    return {
        "type": str(view.type),
        "subtype": view.subtype,
        "title": view.title,
        "description": view.description,
        "effect": str(view.ports.effect),
        "per_item": view.per_item,
        "inputs": view.ports.inputs,
        "outputs": list(view.ports.outputs),
        "credentials": [
            {"name": slot.name, "types": list(slot.types), "required": slot.required} for slot in view.credentials
        ],
        "parameters": view.parameters,
    }


def _print(view: NodeTypeView) -> None:
    pairs = [
        ("Node", view.name),
        ("Does", view.description),
        ("Runs", f"{view.ports.effect}, {'for each item' if view.per_item else 'once for all items'}"),
        ("Inputs", view.ports.inputs),
        ("Outputs", ", ".join(view.ports.outputs)),
    ]
    for slot in view.credentials:
        pairs.append(("Credential", f"{slot.name}: {' or '.join(slot.types)}{'' if slot.required else ' (optional)'}"))
    fields(pairs)
    if view.parameters is None:
        print("Its parameters are of any kind.")
        return
    for title, schema in _variants(view.parameters):
        required = schema.get("required", ())
        rows = [
            (name, _kind(part), "yes" if name in required else "", part.get("description", ""))
            for name, part in schema.get("properties", {}).items()
        ]
        print(f"\n{title}:")
        table(("PARAMETER", "TYPE", "REQUIRED", "MEANING"), rows)


def _variants(schema: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The schema itself, or those of its operations."""
    choices = schema.get("anyOf") or schema.get("oneOf")
    if not choices:
        return [("Parameters", schema)]
    found = []
    for choice in choices:
        part = schema["$defs"][choice["$ref"].rpartition("/")[2]] if "$ref" in choice else choice
        operation = part.get("properties", {}).get("operation", {}).get("const", part.get("title", ""))
        found.append((f"Parameters of {operation}", part))
    return found


def _kind(part: Mapping[str, Any], depth: int = 0) -> str:
    """A property's type in a few words."""
    if "const" in part:
        return repr(part["const"])
    if "enum" in part:
        return ", ".join(map(str, part["enum"]))
    if "anyOf" in part and depth < _DEPTH:
        return " or ".join(dict.fromkeys(_kind(choice, depth + 1) for choice in part["anyOf"]))
    kind = part.get("type", "object" if "$ref" in part else "any")
    if kind == "array" and depth < _DEPTH:
        return f"list of {_kind(part.get('items', {}), depth + 1)}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)

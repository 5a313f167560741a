"""Writes the node reference from the catalogue: `python -m docs.generate`; with `--check` says what is behind."""

import inspect
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from nodes.base import BaseNodeExecutor, NodeExecutor
from nodes.factory import Catalogue, load
from nodes.parameters import Structural
from orchestrator.model import NodeType
from orchestrator.plan import ERROR_PORT

FOLDER = Path(__file__).parent / "nodes"
NOTES = Path(__file__).parent / "node_notes.toml"
HEAD = "<!-- Written by `python -m docs.generate`; change the catalogue or docs/node_notes.toml instead. -->"
EFFECTS = {
    "pure": "pure: it touches nothing outside, and runs together with its neighbours in one local activity",
    "effectful": "effectful: an activity of its own, named after the subtype",
    "control": "control: the workflow itself does it, without a worker being held",
}
INTRODUCTION = """# Node reference

Every node type of this release. Each page lists the type's subtypes, and each subtype's ports and parameters.

Every text parameter may hold `{{ … }}` expressions unless its row says otherwise: **no** means that the value must be
written out, because it shapes the node; **inside** means that the list itself must be written out, but texts in it may
hold expressions. What every node has besides its parameters (`retry`, `timeout`, `on_error`, …) and what expressions
see is in [semantics.md](../semantics.md).
"""


@dataclass(frozen=True)
class Row:
    """One parameter, as the table shows it."""

    name: str
    kind: str
    default: str
    expressions: str
    description: str


def pages(catalogue: Catalogue) -> dict[str, str]:
    """The text of every page by file name."""
    notes = tomllib.loads(NOTES.read_text(encoding="utf-8"))
    types = [node_type for node_type in NodeType if catalogue.subtypes(node_type)]
    found = {f"{node_type}.md": _page(catalogue, node_type, notes.get(node_type, {})) for node_type in types}
    return {"README.md": _index(catalogue, types), **found}


def _index(catalogue: Catalogue, types: list[NodeType]) -> str:
    lines = [HEAD, "", INTRODUCTION, "| type | subtype | what it does | runs |", "| --- | --- | --- | --- |"]
    for node_type in types:
        for subtype in catalogue.subtypes(node_type):
            executor = catalogue[node_type, subtype]
            link = f"[{subtype}]({node_type}.md#{subtype.lower()})"
            lines.append(f"| {node_type} | {link} | {_purpose(executor)} | {executor.effect} |")
    return "\n".join(lines) + "\n"


def _page(catalogue: Catalogue, node_type: NodeType, notes: Mapping[str, Any]) -> str:
    parts = [f"{HEAD}\n\n# {node_type}\n"]
    for subtype in catalogue.subtypes(node_type):
        parts.append("\n".join(_section(catalogue[node_type, subtype], subtype, notes.get(subtype, {}))))
    return "\n".join(parts)


def _section(executor: BaseNodeExecutor, subtype: str, notes: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {subtype}\n"
    own = inspect.getdoc(type(executor)) or ""
    yield " ".join(dict.fromkeys((_purpose(executor), own))) + "\n"
    yield f"- **Runs**: {EFFECTS[executor.effect.value]}."
    yield f"- **Ports**: {_ports(executor)}"
    yield f"- **Called**: {_called(executor)}.\n"
    model = executor.model if isinstance(executor, NodeExecutor) else None
    if model is not None and issubclass(model, RootModel):
        for variant in get_args(model.model_fields["root"].annotation):
            name = get_args(variant.model_fields["operation"].annotation)[0]
            yield f"### {subtype}: {name}\n\n{inspect.getdoc(variant)}\n"
            yield from _tables(variant, executor.literal)
    elif model is not None:
        yield from _tables(model, executor.literal)
    if notes.get("notes"):
        yield "### Worth knowing\n\n" + "\n".join(f"- {note}" for note in notes["notes"]) + "\n"
    yield from _examples(notes.get("examples", []))


def _purpose(executor: BaseNodeExecutor) -> str:
    return (inspect.getdoc(inspect.getmodule(type(executor))) or "").partition("\n")[0]


def _ports(executor: BaseNodeExecutor) -> str:
    written = type(executor).ports
    said = inspect.getdoc(written) if written is not BaseNodeExecutor.ports else "One input, one output."
    names = ", ".join(f"`{name}`" for name in executor.ports({}).outputs)
    shown = f" Outputs without parameters: {names}." if names and names != "`main`" else ""
    more = f" With `on_error: error_output` also `{ERROR_PORT}`." if executor.ports({}).inputs else ""
    return f"{said}{shown}{more}"


def _called(executor: BaseNodeExecutor) -> str:
    if type(executor).runs_per_item is not BaseNodeExecutor.runs_per_item:
        return "for each item or once for all of them, as its parameters say"
    return "for each item" if executor.per_item else "once, with all items"


def _tables(model: type[BaseModel], literal: frozenset[str]) -> Iterator[str]:
    rows = list(_rows(model, literal))
    if not rows:
        yield "It takes no parameters.\n"
        return
    yield _table(rows)
    for nested, fixed in _nested(model).items():
        yield f"**{_title(nested)}**: {inspect.getdoc(nested)}\n"
        yield _table(list(_rows(nested, frozenset(), fixed=fixed)))


def _table(rows: list[Row]) -> str:
    head = "| parameter | type | default | expressions | meaning |\n| --- | --- | --- | --- | --- |"
    cells = ((f"`{row.name}`", row.kind, row.default, row.expressions, row.description) for row in rows)
    lines = ("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in cells)
    return "\n".join([head, *lines]) + "\n"


def _rows(model: type[BaseModel], literal: frozenset[str], *, fixed: bool = False) -> Iterator[Row]:
    schema = model.model_json_schema(by_alias=True)
    for name, field in model.model_fields.items():
        shown = field.alias or name
        mark = _mark(field)
        written_out = fixed or shown in literal or (mark is not None and mark.deep)
        expressions = "no" if written_out else "inside" if mark else "yes"
        kind = _kind(schema["properties"][shown])
        yield Row(shown, kind, _default(field), expressions, (field.description or "").replace("\n", " "))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    return "–" if value is None else f"`{json.dumps(value)}`"


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return f"{_spaced(schema['$ref'].rsplit('/', 1)[-1])} object"
    if "anyOf" in schema:
        return " or ".join(_kind(part) for part in schema["anyOf"] if part.get("type") != "null")
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    match schema.get("type"):
        case "array":
            return f"list of {_kind(schema.get('items', {}))}"
        case "object":
            values = schema.get("additionalProperties")
            return f"object of {_kind(values)}" if isinstance(values, dict) and values else "object"
        case "string":
            return "text"
        case "integer":
            return "whole number" + _bounds(schema)
        case "boolean":
            return "true or false"
        case "number":
            return "number" + _bounds(schema)
        case [*_] if schema.get("format") == "duration":
            return "duration"
    return "any value"


def _bounds(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f", {least:,} to {most:,}"
    if least is not None:
        return f", at least {least:,}"
    return f", at most {most:,}" if most is not None else ""


def _mark(field: FieldInfo) -> Structural | None:
    return next((mark for mark in field.metadata if isinstance(mark, Structural)), None)


def _nested(model: type[BaseModel]) -> dict[type[BaseModel], bool]:
    """The models inside a model's fields in order of appearance, and whether nothing in them may be an expression."""
    found: dict[type[BaseModel], bool] = {}
    for field in model.model_fields.values():
        mark = _mark(field)
        for inner in _models_in(field.annotation):
            fixed = mark is not None and mark.deep
            found |= {inner: fixed, **{deeper: fixed or own for deeper, own in _nested(inner).items()}}
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _title(model: type[BaseModel]) -> str:
    return f"{_spaced(model.__name__)} object"


def _spaced(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


def _examples(examples: list[dict[str, str]]) -> Iterator[str]:
    for example in examples:
        yield f"**Example**: {example['title']}\n"
        yield f"```json\n{example['parameters'].strip()}\n```\n"
        if "output" in example:
            yield f"Input items:\n\n```json\n{example['input'].strip()}\n```\n"
            yield f"Output items by port:\n\n```json\n{example['output'].strip()}\n```\n"


def behind(found: Mapping[str, str]) -> list[str]:
    """The files that aren't as they would be written now, or that are left over."""
    old = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.md")}
    return sorted(name for name in {*old, *found} if old.get(name) != found.get(name))


def main(arguments: list[str]) -> int:
    """Writes, or with --check compares; the exit code says whether all is well."""
    found = pages(load())
    stale = behind(found)
    if arguments == ["--check"]:
        for name in stale:
            print(f"docs/nodes/{name} is behind the catalogue: run `python -m docs.generate`")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        if name in found:
            (FOLDER / name).write_text(found[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
        print("wrote" if name in found else "removed", f"docs/nodes/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

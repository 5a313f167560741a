"""Describes parameters and credentials as JSON Schema with hints for forms.

Beside what pydantic says, each property has `x-order` (its place) and, where they apply: `x-widget` ("code" or
"multiline"), `x-enum-labels` (names for people, by value), `x-expression: false` (it must be written out). A field says
more of itself by `json_schema_extra`. Secrets have the standard `"writeOnly": true`.
"""

from collections.abc import Collection, Iterator
from typing import Any

from pydantic import BaseModel

from nodes.parameters import Structural

# Texts that are usually longer than a line.
_LONG = frozenset(
    {"body", "text", "html", "message", "content", "document", "prompt", "system_prompt", "comment", "schema"}
)
_WRITTEN = {"api": "API", "id": "ID", "url": "URL", "html": "HTML", "http": "HTTP", "json": "JSON", "csv": "CSV"}
_WRITTEN |= {"xml": "XML", "smtp": "SMTP", "imap": "IMAP", "tls": "TLS", "xlsx": "XLSX", "oauth2": "OAuth 2"}
_WRITTEN |= {"mb": "MB", "mcp": "MCP", "github": "GitHub", "javascript": "JavaScript"}


def schema_of(model: type[BaseModel], code: Collection[str] = ()) -> dict[str, Any]:
    """The model's JSON Schema with hints; `code` names the fields that hold programs."""
    schema = model.model_json_schema()
    models = {found.__name__: found for found in _models(model)}
    for name, part in [(model.__name__, schema), *schema.get("$defs", {}).items()]:
        if "properties" in part:
            _hint(part["properties"], models.get(name), code)
    return schema


def label(name: str) -> str:
    """A name of ours as people write it: `full_response` is "Full response"."""
    words = [_WRITTEN.get(word.lower(), word.lower()) for word in name.replace("-", "_").split("_") if word]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def _hint(properties: dict[str, dict[str, Any]], model: type[BaseModel] | None, code: Collection[str]) -> None:
    fields = {field.alias or name: field for name, field in model.model_fields.items()} if model else {}
    for order, (name, part) in enumerate(properties.items()):
        part["title"] = fields[name].title or label(name) if name in fields else label(name)
        part["x-order"] = order
        if name in code:
            part.setdefault("x-widget", "code")
        elif name in _LONG and part.get("type") == "string":
            part.setdefault("x-widget", "multiline")
        if name in fields and any(isinstance(mark, Structural) for mark in fields[name].metadata):
            part["x-expression"] = False
        for choice in _choices(part):
            choice.setdefault("x-enum-labels", {value: label(value) for value in choice["enum"] if value})


def _choices(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for candidate in (part, part.get("items"), *part.get("anyOf", ())):
        if isinstance(candidate, dict) and all(isinstance(value, str) for value in candidate.get("enum", [0])):
            yield candidate


def _models(model: Any) -> Iterator[type[BaseModel]]:
    """The model and all that its fields hold."""
    seen: set[type[BaseModel]] = set()
    pending: list[Any] = [model]
    while pending:
        current = pending.pop()
        if isinstance(current, type) and issubclass(current, BaseModel):
            if current in seen:
                continue
            seen.add(current)
            yield current
            pending += [field.annotation for field in current.model_fields.values()]
        else:
            pending += getattr(current, "__args__", ())

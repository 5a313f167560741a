"""Structured output: what of a JSON Schema the providers can hold a model to, and how else it is told."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator import exact_json

Schema = dict[str, Any]
_KEY = "answer"
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(?P<inside>.*?)\n?\s*```\s*", re.DOTALL)
# What OpenAI's strict mode takes.
_STRICT = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref", "$defs"}
    | {"description", "title", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    | {"multipleOf", "minItems", "maxItems"}
)
_UNBOUND = frozenset(
    {"not", "if", "then", "else", "patternProperties", "dependentSchemas", "prefixItems", "$dynamicRef"}
)


@dataclass(frozen=True)
class Form:
    """The schema that is sent: of an object, which providers insist on; anything else is put into one."""

    schema: Schema
    is_wrapped: bool

    @classmethod
    def of(cls, schema: Schema) -> "Form":
        """The form for a schema."""
        if schema.get("type") == "object" or ("type" not in schema and "properties" in schema):
            return cls({"type": "object", **schema}, is_wrapped=False)
        definitions: Schema = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
        inner = {key: value for key, value in schema.items() if key not in definitions and key != "$schema"}
        return cls(
            {
                "type": "object",
                "properties": {_KEY: inner},
                "required": [_KEY],
                "additionalProperties": False,
                **definitions,
            },
            is_wrapped=True,
        )

    def read(self, text: str) -> str:
        """The answer's JSON text, taken out of what was put around it."""
        fenced = _FENCED.fullmatch(text)
        text = fenced["inside"] if fenced else text
        if not self.is_wrapped:
            return text
        try:
            found = exact_json.loads(text)
        except exact_json.NotJson:
            return text
        return exact_json.dumps(found[_KEY]) if isinstance(found, dict) and set(found) == {_KEY} else text

    @property
    def instruction(self) -> str:
        """What a model is told that can't be held to the schema."""
        return (
            "Answer with nothing but JSON that fits this JSON Schema, without a code fence:\n"
            f"{exact_json.dumps(self.schema)}"
        )


def is_strict(schema: Schema) -> bool:
    """Whether OpenAI's strict mode takes it: every object closed, every property required."""
    for part in _parts(schema):
        if not set(part) <= _STRICT:
            return False
        if _is_object(part) and (
            part.get("additionalProperties") is not False or set(part.get("required", ())) != set(_properties(part))
        ):
            return False
    return "anyOf" not in schema


def is_closed(schema: Schema) -> bool:
    """Whether it says the same when every object takes its named properties only, and nothing recurs."""
    for part in _parts(schema):
        if part.keys() & _UNBOUND or (_is_object(part) and (not _properties(part) or part.get("additionalProperties"))):
            return False
        if not part.keys() & {"type", "anyOf", "oneOf", "allOf", "enum", "const", "$ref"}:
            return False
    return not _recurs(schema)


def single_typed(schema: Any) -> Any:
    """The same schema with alternatives instead of lists of types."""
    if isinstance(schema, list):
        return [single_typed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: value if key in ("enum", "const") else single_typed(value) for key, value in schema.items()}
    kinds = plain.get("type")
    if not isinstance(kinds, list) or any(isinstance(kind, dict) for kind in kinds):
        return plain
    rest = {key: value for key, value in plain.items() if key not in ("type", "description")}
    about = {"description": plain["description"]} if "description" in plain else {}
    return {**about, "anyOf": [{"type": "null"} if kind == "null" else {**rest, "type": kind} for kind in kinds]}


def _is_object(part: Schema) -> bool:
    kinds = part.get("type")
    return kinds == "object" or (isinstance(kinds, list) and "object" in kinds) or "properties" in part


def _properties(part: Schema) -> Schema:
    found = part.get("properties")
    return found if isinstance(found, dict) else {}


def _parts(schema: Any) -> Iterator[Schema]:
    """Every schema within one, itself first."""
    if not isinstance(schema, dict):
        return
    yield schema
    for key in ("properties", "$defs", "definitions"):
        named = schema.get(key)
        for child in named.values() if isinstance(named, dict) else ():
            yield from _parts(child)
    for key in ("items", "additionalProperties"):
        yield from _parts(schema.get(key))
    for key in ("anyOf", "oneOf", "allOf"):
        alternatives = schema.get(key)
        for child in alternatives if isinstance(alternatives, list) else ():
            yield from _parts(child)


def _recurs(schema: Schema) -> bool:
    definitions = {
        f"#/{key}/{name}": part for key in ("$defs", "definitions") for name, part in schema.get(key, {}).items()
    }

    def reaches(part: Any, path: frozenset[str]) -> bool:
        for child in _parts(part):
            target = child.get("$ref")
            if target is not None and (
                target in path or target not in definitions or reaches(definitions[target], path | {target})
            ):
                return True
        return False

    return reaches(schema, frozenset())

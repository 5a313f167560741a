"""Turns a description's schemas into JSON Schema that stands alone."""

from collections.abc import Mapping
from typing import Any, Literal

from nodes.json_schema import InvalidSchema, Schema
from nodes.openapi.description import Description
from nodes.openapi.failure import invalid_spec, object_at

Direction = Literal["request", "response"]
_SINGLE = (
    *("items", "additionalProperties", "additionalItems", "not", "if", "then", "else", "contains"),
    *("propertyNames", "unevaluatedItems", "unevaluatedProperties"),
)
_MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
# Whose identifiers would change what references mean, or that only describe.
_DROPPED = frozenset({"$id", "$schema", "$anchor", "nullable", "example", "examples", "xml", "externalDocs"})
_MOST_REFERENCES = 5000


def compiled(description: Description, schema: Any, direction: Direction, *where: str) -> Schema:
    """The schema at a place of the description, to check what goes one way; PermanentError if it can't be used."""
    key = (direction, *where)
    if key not in description.compiled:
        try:
            standing = standalone(description, schema, direction)
            description.compiled[key] = Schema(standing, formats=direction == "request")
        except InvalidSchema as error:
            raise invalid_spec(f"has a schema of {' '.join(where)} that can't be used: {error}") from None
    return description.compiled[key]


def standalone(description: Description, schema: Any, direction: Direction) -> dict[str, Any] | bool:
    """A schema of the description with everything that it refers to."""
    collected = _Conversion(description, direction)
    root = collected.schema(schema)
    collected.finish()
    if not collected.definitions:
        return root
    return {"allOf": [root], "$defs": collected.definitions}


class _Conversion:
    """Copies schemas, and collects those that they refer to."""

    def __init__(self, description: Description, direction: Direction) -> None:
        self._description = description
        self._hidden = "readOnly" if direction == "request" else "writeOnly"
        self._names: dict[str, str] = {}
        self._waiting: list[str] = []
        self.definitions: dict[str, Any] = {}

    def finish(self) -> None:
        """Converts what is referred to, until nothing new is."""
        while self._waiting:
            reference = self._waiting.pop()
            self.definitions[self._names[reference]] = self.schema(self._description.target(reference))

    def schema(self, given: Any) -> dict[str, Any] | bool:
        """One schema, converted."""
        if isinstance(given, bool):
            return given
        if not isinstance(given, Mapping):
            raise invalid_spec(f"has {type(given).__name__} where a schema is expected")
        if "$ref" in given:
            link = {"$ref": f"#/$defs/{self._name(given['$ref'])}"}
            beside = {key: value for key, value in given.items() if key != "$ref"}
            if self._description.nullable or not beside:
                return link
            return {"allOf": [link, self.schema(beside)]}
        converted = {key: self._keyword(key, value) for key, value in given.items() if key not in _DROPPED}
        if isinstance(given.get("required"), list):
            converted["required"] = self._required(given)
        return _modern(given, converted) if self._description.nullable else converted

    def _keyword(self, key: str, value: Any) -> Any:
        if key in _SINGLE and not isinstance(value, list):
            return self.schema(value)
        if key in _MAPS and isinstance(value, Mapping):
            return {name: self.schema(child) for name, child in value.items()}
        if (key in _LISTS or key in _SINGLE) and isinstance(value, list):
            return [self.schema(child) for child in value]
        return value

    def _required(self, given: Mapping[str, Any]) -> list[str]:
        """What must be there when it goes this way: what only goes the other way needn't."""
        properties = object_at(given.get("properties"), "a schema's properties")
        names = [name for name in given["required"] if isinstance(name, str)]
        return [name for name in names if not self._one_way(properties.get(name))]

    def _one_way(self, schema: Any) -> bool:
        if isinstance(schema, Mapping) and "$ref" in schema:
            schema = self._description.resolved(schema)
        return isinstance(schema, Mapping) and schema.get(self._hidden) is True

    def _name(self, reference: Any) -> str:
        self._description.target(reference)
        if reference not in self._names:
            if len(self._names) >= _MOST_REFERENCES:
                raise invalid_spec(f"has a schema that refers to more than {_MOST_REFERENCES} others")
            self._names[reference] = f"s{len(self._names)}"
            self._waiting.append(reference)
        return self._names[reference]


def _modern(given: Mapping[str, Any], converted: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI 3.0 writes in its own way, as JSON Schema has it."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(given.get(exclusive), bool):
            del converted[exclusive]
            if given[exclusive] and bound in converted:
                converted[exclusive] = converted.pop(bound)
    if given.get("nullable") is not True:
        return converted
    if isinstance(given.get("type"), str) and not any(key in given for key in (*_LISTS, "not")):
        converted["type"] = [given["type"], "null"]
        if isinstance(given.get("enum"), list) and None not in given["enum"]:
            converted["enum"] = [*given["enum"], None]
        return converted
    return {"anyOf": [{"type": "null"}, converted]}

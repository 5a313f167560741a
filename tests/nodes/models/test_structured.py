"""Which schemas a provider holds a model to, and what is read out of the answers."""

from typing import Any

import pytest

from nodes.models.structured import Form, is_closed, is_strict, single_typed

CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
TREE = {
    "type": "object",
    "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
    "$defs": {
        "Node": {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}}}
    },
}


@pytest.mark.parametrize(
    ("schema", "strict", "closed"),
    [
        (CLOSED, True, True),
        ({**CLOSED, "additionalProperties": True}, False, False),
        ({key: CLOSED[key] for key in ("type", "properties", "required")}, False, True),
        ({**CLOSED, "required": []}, False, True),
        ({**CLOSED, "properties": {"a": {"type": ["string", "null"]}}}, True, True),
        ({**CLOSED, "properties": {"a": {"type": "object"}}}, False, False),
        ({**CLOSED, "properties": {"a": {}}}, True, False),
        ({**CLOSED, "properties": {"a": {"oneOf": [{"type": "string"}]}}}, False, True),
        ({**CLOSED, "properties": {"a": {"not": {}, "type": "string"}}}, False, False),
        ({**CLOSED, "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}, True, True),
        ({**CLOSED, "properties": {"a": {"$ref": "#/$defs/B"}}, "$defs": {"A": {"type": "string"}}}, True, False),
        (TREE, False, False),
    ],
)
def test_what_a_schema_is(schema: dict[str, Any], strict: bool, closed: bool) -> None:
    assert (is_strict(schema), is_closed(schema)) == (strict, closed)


@pytest.mark.parametrize(
    ("schema", "text", "read"),
    [
        (CLOSED, '{"a": "b"}', '{"a": "b"}'),
        (CLOSED, ' ```json\n{"a": "b"}\n``` ', '{"a": "b"}'),
        (CLOSED, "```\n{}\n```", "{}"),
        (CLOSED, "no JSON", "no JSON"),
        ({"type": "number"}, '{"answer": 0.1000000000000000000001}', "0.1000000000000000000001"),
        ({"type": "string"}, '{"answer": "ä"}', '"ä"'),
        ({"type": "string"}, '"bare"', '"bare"'),
        ({"type": "string"}, '{"answer', '{"answer'),
    ],
)
def test_what_is_read(schema: dict[str, Any], text: str, read: str) -> None:
    assert Form.of(schema).read(text) == read


def test_definitions_stay_at_the_root() -> None:
    form = Form.of({"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}, "$schema": "x"})
    assert form.schema["$defs"] == {"A": {"type": "string"}}
    assert form.schema["properties"] == {"answer": {"$ref": "#/$defs/A"}}
    assert is_strict(form.schema)


def test_lists_of_types_become_alternatives() -> None:
    schema = {"type": ["integer", "null"], "minimum": 1, "description": "d", "enum": [{"type": ["x"]}]}
    one, other = single_typed(schema)["anyOf"]
    assert one == {"type": "integer", "minimum": 1, "enum": [{"type": ["x"]}]}
    assert other == {"type": "null"}
    assert single_typed({"properties": {"type": {"type": "string"}}}) == {"properties": {"type": {"type": "string"}}}

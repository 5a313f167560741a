"""JSON Schemas of the contract's messages, as proto3 JSON writes them."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from services.gateway.comments import comments

Schema = dict[str, Any]
_KINDS: dict[int, Schema] = {
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "format": "uint32", "minimum": 0},
    # JSON's numbers are doubles to many readers.
    FieldDescriptor.CPPTYPE_INT64: {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"},
    FieldDescriptor.CPPTYPE_UINT64: {"type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?s$"},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Value": {},
}


class Schemas:
    """Collects the schemas of messages, and of those that they refer to."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}

    def of(self, message: Any) -> Schema:
        """A reference to a message's schema."""
        if message.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[message.full_name])
        if message.name not in self.found:
            self.found[message.name] = {}
            self.found[message.name] = self._message(message)
        return {"$ref": f"#/components/schemas/{message.name}"}

    def of_field(self, field: Any) -> Schema:
        """The schema of a field's value."""
        if _is_map(field):
            return {"type": "object", "additionalProperties": self._single(field.message_type.fields_by_name["value"])}
        single = self._single(field)
        return {"type": "array", "items": single} if field.is_repeated else single

    def without(self, message: Any, left_out: Iterable[str]) -> Schema:
        """A message's schema without some fields, which are given in another way."""
        return self._message(message, frozenset(left_out))

    def _message(self, message: Any, left_out: frozenset[str] = frozenset()) -> Schema:
        fields = [field for field in message.fields if field.name not in left_out]
        schema: Schema = {"type": "object", "properties": {field.json_name: self._described(field) for field in fields}}
        said = comments().get(message.name)
        return schema | ({"description": said} if said else {}) | {"additionalProperties": False}

    def _described(self, field: Any) -> Schema:
        said = comments().get(f"{field.containing_type.name}.{field.name}")
        return self.of_field(field) | ({"description": said} if said else {})

    def _single(self, field: Any) -> Schema:
        if field.message_type is not None:
            return self.of(field.message_type)
        if field.enum_type is not None:
            return self._enumeration(field.enum_type)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return {"type": "string", "contentEncoding": "base64"}
        return dict(_KINDS.get(field.cpp_type, {"type": "string"}))

    def _enumeration(self, enumeration: Any) -> Schema:
        self.found[enumeration.name] = {"type": "string", "enum": [value.name for value in enumeration.values]}
        return {"$ref": f"#/components/schemas/{enumeration.name}"}


def _is_map(field: Any) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)

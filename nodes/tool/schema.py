"""The JSON Schema of a model's fields, as an agent is given it."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel


def model_schema(model: type[BaseModel], *, hidden: Iterable[str] = ()) -> Mapping[str, Any]:
    """The schema without titles, and without the fields that are `hidden` because the node sets them."""
    schema: dict[str, Any] = _untitled(model.model_json_schema())
    unseen = set(hidden)
    schema["properties"] = {name: field for name, field in schema.get("properties", {}).items() if name not in unseen}
    if "required" in schema:
        schema["required"] = [name for name in schema["required"] if name not in unseen]
    schema.pop("description", None)
    return {**schema, "additionalProperties": False}


def _untitled(value: Any, *, names: bool = False) -> Any:
    """A copy without the keyword `title`; `names` says that the keys are names of fields, not keywords."""
    if isinstance(value, dict):
        return {
            key: _untitled(child, names=key in ("properties", "$defs") and not names)
            for key, child in value.items()
            if names or key != "title" or not isinstance(child, str)
        }
    return [_untitled(child) for child in value] if isinstance(value, list) else value

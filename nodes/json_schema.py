"""Checks JSON values against a JSON Schema; it fetches nothing, and no pattern can take long."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from orchestrator.exact_json import dotted

MOST_PROBLEMS = 10
_LONGEST_MESSAGE = 300
_BACKTRACKS = 100_000
_KNOWN_DIALECTS = ("http://json-schema.org/", "https://json-schema.org/")


class InvalidSchema(ValueError):
    """A schema that can't be used: why."""


class Schema:
    """A compiled JSON Schema, of draft 2020-12 unless it says otherwise."""

    def __init__(self, schema: Mapping[str, Any] | bool, *, formats: bool = False) -> None:
        """InvalidSchema if it is none. `formats`: whether `format` is checked, too."""
        try:
            self._validator = jsonschema_rs.validator_for(
                _plain(schema),
                validate_formats=formats,
                offline=True,
                pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
            raise InvalidSchema(_cut(str(error).split("\n", 1)[0])) from None

    def problems(self, value: Any, name: str = "") -> list[str]:
        """One sentence for each thing that is wrong, beginning with the path of what it is about."""
        return [sentence for _, sentence in zip(range(MOST_PROBLEMS), self._sentences(value, name), strict=False)]

    def _sentences(self, value: Any, name: str) -> Iterator[str]:
        try:
            for error in self._validator.iter_errors(value):
                yield from _sentence(error, name)
        except ValueError as problem:
            yield f"{name or 'the value'} can't be checked: {_cut(str(problem))}"


def _sentence(error: jsonschema_rs.ValidationError, name: str) -> Iterator[str]:
    path = list(error.instance_path)
    detail = error.kind.as_dict()
    if error.kind.name == "required":
        yield f"{_at(name, [*path, detail['property']])} is missing"
    elif error.kind.name == "additionalProperties":
        for unexpected in detail["unexpected"]:
            yield f"{_at(name, [*path, unexpected])} is unknown"
    else:
        yield f"{_at(name, path)}: {_cut(error.message)}"


def _at(name: str, path: list[str | int]) -> str:
    return f'"{dotted([name, *path] if name else path)[:200]}"' if name or path else "the value"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:200]}…{text[-80:]}"


def _plain(schema: Mapping[str, Any] | bool) -> dict[str, Any] | bool:
    if isinstance(schema, bool):
        return schema
    if str(schema.get("$schema", "")).startswith(_KNOWN_DIALECTS):
        return dict(schema)
    return {key: value for key, value in schema.items() if key != "$schema"}

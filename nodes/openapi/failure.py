"""The errors of descriptions, and what their parts must be."""

from collections.abc import Mapping
from typing import Any

from nodes.errors import PermanentError
from nodes.values import kind


def invalid_spec(problem: str, hint: str = "correct the description, or report it to its vendor") -> PermanentError:
    """A description that can't be used."""
    return PermanentError(f'the parameter "spec" {problem}', code="INVALID_SPEC", hint=hint)


def object_at(value: Any, what: str) -> Mapping[str, Any]:
    """An object of a description, an empty one if it is left out; PermanentError if it is something else."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise invalid_spec(f"has {kind(value)} as {what}, where an object is expected")
    return value


def list_at(value: Any, what: str) -> list[Any]:
    """A list of a description, an empty one if it is left out; PermanentError if it is something else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid_spec(f"has {kind(value)} as {what}, where a list is expected")
    return value

"""Reads a description's text, JSON or YAML, into plain JSON values."""

import datetime
import re
from collections.abc import Mapping
from typing import Any

import yaml

from nodes.openapi.failure import invalid_spec
from orchestrator import exact_json

LARGEST = 32 * 1024 * 1024
_MOST_VALUES = 3_000_000
_DEEPEST = 200
_Base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[valid-type,misc]
    """YAML as OpenAPI has it: no dates, and only true and false are boolean."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read(text: str) -> dict[str, Any]:
    """The description that a text holds; PermanentError if it holds none."""
    if len(text) > LARGEST:
        raise invalid_spec(f"is longer than {LARGEST >> 20} MiB")
    try:
        value = exact_json.loads(text) if text.lstrip()[:1] in ("{", "[") else yaml.load(text, Loader=_Loader)
    except exact_json.NotJson as error:
        raise invalid_spec(f"is no JSON: {str(error)[:200]}") from None
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise invalid_spec(f"is no YAML: {error.problem or error.context}{where}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise invalid_spec(f"can't be read: {str(error)[:200] or type(error).__name__}") from None
    if not isinstance(value, Mapping):
        raise invalid_spec("is no description: it must be an object")
    return plain(value)


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a description as JSON has it; PermanentError if it is too large."""
    described: dict[str, Any] = _Plain().value(value, 0)
    return described


class _Plain:
    """Copies a value as JSON has it; repeated YAML aliases can't make it grow without end."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def value(self, given: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            raise invalid_spec("is too large, or nested too deeply")
        if isinstance(given, Mapping):
            return {str(key): self.value(child, depth + 1) for key, child in given.items()}
        if isinstance(given, list):
            return [self.value(child, depth + 1) for child in given]
        return given.isoformat() if isinstance(given, datetime.date) else given

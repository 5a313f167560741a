"""Reads docker-compose.yml as Docker Compose does: with its variables filled in."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$\{(\w+)(:-|:\?)?([^}]*)\}")


def services(given: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The services, with `given` as the content of .env."""
    found: dict[str, dict[str, Any]] = document(given)["services"]
    return found


def document(given: dict[str, str]) -> dict[str, Any]:
    """The whole file without its templates; KeyError names a variable that must be given and isn't."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    loaded = yaml.safe_load(_VARIABLE.sub(lambda match: _value(match, given), text))
    return {key: value for key, value in loaded.items() if not key.startswith("x-")}


def _value(match: re.Match[str], given: dict[str, str]) -> str:
    name, operator, rest = match.groups()
    if given.get(name):
        return given[name]
    if operator == ":-":
        return str(rest)
    raise KeyError(name)

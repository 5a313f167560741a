"""Writes parameters as OpenAPI's styles have them: simple, form, label, matrix, deepObject and so on."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from nodes.errors import PermanentError
from nodes.values import as_text, kind
from orchestrator import exact_json

Pairs = list[tuple[str, str]]
_DEFAULTS = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
_SEPARATORS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "|"}
_DOTS = re.compile(r"(\.|%2e){1,2}", re.IGNORECASE)


def in_path(parameter: Mapping[str, Any], value: Any) -> str:
    """A value inside a path, encoded so that it can't leave its place."""
    if "content" in parameter:
        return escaped(_json(parameter, value))
    style, explode = _style(parameter)
    if style == "label":
        return "." + _joined(value, "." if explode else ",", explode)
    if style == "matrix":
        return _matrix(str(parameter["name"]), value, explode)
    return _joined(value, ",", explode)


def in_query(parameter: Mapping[str, Any], value: Any) -> Pairs:
    """Names and values of a query, both encoded."""
    name = escaped(str(parameter["name"]))
    write = _reserved if parameter.get("allowReserved") is True else escaped
    if "content" in parameter:
        return [(name, escaped(_json(parameter, value)))]
    style, explode = _style(parameter)
    if style == "deepObject" and isinstance(value, Mapping):
        return [(f"{name}%5B{escaped(key)}%5D", write(_text(child))) for key, child in _entries(value)]
    if isinstance(value, Mapping):
        if explode:
            return [(escaped(key), write(_text(child))) for key, child in _entries(value)]
        return [
            (name, ",".join(part for key, child in _entries(value) for part in (escaped(key), write(_text(child)))))
        ]
    if isinstance(value, list):
        if explode:
            return [(name, write(_text(child))) for child in value]
        return [(name, _SEPARATORS.get(style, ",").join(write(_text(child)) for child in value))]
    return [(name, write(_text(value)))]


def in_header(parameter: Mapping[str, Any], value: Any) -> str:
    """A header's value; it isn't encoded."""
    return _json(parameter, value) if "content" in parameter else _joined(value, ",", _style(parameter)[1], str)


def in_cookie(parameter: Mapping[str, Any], value: Any) -> Pairs:
    """Names and values of cookies, both encoded."""
    return in_query({**parameter, "allowReserved": False}, value)


def filled(template: str, values: Mapping[str, str]) -> str:
    """A path with its placeholders replaced by encoded values; PermanentError if one would lead elsewhere."""
    before = [bool(_DOTS.fullmatch(step)) for step in template.split("/")]
    path = re.sub(r"\{([^{}]+)\}", lambda found: values[found[1]], template)
    for literal, step in zip(before, path.split("/"), strict=True):
        if not literal and _DOTS.fullmatch(step):
            raise PermanentError(
                'an argument of the path is "." or "..", which would lead to another path', code="INVALID_ARGUMENTS"
            )
    return path


def escaped(text: str) -> str:
    """Text with everything encoded but letters, digits and -._~"""
    return quote(text, safe="")


def _reserved(text: str) -> str:
    # What would end the value, or the query, is encoded all the same.
    return quote(text, safe=":/?[]@!$'()*,;")


def _style(parameter: Mapping[str, Any]) -> tuple[str, bool]:
    style = str(parameter.get("style", _DEFAULTS[str(parameter["in"])]))
    return style, bool(parameter.get("explode", style == "form"))


def _joined(value: Any, separator: str, explode: bool, write: Callable[[str], str] = escaped) -> str:
    if isinstance(value, Mapping):
        link = "=" if explode else ","
        between = separator if explode else ","
        return between.join(f"{write(key)}{link}{write(_text(child))}" for key, child in _entries(value))
    if isinstance(value, list):
        return separator.join(write(_text(child)) for child in value)
    return write(_text(value))


def _matrix(name: str, value: Any, explode: bool) -> str:
    if isinstance(value, Mapping) and explode:
        return "".join(f";{escaped(key)}={escaped(_text(child))}" for key, child in _entries(value))
    if isinstance(value, list) and explode:
        return "".join(f";{escaped(name)}={escaped(_text(child))}" for child in value)
    return f";{escaped(name)}={_joined(value, ',', False)}"


def _entries(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(str(key), child) for key, child in value.items() if child is not None]


def _text(value: Any) -> str:
    if kind(value) in ("list", "object"):
        raise PermanentError(
            "an argument holds a list or an object where the description's style has no way to write one",
            code="INVALID_ARGUMENTS",
        )
    return as_text(value)


def _json(parameter: Mapping[str, Any], value: Any) -> str:
    return value if isinstance(value, str) and "json" not in " ".join(parameter["content"]) else exact_json.dumps(value)

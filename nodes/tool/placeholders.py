"""A URL with {placeholders}: values fill them without leaving their place."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nodes.errors import PermanentError
from nodes.parameters import misuse
from nodes.values import as_text, kind, shown

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]{0,63})\}")
_DOTS = re.compile(r"(\.|%2e){1,2}", re.IGNORECASE)


def names_in(url: str) -> list[str]:
    """The placeholders, each once, in their order."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(url)))


def check(url: str) -> str:
    """The URL itself; PydanticCustomError if a placeholder could choose the server."""
    start = url.find("://") + 3 if "://" in url else 0
    end = next((start + at for at, letter in enumerate(url[start:]) if letter in "/?#"), len(url))
    if "{" in url[:end]:
        raise misuse("has a placeholder before its path; the server must be written out")
    if "{" in _PLACEHOLDER.sub("", url):
        raise misuse('has a "{" that begins no placeholder; a placeholder is a name such as {id}')
    return url


def fill(url: str, arguments: Mapping[str, Any]) -> str:
    """The URL with every value encoded; PermanentError names an argument that can't stand there."""
    path, mark, query = url.partition("?")
    steps = [_filled(step, arguments, in_path=True) for step in path.split("/")]
    return "/".join(steps) + mark + _filled(query, arguments, in_path=False)


def _filled(template: str, arguments: Mapping[str, Any], *, in_path: bool) -> str:
    text = _PLACEHOLDER.sub(lambda found: quote(_text(found[1], arguments, in_path), safe=""), template)
    if in_path and text != template and _DOTS.fullmatch(text):
        raise _unfit(_PLACEHOLDER.findall(template)[0], 'makes a step "." or ".." of the path, which leads elsewhere')
    return text


def _text(name: str, arguments: Mapping[str, Any], in_path: bool) -> str:
    value = arguments.get(name)
    if value is None:
        raise _unfit(name, "is missing; the URL needs it")
    if kind(value) in ("list", "object"):
        raise _unfit(name, f"is {shown(value)}; in a URL it must be text, a number or a boolean")
    text = as_text(value)
    if in_path and not text:
        raise _unfit(name, "is empty, but is a step of the URL's path")
    return text


def _unfit(name: str, problem: str) -> PermanentError:
    return PermanentError(f'"arguments.{name}" {problem}', code="INVALID_ARGUMENTS")

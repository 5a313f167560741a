"""Finds what a node leaves to a model: the calls of `$fromAI` in its parameters, and the schema that they make."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator import expression
from orchestrator.compiler import templates
from orchestrator.javascript import Token
from orchestrator.model import Node

ROOT = "$fromAI"
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
TYPES: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "array": {"type": "array"},
    "json": {},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None, "undefined": None}
_OPENING, _CLOSING = ("(", "[", "{", "${"), (")", "]", "}")


class FromAiError(ValueError):
    """A call of `$fromAI` that can't be read: which parameter, and why."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(f'the parameter "{parameter[:100]}": {message}')
        self.parameter = parameter


@dataclass(frozen=True)
class Argument:
    """What a model is asked for; `default` counts only if it is `optional`, and is None where it is computed."""

    name: str
    description: str
    type: str
    optional: bool
    default: Any = None

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        described = {"description": self.description} if self.description else {}
        default = {"default": self.default} if self.default is not None else {}
        return {**TYPES[self.type], **described, **default}


def arguments_of(node: Node, literal: frozenset[str] = frozenset()) -> dict[str, Argument]:
    """The arguments that a node asks a model for, by name; FromAiError if a call can't be read."""
    found: dict[str, Argument] = {}
    for parameter, text in templates(node, literal):
        try:
            parts = expression.parse(text).expressions
        except expression.TemplateError:
            continue  # validation says so
        for part in parts:
            for one in _calls(parameter, part.tokens):
                found[one.name] = _agreed(parameter, found.get(one.name), one)
    return found


def asks(node: Node, literal: frozenset[str] = frozenset()) -> bool:
    """Whether a node leaves anything to a model."""
    return any(ROOT in text for _, text in templates(node, literal))


def schema_of(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    """The JSON Schema of a call's arguments."""
    return {
        "type": "object",
        "properties": {name: one.schema for name, one in arguments.items()},
        "required": [name for name, one in arguments.items() if not one.optional],
        "additionalProperties": False,
    }


def _calls(parameter: str, tokens: Sequence[Token]) -> Iterator[Argument]:
    for position, token in enumerate(tokens):
        if token.kind != "name" or token.value != ROOT:
            continue
        opens = tokens[position + 1 : position + 2]
        if not opens or opens[0].value != "(":
            raise FromAiError(parameter, f"{ROOT} must be called, as in {ROOT}('city', 'The city to look up')")
        yield _argument(parameter, list(_given(tokens, position + 2)))


def _given(tokens: Sequence[Token], start: int) -> Iterator[list[Token]]:
    """The tokens of each argument of a call."""
    depth, current = 0, list[Token]()
    for token in tokens[start:]:
        mark = token.value if token.kind == "punctuator" else ""
        if depth == 0 and mark in (")", ","):
            if current:
                yield current
            current = []
            if mark == ")":
                return
            continue
        depth += (mark in _OPENING) - (mark in _CLOSING)
        current.append(token)


def _argument(parameter: str, given: Sequence[Sequence[Token]]) -> Argument:
    name, description, kind = (_text(given[place]) if place < len(given) else "" for place in range(3))
    if name is None or description is None or kind is None:
        message = f"the name, description and type of {ROOT} must be written out as texts"
        raise FromAiError(parameter, message)
    if not _NAME.fullmatch(name):
        message = f"{ROOT} needs a name of letters, digits, _ and - first, at most 64, not {name[:80]!r}"
        raise FromAiError(parameter, message)
    kind = kind or "string"
    if kind not in TYPES:
        raise FromAiError(parameter, f"{ROOT}({name!r}) has the type {kind[:40]!r}; there are {', '.join(TYPES)}")
    default = _literal(given[3]) if len(given) > 3 else None
    return Argument(name, description, kind, optional=len(given) > 3, default=default)


def _text(tokens: Sequence[Token]) -> str | None:
    return tokens[0].value if len(tokens) == 1 and tokens[0].kind == "string" else None


def _literal(tokens: Sequence[Token]) -> Any:
    """The value of a default that is written out; None where only JavaScript can say."""
    sign = 1
    if len(tokens) == 2 and tokens[0].value == "-" and tokens[1].kind == "number":
        sign, tokens = -1, tokens[1:]
    if len(tokens) != 1:
        return None
    token = tokens[0]
    if token.kind == "string":
        return token.value
    if token.kind == "name":
        return _WORDS.get(token.value)
    if token.kind != "number":
        return None
    try:
        return sign * (int(token.value) if token.value.isdigit() else float(token.value))
    except ValueError:
        return None


def _agreed(parameter: str, before: Argument | None, one: Argument) -> Argument:
    """One argument that is asked for in several places."""
    if before is None:
        return one
    if before.type != one.type:
        message = f"{ROOT}({one.name!r}) is of the type {one.type} here and {before.type} elsewhere; make them agree"
        raise FromAiError(parameter, message)
    described = before.description or one.description
    # Where one place has no default, the model must give it.
    optional = before.optional and one.optional
    return Argument(one.name, described, one.type, optional, before.default if optional else None)

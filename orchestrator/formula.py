"""Reads the part of JavaScript that needs no engine: look-ups, literals and the operators between them."""

import re
from dataclasses import dataclass

from orchestrator.expression import Cursor, Expression, Path

MAX_DEPTH = 40
# How tightly an operator binds; all of these group from the left.
BINDING = {
    "||": 2,
    "&&": 3,
    **dict.fromkeys(("===", "!==", "==", "!="), 7),
    **dict.fromkeys(("<", ">", "<=", ">="), 8),
    **dict.fromkeys("+-", 10),
    **dict.fromkeys("*/%", 11),
}
_UNARY = 13
_CHOICE = 1
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_WORDS = {"true": True, "false": False, "null": None}
# The scanner splits these in two.
_DOUBLED = frozenset("&|")


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written out."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Unary:
    """`!` or `-` before an operand."""

    operator: str
    operand: "Formula"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and the operator between them."""

    operator: str
    left: "Formula"
    right: "Formula"


@dataclass(frozen=True, slots=True)
class Choice:
    """`test ? yes : no`."""

    test: "Formula"
    yes: "Formula"
    no: "Formula"


Formula = Path | Literal | Unary | Binary | Choice


def read(expression: Expression) -> Formula | None:
    """The formula that an expression is, or None if it is more than that."""
    reader = _Reader(expression)
    try:
        found = reader.operand(0)
    except _MoreThanThat:
        return None
    return found if reader.cursor.position == len(expression.tokens) else None


class _MoreThanThat(Exception):
    """The expression needs the engine."""


class _Reader:
    """A Pratt parser over an expression's tokens."""

    def __init__(self, expression: Expression) -> None:
        self.cursor = Cursor(expression.tokens)
        self.depth = 0

    def operand(self, binding: int) -> Formula:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _MoreThanThat
        left = self._first()
        while True:
            operator = self._operator()
            if operator == "?" and binding <= _CHOICE:
                left = self._choice(left)
            elif operator in BINDING and BINDING[operator] > binding:
                self.cursor.position += 2 if operator[0] in _DOUBLED else 1
                left = Binary(operator, left, self.operand(BINDING[operator]))
            else:
                self.depth -= 1
                return left

    def _choice(self, test: Formula) -> Formula:
        self.cursor.position += 1
        yes = self.operand(0)
        if self.cursor.take("punctuator", ":") is None:
            raise _MoreThanThat
        return Choice(test, yes, self.operand(0))

    def _operator(self) -> str:
        tokens, position = self.cursor.tokens, self.cursor.position
        if position >= len(tokens) or tokens[position].kind != "punctuator":
            return ""
        first = tokens[position]
        both = first.value + "".join(
            token.value
            for token in tokens[position + 1 : position + 2]
            if token.kind == "punctuator" and token.start == first.start + 1
        )
        # Whatever else is written of two tokens (**, +=, ??) isn't ours.
        return both if both in BINDING or both[1:] in ("(", "!", "") else ""

    def _first(self) -> Formula:
        cursor = self.cursor
        for operator in "!-":
            if cursor.take("punctuator", operator) is not None:
                return Unary(operator, self.operand(_UNARY))
        if cursor.take("punctuator", "(") is not None:
            inner = self.operand(0)
            if cursor.take("punctuator", ")") is None:
                raise _MoreThanThat
            return inner
        return self._value()

    def _value(self) -> Formula:
        cursor = self.cursor
        text = cursor.take("string")
        if text is not None:
            if "\N{REPLACEMENT CHARACTER}" in text:  # perhaps half of a surrogate pair
                raise _MoreThanThat
            return Literal(text)
        number = cursor.take("number")
        if number is not None:
            if not _NUMBER.fullmatch(number):
                raise _MoreThanThat
            value = float(number)
            return Literal(int(value) if value.is_integer() else value)
        for word, constant in _WORDS.items():
            if cursor.take("name", word) is not None:
                return Literal(constant)
        path = cursor.look_up()
        if path is None:
            raise _MoreThanThat
        return path

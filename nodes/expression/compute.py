"""Computes a formula in Python where that gives exactly what JavaScript gives, and else says so."""

import math
from collections.abc import Mapping
from typing import Any

from nodes.expression.scope import NOT_PLAIN, UNDEFINED, Scope, look_up
from nodes.expression.text import number_text
from orchestrator.expression import Path
from orchestrator.formula import Binary, Choice, Formula, Literal, Unary

MAX_TEXT = 1 << 20
# Up to here every whole number is a JavaScript number.
_LARGEST = 2**53
_LOGIC = frozenset({"&&", "||"})


class Unclear(Exception):
    """Only JavaScript can say what comes out."""


def compute(formula: Formula, scope: Scope, index: int) -> Any:
    """The value for one item, or NOT_PLAIN."""
    try:
        value = _value(formula, scope, index)
    except Unclear:
        return NOT_PLAIN
    return None if value is UNDEFINED else value


def _value(formula: Formula, scope: Scope, index: int) -> Any:
    if isinstance(formula, Literal):
        return formula.value
    if isinstance(formula, Path):
        value = look_up(formula, scope, index, missing=UNDEFINED)
        if value is NOT_PLAIN:
            raise Unclear
        return value
    if isinstance(formula, Choice):
        return _value(formula.yes if _truth(_value(formula.test, scope, index)) else formula.no, scope, index)
    if isinstance(formula, Unary):
        operand = _value(formula.operand, scope, index)
        return not _truth(operand) if formula.operator == "!" else _number(-_numeric(operand))
    left = _value(formula.left, scope, index)
    if formula.operator in _LOGIC:
        return left if _truth(left) == (formula.operator == "||") else _value(formula.right, scope, index)
    return _binary(formula, left, _value(formula.right, scope, index))


def _binary(formula: Binary, left: Any, right: Any) -> Any:
    match formula.operator:
        case "===":
            return _same(left, right)
        case "!==":
            return not _same(left, right)
        case "==":
            return _alike(left, right)
        case "!=":
            return not _alike(left, right)
        case "+":
            return _sum(left, right)
        case "<" | ">" | "<=" | ">=":
            return _ordered(formula.operator, left, right)
    return _arithmetic(formula.operator, _numeric(left), _numeric(right))


def _truth(value: Any) -> bool:
    if value is UNDEFINED or value is None:
        return False
    if isinstance(value, Mapping | list | tuple):
        return True
    return bool(value) if isinstance(value, str | bool) else _numeric(value) != 0


def _same(left: Any, right: Any) -> bool:
    kind = _kind(left)
    return kind == _kind(right) and (kind in ("null", "undefined") or bool(left == right))


def _alike(left: Any, right: Any) -> bool:
    kinds = {_kind(left), _kind(right)}
    if kinds <= {"null", "undefined"}:
        return True
    if len(kinds) > 1 and not kinds & {"null", "undefined"}:
        raise Unclear  # one of them is converted first
    return len(kinds) == 1 and bool(left == right)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if value is UNDEFINED:
        return "undefined"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    _numeric(value)
    return "number"


def _sum(left: Any, right: Any) -> Any:
    if not isinstance(left, str) and not isinstance(right, str):
        return _arithmetic("+", _numeric(left), _numeric(right))
    text = _text(left) + _text(right)
    if len(text) > MAX_TEXT:
        raise Unclear
    return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else number_text(_numeric(value))


def _ordered(operator: str, left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        # JavaScript compares UTF-16's units.
        if not (left.isascii() and right.isascii()):
            raise Unclear
    else:
        left, right = _numeric(left), _numeric(right)
    if operator in ("<", "<="):
        return bool(left < right or (operator == "<=" and left == right))
    return bool(left > right or (operator == ">=" and left == right))


def _arithmetic(operator: str, left: float, right: float) -> float:
    match operator:
        case "+":
            return _number(left + right)
        case "-":
            return _number(left - right)
        case "*":
            return _number(left * right)
    if right == 0:
        raise Unclear
    return _number(left / right if operator == "/" else math.fmod(left, right))


def _numeric(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise Unclear
    return value


def _number(value: float) -> float:
    # A negative zero is a zero wherever it can be seen.
    if not abs(value) <= _LARGEST:
        raise Unclear
    return int(value) if isinstance(value, float) and value.is_integer() else value

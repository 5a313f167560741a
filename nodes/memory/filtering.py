"""Reads a filter on metadata: values that must be there, and operators that begin with a dollar sign."""

import re
from typing import Any, cast, get_args

from nodes.memory.operation import sendable
from nodes.memory.request import Comparison, Filter, Operator
from nodes.parameters import misuse
from nodes.values import kind, listed, shown
from orchestrator import exact_json

OPERATORS = get_args(Operator)
MOST_COMPARISONS = 50
# The escape of U+0000, as opposed to a backslash before the letters u0000.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_ORDERED = ("$gt", "$gte", "$lt", "$lte")


def read(given: Any) -> Filter:
    """The filter that an object means; misuse says what is wrong with it."""
    if not isinstance(given, dict):
        raise misuse(f"is {shown(given)}; expected an object")
    contained: dict[str, Any] = {}
    comparisons: list[Comparison] = []
    for name, wanted in given.items():
        operators = [key for key in wanted if key.startswith("$")] if isinstance(wanted, dict) else []
        if name.startswith("$"):
            raise misuse(f'has the operator "{name[:40]}" where a field belongs; write {{field: {{operator: value}}}}')
        if not operators:
            contained[name] = wanted
        elif len(operators) < len(wanted):
            raise misuse(f'has operators and other keys for "{name[:60]}"; it must be one or the other')
        else:
            path = tuple(sendable(name).split("."))
            comparisons += [_comparison(name, path, operator, value) for operator, value in wanted.items()]
    if len(comparisons) > MOST_COMPARISONS:
        raise misuse(f"has {len(comparisons)} operators; at most {MOST_COMPARISONS} are allowed")
    return Filter(metadata_text(contained), comparisons)


def metadata_text(value: Any) -> str:
    """Metadata as it is stored and compared; misuse if PostgreSQL can't keep it."""
    try:
        text = exact_json.dumps(value)
    except exact_json.NotJson as error:
        raise misuse(f"isn't JSON: {error}") from None
    if _NUL.search(text):
        raise misuse("has the character U+0000, which can't be stored")
    return text


def _comparison(name: str, path: tuple[str, ...], operator: str, value: Any) -> Comparison:
    where = f'"{name[:60]}"'
    if operator not in OPERATORS:
        raise misuse(f"has the unknown operator {operator[:40]} for {where}; there are {listed(OPERATORS, 20)}")
    if operator in ("$in", "$nin") and not isinstance(value, list):
        raise misuse(f"has {operator} for {where} with {shown(value)}; expected a list")
    if operator == "$exists" and not isinstance(value, bool):
        raise misuse(f"has $exists for {where} with {shown(value)}; expected true or false")
    if operator in _ORDERED and kind(value) not in ("number", "text"):
        raise misuse(f"has {operator} for {where} with {shown(value)}; expected a number or text")
    return Comparison(path, cast(Operator, operator), metadata_text(value))

"""JSON values as users speak of them: their kind, how they are shown in a message, when two are the same."""

import math
import re
from collections.abc import Hashable, Mapping
from decimal import Decimal
from typing import Any

from orchestrator import exact_json

SHOWN = 40
_SAFE_INTEGER = 2**53
_MOST_DIGITS = 4000
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
Number = int | float | Decimal


def kind(value: Any) -> str:
    """The kind of a JSON value, in one word: null, boolean, number, text, list or object."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        return "list"
    return "object" if isinstance(value, Mapping) else type(value).__name__


def shown(value: Any) -> str:
    """A value as a message shows it: its kind, and no more than a short piece of what it holds."""
    sort = kind(value)
    if sort == "null":
        return "null"
    if sort == "boolean":
        return "true" if value else "false"
    if sort == "text":
        return f'the text "{value[:SHOWN]}{"…" if len(value) > SHOWN else ""}"'
    if sort == "number":
        text = str(comparable(value)) if isinstance(value, float) and value.is_integer() else str(value)
        return f"the number {text[:SHOWN]}{'…' if len(text) > SHOWN else ''}"
    if sort == "list":
        return f"a list of {len(value)}"
    return f"an object with {listed(value)}" if value else "an empty object"


def listed(names: Any, limit: int = 8) -> str:
    """Names in a row, cut after a few."""
    some = [f'"{str(name)[:SHOWN]}"' for name in names]
    return ", ".join(some[:limit]) + (f" and {len(some) - limit} more" if len(some) > limit else "")


def comparable(number: Number) -> int | Decimal:
    """A number as it is written, so that 0.1 is a tenth and not the float nearest to it."""
    if isinstance(number, float):
        whole = abs(number) < _SAFE_INTEGER and number.is_integer()
        return int(number) if whole else Decimal(repr(number))
    return number


def plain(number: int | Decimal) -> Number:
    """A computed number as JSON carries it best: an int, a float that loses nothing, else a Decimal."""
    if isinstance(number, int):
        return number
    whole = number == number.to_integral_value()
    if whole and abs(number) < _SAFE_INTEGER:
        return int(number)
    nearest = float(number)
    if math.isfinite(nearest) and Decimal(repr(nearest)) == number:
        return nearest
    return int(number) if whole and number.adjusted() < _MOST_DIGITS else number


def identity(value: Any) -> Hashable:
    """A key that two JSON values share when they are the same value: 1 is 1.0, but not true and not "1"."""
    sort = kind(value)
    if sort == "number":
        return (sort, comparable(value))
    if sort == "list":
        return (sort, tuple(identity(child) for child in value))
    if sort == "object":
        return (sort, frozenset((key, identity(child)) for key, child in value.items()))
    return (sort, value)


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal, all the way down; numbers by their value."""
    return identity(left) == identity(right)


def as_text(value: Any) -> str:
    """A value inside a text: text as it is, null as nothing, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else exact_json.dumps(value)


def number_in(text: str) -> Number | None:
    """The number that a text says and nothing else; None for "007", "1,5" and the like."""
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        return None
    try:
        number: Number = exact_json.loads(stripped)
    except exact_json.NotJson:
        return None
    return number

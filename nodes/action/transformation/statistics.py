"""Figures over a field's values, computed exactly: a tenth and two tenths are three tenths."""

import math
from collections.abc import Sequence
from decimal import Context, Decimal, Inexact
from typing import Any

from nodes.errors import PermanentError
from nodes.values import Number, comparable, kind, plain, shown

Placed = Sequence[tuple[int, Any]]
_EXACT = Context(prec=20_000)


def total(values: Placed, name: str) -> Number:
    """The sum; 0 of none."""
    return plain(_total(values, name))


def average(values: Placed, name: str) -> Number | None:
    """The mean; null of none."""
    if not values:
        return None
    division = Context(prec=34)
    quotient = division.divide(Decimal(_total(values, name)), Decimal(len(values)))
    nearest = float(quotient)
    # A quotient that no number of digits can hold is as good as a float of it.
    return nearest if division.flags[Inexact] and math.isfinite(nearest) else plain(quotient)


def extreme(values: Placed, name: str, *, least: bool) -> Any:
    """The smallest or greatest of numbers or texts; null of none."""
    if not values:
        return None
    wanted = kind(values[0][1])
    if wanted not in ("number", "text"):
        raise _unfit(name, *values[0], "a number or text")
    for position, value in values:
        if kind(value) != wanted:
            raise _unfit(name, position, value, f"a {wanted}, like the others" if wanted == "number" else "text")
    ranked = [(comparable(value) if wanted == "number" else value, value) for _, value in values]
    return (min if least else max)(ranked, key=lambda pair: pair[0])[1]


def _total(values: Placed, name: str) -> int | Decimal:
    sum_: int | Decimal = 0
    for position, value in values:
        if kind(value) != "number":
            raise _unfit(name, position, value, "a number")
        number = comparable(value)
        both_whole = isinstance(sum_, int) and isinstance(number, int)
        sum_ = sum_ + number if both_whole else _EXACT.add(Decimal(sum_), Decimal(number))
    return sum_


def _unfit(name: str, position: int, value: Any, expected: str) -> PermanentError:
    return PermanentError(
        f'the field "{name[:100]}" is {shown(value)} here; expected {expected}',
        code="INVALID_FIELD",
        item=position,
    )

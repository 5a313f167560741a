"""Writes values into text the way JavaScript's users expect, but with every digit kept."""

import math
from decimal import Decimal
from typing import Any

import msgspec

from orchestrator.exact_json import dumps

_encoder = msgspec.json.Encoder()


def as_text(value: Any) -> str:
    """A value as a part of a longer text: nothing for null, compact JSON for objects and lists."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return number_text(value)
    dumps(value)  # refuses what isn't JSON, and anything nested too deeply for what follows
    return _encoder.encode(_with_numbers_as_text(value)).decode()


def number_text(value: float | Decimal) -> str:
    """A number as JavaScript prints it; one that no JavaScript number holds, with all its digits."""
    if isinstance(value, Decimal):
        return str(value).replace("E", "e")
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return _shortest(value)


def _shortest(value: float) -> str:
    """ECMAScript's Number::toString, from the shortest digits that Python knows, too."""
    if value == 0:
        return "0"
    sign, figures, exponent = Decimal(repr(value)).as_tuple()
    digits = "".join(map(str, figures))
    point = len(digits) + int(exponent)  # where the decimal point stands, counted from the first digit
    digits = digits.rstrip("0")
    minus = "-" if sign else ""
    if len(digits) <= point <= 21:
        return minus + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{minus}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{minus}{digits[0]}{fraction}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def _with_numbers_as_text(value: Any) -> Any:
    # Loops rather than comprehensions: one stack frame a level.
    if isinstance(value, dict):
        fields = {}
        for key, child in value.items():
            fields[key] = _with_numbers_as_text(child)
        return fields
    if isinstance(value, list | tuple):
        items = []
        for child in value:
            items.append(_with_numbers_as_text(child))
        return items
    if isinstance(value, float | Decimal):
        return msgspec.Raw(number_text(value).encode())
    return value

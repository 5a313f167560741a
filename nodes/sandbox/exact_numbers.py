"""Gives numbers back the digits that JavaScript can't hold, where they were passed on unchanged."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

_LONG = re.compile(rb"[0-9][0-9.]{15}|[eE][+-]?[0-9]{3}")
_SAFE = 2**53


class ExactNumbers:
    """The long numbers of some data, by the float that JavaScript makes of each.

    Where two different numbers become the same float, which one is meant is unknown, and neither is kept.
    """

    def __init__(self) -> None:
        self._found: dict[float, int | Decimal | None] = {}

    def add(self, value: Any, text: bytes) -> None:
        """Take a value's numbers; its JSON text says quickly whether there can be any of these."""
        if not _LONG.search(text):
            return
        for number in _numbers(value):
            rounded = _rounded(number)
            if rounded is not None and self._found.setdefault(rounded, number) != number:
                self._found[rounded] = None

    def restore(self, value: Any) -> Any:
        """The value, with each number that equals a known float written as it was before."""
        return self._restore(value) if self._found else value

    def _restore(self, value: Any) -> Any:
        # Loops rather than comprehensions: one stack frame a level.
        if isinstance(value, dict):
            for key, child in value.items():
                value[key] = self._restore(child)
        elif isinstance(value, list):
            for place, child in enumerate(value):
                value[place] = self._restore(child)
        elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            rounded = _rounded(value)
            before = self._found.get(rounded) if rounded is not None else None
            return value if before is None else before
        return value


def _rounded(number: float | Decimal) -> float | None:
    if isinstance(number, int) and abs(number) < _SAFE:
        return None
    try:
        return float(number)
    except OverflowError:
        return None


def _numbers(value: Any) -> Iterator[int | Decimal]:
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list | tuple):
            stack.extend(value)
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            yield value

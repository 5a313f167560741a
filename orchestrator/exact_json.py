"""Reads and writes JSON without losing a digit: what no float can hold stays an int or a Decimal."""

import math
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

MAX_DEPTH = 500
# The range of IEEE decimal128: wide enough for any quantity, and int() of one stays cheap.
MAX_EXPONENT = 6144
_MAX_BITS = 14_280  # within the 4300 digits that Python reads back
_SHORT = 15  # a plain decimal of at most 15 digits always survives a float
_PLAIN_DEPTH = 20
_PLAIN_INT = 1 << 63
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotJson(ValueError):
    """A value or a text that JSON can't carry, with the path to the trouble."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


def loads(data: bytes | str) -> Any:
    """The value of a JSON text; NotJson says what is wrong with the text."""
    try:
        value = _decoder.decode(data)
    except UnicodeError:
        raise NotJson("", "the text isn't valid UTF-8") from None
    except RecursionError:
        raise NotJson("", f"nested deeper than {MAX_DEPTH} levels") from None
    except msgspec.ValidationError as error:
        raise NotJson("", f"a number is out of range: {error}") from None
    except msgspec.DecodeError as error:
        raise NotJson("", f"not JSON: {error}") from None
    if _may_be_deep(data):
        check(value)
    return value


def dumps(value: Any) -> str:
    """The compact JSON text of a value, keys in their own order; NotJson says which part JSON can't carry."""
    check(value)
    try:
        return _encoder.encode(value).decode()
    except RecursionError:
        raise NotJson("", "nested too deeply to be written from here") from None


def check(value: Any) -> None:
    """Raise NotJson unless `dumps` can write the value exactly."""
    if _is_plain(value, _PLAIN_DEPTH):
        return
    path: list[str | int] = []
    if not _is_container(value):
        _check_scalar(value, path)
        return
    stack = [_children(value, path)]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
            if path:
                path.pop()
            continue
        key, child = step
        if child is None or child is True or child is False or (type(child) is str and child.isascii()):
            continue
        path.append(key)
        if _is_container(child):
            if len(stack) >= MAX_DEPTH:
                raise NotJson(dotted(path[:6]) + "…", f"nested deeper than {MAX_DEPTH} levels")
            stack.append(_children(child, path))
        else:
            _check_scalar(child, path)
            path.pop()


def _is_plain(value: Any, depth: int) -> bool:
    """Whether the value is beyond doubt; most are, and this takes a third of the time of finding out where it isn't."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int:
        return bool(-_PLAIN_INT < value < _PLAIN_INT)
    if kind is dict:
        if depth == 0:
            return False
        for key, child in value.items():
            if type(key) is not str or not key.isascii() or not _is_plain(child, depth - 1):
                return False
        return True
    if kind is list:
        return depth > 0 and all(_is_plain(child, depth - 1) for child in value)
    return value is None or kind is bool or (kind is float and math.isfinite(value))


def dotted(path: list[str | int]) -> str:
    """A path as people read it: fields.list[0]."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".").encode("utf-8", "replace").decode()


def _is_container(value: Any) -> bool:
    return isinstance(value, dict | list | tuple)


def _children(value: Any, path: list[str | int]) -> Iterator[tuple[Any, Any]]:
    if not isinstance(value, dict):
        return iter(enumerate(value))
    for key in value:
        if type(key) is not str:
            raise NotJson(dotted(path), f"a key must be text, not {type(key).__name__} {key!r:.40}")
        if not key.isascii() and _SURROGATE.search(key):
            raise NotJson(dotted(path), "a key has half of a surrogate pair, which isn't valid Unicode text")
    return iter(value.items())


def _check_scalar(value: Any, path: list[str | int]) -> None:
    kind = type(value)
    if kind is str:
        if _SURROGATE.search(value):
            raise NotJson(dotted(path), "text has half of a surrogate pair, which isn't valid Unicode text")
    elif kind is int:
        if value.bit_length() > _MAX_BITS:
            raise NotJson(dotted(path), "an integer has more than 4300 digits")
    elif kind is float or kind is Decimal:
        if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
            raise NotJson(dotted(path), f"{value} isn't a JSON number; use null or text")
        if kind is Decimal:
            _bounded(value, dotted(path))
    elif value is not None and kind is not bool:
        raise NotJson(dotted(path), f"{kind.__name__} isn't a JSON value")


def _number(text: str) -> float | Decimal:
    number = float(text)
    if len(text) <= _SHORT and "e" not in text and "E" not in text:
        return number
    try:
        exact = Decimal(text)
    except InvalidOperation:
        raise NotJson("", f"the number {text[:40]} is out of range") from None
    if math.isfinite(number) and Decimal(repr(number)) == exact:
        return number
    return _bounded(exact, "")


def _bounded(number: Decimal, path: str) -> Decimal:
    if number and abs(number.adjusted()) > MAX_EXPONENT:
        raise NotJson(path, f"a number's exponent must stay within ±{MAX_EXPONENT}")
    return number


def _may_be_deep(data: bytes | str) -> bool:
    if isinstance(data, str):
        return data.count("[") + data.count("{") > MAX_DEPTH
    return data.count(b"[") + data.count(b"{") > MAX_DEPTH


_decoder = msgspec.json.Decoder(float_hook=_number)
_encoder = msgspec.json.Encoder(decimal_format="number")

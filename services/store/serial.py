"""Writes the engine's plain values as JSON text for the store, and reads them back."""

from typing import Any, TypeVar

import msgspec

from orchestrator.errors import Problem, RunError
from orchestrator.items import Items
from orchestrator.plan import Plan
from orchestrator.record import Usage
from orchestrator.start import RunStart

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind)
    for kind in (RunError, RunStart, Plan, Usage, list[Problem], list[Items], dict[str, Items], list[str])
}


def write(value: Any) -> str:
    """A dataclass, or a list or dict of them, as text."""
    return _encoder.encode(value).decode()


def write_optional(value: Any) -> str | None:
    """`write`, but None stays None."""
    return None if value is None else write(value)


def read(text: str, kind: type[T]) -> T:
    """What `write` wrote."""
    value: T = _decoders[kind].decode(text)
    return value


def read_optional(text: str | None, kind: type[T]) -> T | None:
    """`read`, but None stays None."""
    return None if text is None else read(text, kind)

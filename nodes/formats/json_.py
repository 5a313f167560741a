"""JSON, with every digit kept."""

from typing import Any

import msgspec

from nodes.formats.failure import FormatError
from orchestrator import exact_json


def read(text: str) -> Any:
    """The value of a JSON text."""
    try:
        return exact_json.loads(text.removeprefix("\ufeff"))
    except exact_json.NotJson as error:
        raise FormatError(f"the text can't be read: {error}"[:300]) from None


def write(value: Any, pretty: bool) -> str:
    """The JSON text of a value, compact or indented."""
    try:
        text = exact_json.dumps(value)
    except exact_json.NotJson as error:
        raise FormatError(f"the value can't be written: {error}"[:300]) from None
    return msgspec.json.format(text, indent=2) if pretty else text

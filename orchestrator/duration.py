"""Durations as users write them: "500ms", "1.5s", "10m", "2h", "3d", "1h30m"."""

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*(ms|s|m|h|d|w)")
LONGEST = 10 * 365 * 86400.0


def parse_duration(text: str) -> float:
    """The seconds that `text` says; ValueError tells what was expected."""
    seconds, position = 0.0, 0
    stripped = text.strip()
    while position < len(stripped):
        part = _PART.match(stripped, position)
        if part is None:
            break
        seconds += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not stripped or position != len(stripped):
        raise ValueError(f'{text[:60]!r} is not a duration; write e.g. "1.5s", "10m", "2h" or "3d"')
    if seconds > LONGEST:
        raise ValueError(f"{text[:60]!r} is longer than ten years")
    return seconds

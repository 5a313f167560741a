"""The names by which a model knows tools: what providers allow, each one once."""

import re
import unicodedata

LONGEST = 64
_REFUSED = re.compile(r"[^a-zA-Z0-9_-]+")


def tool_name(name: str, prefix: str = "") -> str:
    """A name of letters, digits, _ and -, as like the given one as may be."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = _REFUSED.sub("_", letters).strip("_")
    return f"{prefix}{plain or 'tool'}"[:LONGEST]


def distinct(name: str, taken: set[str]) -> str:
    """The name, with a number if it is taken; it is taken from then on."""
    found, number = name, 1
    while found in taken:
        number += 1
        suffix = f"_{number}"
        found = name[: LONGEST - len(suffix)] + suffix
    taken.add(found)
    return found

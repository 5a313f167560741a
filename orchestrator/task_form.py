"""What a task lets people choose and fill in, and whether what they gave fits."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

APPROVED = "approved"
REJECTED = "rejected"
TIMEOUT = "timeout"
FieldType = Literal[
    "text", "textarea", "number", "integer", "boolean", "date", "datetime", "email", "select", "multiselect"
]
MAX_TEXT = 20_000
# What people and buttons say for the two decisions that every task has a port for.
_WORDS = {
    APPROVED: frozenset({"approve", "approved", "accept", "accepted", "allow", "allowed", "ok", "yes"}),
    REJECTED: frozenset({"reject", "rejected", "decline", "declined", "deny", "denied", "no"}),
}
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")


@dataclass(frozen=True)
class TaskOption:
    """A decision that there is, what people read for it, and the port by which its items leave."""

    name: str
    label: str = ""
    port: str = ""

    @property
    def text(self) -> str:
        """What a button says."""
        return self.label or self.name.replace("_", " ").capitalize()


@dataclass(frozen=True)
class TaskField:
    """Something to fill in; `default` is the JSON of the value to begin with, empty for none."""

    name: str
    label: str = ""
    type: FieldType = "text"
    required: bool = False
    options: tuple[str, ...] = ()
    default: str = ""

    @property
    def text(self) -> str:
        """What stands beside it."""
        return self.label or self.name.replace("_", " ").capitalize()


DEFAULT_OPTIONS = (TaskOption(APPROVED, "Approve", APPROVED), TaskOption(REJECTED, "Reject", REJECTED))


def port_of(name: str) -> str:
    """The port by which a decision of this name leaves: those like "approve" and "reject" have theirs, else its own."""
    folded = name.strip().lower()
    return next((port for port, words in _WORDS.items() if folded in words), name)


def find_option(options: Sequence[TaskOption], given: str) -> TaskOption | None:
    """The option that is meant: by its name, or by a word like "approve" where that says which."""
    exact = next((option for option in options if option.name == given), None)
    if exact is not None:
        return exact
    port = port_of(given)
    meant = [option for option in options if option.port == port] if port in _WORDS else []
    return meant[0] if len(meant) == 1 else None


def problems(fields: Sequence[TaskField], filled: Mapping[str, Any], *, complete: bool) -> Iterator[tuple[str, str]]:
    """What is wrong with what was filled in, as (field, sentence); `complete`: required fields must be there."""
    known = {field.name: field for field in fields}
    for name in filled:
        if name not in known:
            yield name[:60], f"there is no field {name[:60]!r}"
    for field in fields:
        value = filled.get(field.name)
        if value is None or value == "" or value == []:
            if field.required and complete:
                yield field.name, f"{field.text} is missing"
        elif (wrong := _wrong(field, value)) is not None:
            yield field.name, f"{field.text} {wrong}"


def _wrong(field: TaskField, value: Any) -> str | None:
    match field.type:
        case "text" | "textarea" | "email" | "date" | "datetime":
            return _wrong_text(field, value)
        case "number":
            is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
            return None if is_number else "must be a number"
        case "integer":
            return None if isinstance(value, int) and not isinstance(value, bool) else "must be a whole number"
        case "boolean":
            return None if isinstance(value, bool) else "must be true or false"
        case "select":
            return None if value in field.options else f"must be one of: {', '.join(field.options)[:300]}"
        case "multiselect":
            fits = isinstance(value, list) and all(one in field.options for one in value)
            return None if fits else f"must be a list of: {', '.join(field.options)[:300]}"


def _wrong_text(field: TaskField, value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be text"
    if len(value) > MAX_TEXT:
        return f"has more than {MAX_TEXT:,} characters"
    if field.type == "email" and not _EMAIL.fullmatch(value):
        return "must be a mail address"
    try:
        if field.type == "date":
            date.fromisoformat(value)
        elif field.type == "datetime":
            datetime.fromisoformat(value)
    except ValueError:
        example = "2026-11-30" if field.type == "date" else "2026-11-30T09:00"
        return f"must be a {'day' if field.type == 'date' else 'time'} such as {example}"
    return None

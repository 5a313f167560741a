"""Values as the fields of a task want them, from the texts that forms give."""

from datetime import UTC, datetime
from typing import Any

from orchestrator import exact_json
from orchestrator.task_form import TaskField


def number(text: Any) -> Any:
    """A text as a number; what is none stays as it is, to be refused by name."""
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        found = exact_json.loads(text.strip())
    except exact_json.NotJson:
        return text
    return text if isinstance(found, str) else found


def instant(seconds: Any) -> str | None:
    """A Unix time as a text."""
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, OSError, ValueError):
        return str(seconds)


def value(field: TaskField, texts: list[str]) -> Any:
    """What the texts that a form sends for a field mean; None if it was left empty."""
    given = [text for text in texts if text != ""]
    match field.type:
        case "boolean":
            return bool(given) and given[-1] not in ("false", "no", "0")
        case "multiselect":
            return given or None
        case "number" | "integer":
            return number(given[-1]) if given else None
        case _:
            return given[-1] if given else None

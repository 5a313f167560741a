"""Reads and changes fields of an item by dotted path; a key that itself holds the dots comes first."""

from typing import Any

from nodes.errors import PermanentError
from nodes.values import listed, shown

MISSING: Any = object()


def get(data: Any, path: str, default: Any = MISSING) -> Any:
    """The value at a path (`a.b`, `list.0.name`), or the default."""
    if isinstance(data, dict) and path in data:
        return data[path]
    for step in path.split("."):
        if isinstance(data, dict) and step in data:
            data = data[step]
        elif isinstance(data, list) and step.isdecimal() and len(step) < 10 and int(step) < len(data):
            data = data[int(step)]
        else:
            return default
    return data


def require(data: dict[str, Any], path: str, parameter: str, item: int | None = None) -> Any:
    """The value at a path; PermanentError names the parameter and what fields there are."""
    value = get(data, path)
    if value is MISSING:
        there = f"it has {listed(data)}" if data else "it is empty"
        raise PermanentError(
            f'the parameter "{parameter}" names the field "{path[:100]}", which the item lacks; {there}',
            code="MISSING_FIELD",
            item=item,
        )
    return value


def put(data: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of `data` with a value at a path; what lies on the way is made, or copied."""
    steps = [path] if path in data else path.split(".")
    changed: dict[str, Any] = _put(data, steps, value, path)
    return changed


def drop(data: dict[str, Any], path: str) -> dict[str, Any]:
    """A copy of `data` without what lies at a path; `data` itself if nothing does."""
    if get(data, path) is MISSING:
        return data
    steps = [path] if path in data else path.split(".")
    changed: dict[str, Any] = _drop(data, steps)
    return changed


def last_step(path: str) -> str:
    """The name that a field has where it lies."""
    return path.rsplit(".", 1)[-1] or path


def _put(data: Any, steps: list[str], value: Any, path: str) -> Any:
    step, rest = steps[0], steps[1:]
    if data is None or data is MISSING:
        data = {}
    if isinstance(data, dict):
        return {**data, step: _put(data.get(step, MISSING), rest, value, path) if rest else value}
    if isinstance(data, list) and step.isdecimal() and len(step) < 10 and int(step) < len(data):
        position = int(step)
        return [
            *data[:position],
            _put(data[position], rest, value, path) if rest else value,
            *data[position + 1 :],
        ]
    raise PermanentError(
        f'the field "{path[:100]}" can\'t be set: where "{step[:60]}" should go is {shown(data)}',
        code="INVALID_FIELD",
    )


def _drop(data: Any, steps: list[str]) -> Any:
    step, rest = steps[0], steps[1:]
    if isinstance(data, dict):
        if not rest:
            return {key: value for key, value in data.items() if key != step}
        return {**data, step: _drop(data[step], rest)}
    position = int(step)
    middle = [_drop(data[position], rest)] if rest else []
    return [*data[:position], *middle, *data[position + 1 :]]

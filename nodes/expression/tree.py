"""A tree of parameters whose expressions are read once, and filled in for item after item."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nodes.expression.errors import ExpressionError
from nodes.expression.evaluation import Failure
from nodes.expression.text import as_text
from orchestrator.exact_json import NotJson
from orchestrator.expression import Expression, Template, TemplateError, join, parse

# The value or the failure of each expression, by source and item.
Values = Mapping[tuple[str, int], Any]
_Fill = Callable[[Values, int], Any]
_TOO_DEEP = Failure("the parameters are nested too deeply", True)


class _Unresolved(Exception):
    """Carries a failure up to the item it belongs to."""

    def __init__(self, parameter: str, failure: Failure) -> None:
        self.parameter = parameter
        self.failure = failure


@dataclass(frozen=True)
class ParameterTree:
    """Parameters as they were written, and each of their expressions once; with `unreadable` they can't be filled."""

    written: Any
    expressions: Sequence[Expression] = ()
    unreadable: _Unresolved | None = None
    _fill: _Fill | None = None

    @staticmethod
    def read(parameters: Any) -> "ParameterTree":
        """Finds the expressions in parameters."""
        found: dict[str, Expression] = {}
        try:
            fill = _read(parameters, "", found)
        except _Unresolved as error:
            return ParameterTree(parameters, unreadable=error)
        except RecursionError:
            return ParameterTree(parameters, unreadable=_Unresolved("", _TOO_DEEP))
        return ParameterTree(parameters, tuple(found.values()), None, fill)

    @property
    def plain(self) -> bool:
        """Whether there is nothing to be filled in."""
        return self._fill is None and self.unreadable is None

    def filled(self, values: Values, index: int) -> Any | ExpressionError:
        """The parameters for one item, or why there are none; branches without expressions are shared."""
        try:
            if self.unreadable:
                raise self.unreadable
            return self._fill(values, index) if self._fill else self.written
        except _Unresolved as error:
            failure = error.failure
            return ExpressionError(failure.message, parameter=error.parameter, item=index, limit=failure.limit)


def _read(value: Any, path: str, found: dict[str, Expression]) -> _Fill | None:
    """How to fill a branch; None if it has no expressions."""
    if isinstance(value, str):
        return _read_text(value, path, found) if "{{" in value else None
    if isinstance(value, Mapping):
        fields = [(key, child, _read(child, join(path, key), found)) for key, child in value.items()]
        if all(fill is None for _, _, fill in fields):
            return None
        return lambda values, index: {key: fill(values, index) if fill else child for key, child, fill in fields}
    if isinstance(value, list | tuple):
        places = [(child, _read(child, join(path, place), found)) for place, child in enumerate(value)]
        if all(fill is None for _, fill in places):
            return None
        return lambda values, index: [fill(values, index) if fill else child for child, fill in places]
    return None


def _read_text(text: str, path: str, found: dict[str, Expression]) -> _Fill:
    try:
        template = parse(text)
    except TemplateError as error:
        raise _Unresolved(path, Failure(str(error), error.limit)) from None
    for expression in template.expressions:
        found.setdefault(expression.source, expression)
    single = template.single
    if single is not None:
        return lambda values, index: _value(values[single.source, index], path)
    return lambda values, index: _joined(template, values, index, path)


def _joined(template: Template, values: Values, index: int, path: str) -> str:
    parts = []
    for part in template.parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        value = _value(values[part.source, index], path)
        try:
            parts.append(as_text(value))
        except NotJson as error:
            raise _Unresolved(path, Failure(f"the data isn't JSON: {error}", False)) from None
    return "".join(parts)


def _value(value: Any, path: str) -> Any:
    if isinstance(value, Failure):
        raise _Unresolved(path, value)
    return value

"""Conditions as IF, FILTER and SWITCH write them: two values and an operator, or one boolean expression."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from nodes.errors import PermanentError
from nodes.parameters import WRITTEN_OUT, Parameters, absent, is_expression, misuse
from nodes.regular_expression import search
from nodes.values import comparable, kind, number_in, same, shown
from orchestrator.exact_json import dumps

Operator = Literal[
    "equals",
    "not_equals",
    "gt",
    "gte",
    "lt",
    "lte",
    "contains",
    "not_contains",
    "starts_with",
    "ends_with",
    "matches",
    "in",
    "exists",
    "not_exists",
    "empty",
    "not_empty",
    "is_true",
    "is_false",
]
UNARY = frozenset({"exists", "not_exists", "empty", "not_empty", "is_true", "is_false"})
Combine = Literal["and", "or"]


class Condition(Parameters):
    """One comparison."""

    left: Any = Field(description="The value to look at, usually an expression.")
    operator: Operator = Field(description="How to compare.")
    right: Any = Field(default=None, description="The value to compare with; operators such as exists need none.")
    loose: bool = Field(default=False, description='Convert unlike values before comparing, so that "5" equals 5.')

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.operator in _COMPARISONS and "right" not in self.model_fields_set:
            raise absent("right", f'"{self.operator}" compares with it')
        return self


class Conditional(Parameters):
    """What decides for or against an item: a list of comparisons, or one boolean expression."""

    conditions: Annotated[list[Condition] | None, WRITTEN_OUT] = Field(
        default=None, min_length=1, description="Comparisons; see combine."
    )
    combine: Combine = Field(default="and", description="Whether all comparisons must hold, or any of them.")
    condition: Any = Field(default=None, description="One expression that gives true or false; instead of conditions.")
    loose: bool = Field(default=False, description="Convert unlike values before comparing, in every comparison.")

    @model_validator(mode="after")
    def _one_of_both(self, info: ValidationInfo) -> Self:
        if info.context:
            _check_unresolved(self.condition)
        if self.condition is None and self.conditions is None:
            if "condition" in self.model_fields_set:
                return self
            raise absent("conditions", "give conditions, or one boolean expression as condition")
        if self.condition is not None and self.conditions is not None:
            raise misuse('has both "condition" and "conditions"; give one of them')
        return self


def _check_unresolved(condition: Any) -> None:
    if condition is None or isinstance(condition, bool) or is_expression(condition):
        return
    raise misuse(f'has a "condition" that is {shown(condition)}; write one expression, as in "{{{{ $json.paid }}}}"')


def holds(given: Conditional) -> bool:
    """Whether the item passes; PermanentError names a comparison that makes no sense."""
    if given.conditions is None:
        return _boolean(given.condition, given.loose)
    # Every comparison is made, so that a senseless one never hides behind the result of another.
    results = [
        compare(
            condition.operator,
            condition.left,
            condition.right,
            condition.loose or given.loose,
            f"conditions[{n}]",
        )
        for n, condition in enumerate(given.conditions)
    ]
    return all(results) if given.combine == "and" else any(results)


def compare(operator: Operator, left: Any, right: Any, loose: bool = False, where: str = "the condition") -> bool:
    """The result of one comparison; PermanentError names both values if their kinds don't go together."""
    try:
        if operator in UNARY:
            return _UNARY[operator](left, loose)
        return _COMPARISONS[operator](left, right, loose)
    except _UnlikeError as error:
        reason = error.reason or f"{shown(left)} and {shown(right)} are of unlike types"
        raise PermanentError(
            f'{where}: "{operator}" can\'t compare: {reason}',
            code="UNLIKE_TYPES",
            hint='convert one of them in the expression, or set "loose": true' if not loose else "",
        ) from None


class _UnlikeError(Exception):
    def __init__(self, reason: str = "") -> None:
        self.reason = reason


def _boolean(value: Any, loose: bool) -> bool:
    if loose:
        value = _to_boolean(value)
    if not isinstance(value, bool):
        raise PermanentError(
            f"the condition gave {shown(value)}; it must give true or false",
            code="NOT_BOOLEAN",
            hint='compare explicitly, as in "{{ $json.count > 0 }}", or set "loose": true',
        )
    return value


def _to_boolean(value: Any) -> Any:
    if isinstance(value, str):
        return {"true": True, "false": False, "": False}.get(value.strip().lower(), value)
    if kind(value) == "number":
        return value != 0
    return False if value is None else value


def _alike(left: Any, right: Any, loose: bool) -> tuple[Any, Any]:
    if kind(left) == kind(right):
        return left, right
    if not loose:
        raise _UnlikeError
    kinds = {kind(left), kind(right)}
    if "text" in kinds:
        text, other = (left, right) if kind(left) == "text" else (right, left)
        converted = _like(text, other)
        if kind(converted) != kind(other):
            converted, other = text, "" if other is None else dumps(other)
        return (converted, other) if kind(left) == "text" else (other, converted)
    if kinds == {"boolean", "number"}:
        return int(left) if isinstance(left, bool) else left, int(right) if isinstance(right, bool) else right
    raise _UnlikeError


def _like(text: str, other: Any) -> Any:
    if kind(other) == "boolean":
        return _to_boolean(text)
    if kind(other) == "number":
        number = number_in(text)
        return text if number is None else number
    return text


def _equals(left: Any, right: Any, loose: bool) -> bool:
    if left is None and right is None:
        return True
    if left is None or right is None:
        # null is the absence of a value, so it is no type of its own: it equals itself only.
        return loose and "" in (left, right)
    return same(*_alike(left, right, loose))


def _ordered(left: Any, right: Any, loose: bool) -> int:
    left, right = _alike(left, right, loose)
    if kind(left) not in ("number", "text"):
        raise _UnlikeError(f"{shown(left)} and {shown(right)} have no order")
    if kind(left) == "number":
        left, right = comparable(left), comparable(right)
    return int(left > right) - int(left < right)


def _contains(left: Any, right: Any, loose: bool) -> bool:
    if isinstance(left, str):
        if isinstance(right, str):
            return right in left
        if loose and right is not None:
            return dumps(right) in left
    if isinstance(left, dict) and isinstance(right, str):
        return right in left
    if isinstance(left, list):
        return _among(right, left, loose)
    raise _UnlikeError


def _among(value: Any, values: Sequence[Any], loose: bool) -> bool:
    if loose:
        return any(_loosely_equal(each, value) for each in values)
    kinds = dict.fromkeys(kind(each) for each in values if each is not None)
    if value is not None and kinds and kind(value) not in kinds:
        raise _UnlikeError(f"{shown(value)} can't be in a list that holds only {' and '.join(kinds)}")
    return any(same(each, value) for each in values)


def _loosely_equal(left: Any, right: Any) -> bool:
    try:
        return _equals(left, right, True)
    except _UnlikeError:
        return False


def _in(left: Any, right: Any, loose: bool) -> bool:
    if isinstance(right, list):
        return _among(left, right, loose)
    return _contains(right, left, loose)


def _texts(left: Any, right: Any, loose: bool) -> tuple[str, str]:
    if loose:
        left, right = (
            "" if value is None else value if isinstance(value, str) else dumps(value) for value in (left, right)
        )
    if not isinstance(left, str) or not isinstance(right, str):
        raise _UnlikeError(f"it needs text on both sides, not {shown(left)} and {shown(right)}")
    return left, right


def _matches(left: Any, right: Any, loose: bool) -> bool:
    text, pattern = _texts(left, right, loose)
    return search(pattern, text)


def _empty(value: Any, loose: bool) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _is(expected: bool, value: Any, loose: bool) -> bool:
    if loose:
        value = _to_boolean(value)
    if value is not None and not isinstance(value, bool):
        raise _UnlikeError(f"{shown(value)} is neither true nor false")
    return value is expected


_UNARY: dict[str, Callable[[Any, bool], bool]] = {
    "exists": lambda value, loose: value is not None,
    "not_exists": lambda value, loose: value is None,
    "empty": _empty,
    "not_empty": lambda value, loose: not _empty(value, loose),
    "is_true": lambda value, loose: _is(True, value, loose),
    "is_false": lambda value, loose: _is(False, value, loose),
}
_COMPARISONS: dict[str, Callable[[Any, Any, bool], bool]] = {
    "equals": _equals,
    "not_equals": lambda left, right, loose: not _equals(left, right, loose),
    "gt": lambda left, right, loose: _ordered(left, right, loose) > 0,
    "gte": lambda left, right, loose: _ordered(left, right, loose) >= 0,
    "lt": lambda left, right, loose: _ordered(left, right, loose) < 0,
    "lte": lambda left, right, loose: _ordered(left, right, loose) <= 0,
    "contains": _contains,
    "not_contains": lambda left, right, loose: not _contains(left, right, loose),
    "starts_with": lambda left, right, loose: str.startswith(*_texts(left, right, loose)),
    "ends_with": lambda left, right, loose: str.endswith(*_texts(left, right, loose)),
    "matches": _matches,
    "in": _in,
}

"""Checks parameters against a subtype's model, unresolved ones when saved and resolved ones before a call."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from nodes.errors import PermanentError
from nodes.values import listed, shown
from orchestrator import expression
from orchestrator.duration import LONGEST, parse_duration
from orchestrator.errors import Problem
from orchestrator.exact_json import dotted

if TYPE_CHECKING:
    from nodes.base import NodeExecutor
    from orchestrator.model import Node

M = TypeVar("M", bound=BaseModel)
MOST_PROBLEMS = 20
_STATIC = {"static": True}
_MISUSE, _ABSENT = "misuse", "absent"


class Structural:
    """Marks a field that shapes the node (its ports, its mode): it must be literal, without any {{ }}."""

    def __init__(self, *, deep: bool = True) -> None:
        self.deep = deep


STRUCTURAL = Structural()
# The value itself must be written out, though texts inside it may hold {{ }}.
WRITTEN_OUT = Structural(deep=False)


class Parameters(BaseModel):
    """The parameters of a subtype: the only source for validation, forms and docs."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    @field_validator("*", mode="wrap")
    @classmethod
    def _spare_templates(cls, value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        if not info.context or "static" not in info.context:
            return check(value)
        field = cls.model_fields[info.field_name or ""]
        mark = next((mark for mark in field.metadata if isinstance(mark, Structural)), None)
        if mark is None:
            return value if is_template(value) else check(value)
        if is_template(value) or (mark.deep and holds_template(value)):
            raise misuse("must be written out: it shapes the node, so it can't be an expression")
        return check(value)


def misuse(message: str) -> PydanticCustomError:
    """What a validator raises when fields contradict each other; it follows the parameter's name."""
    return PydanticCustomError(_MISUSE, "{message}", {"message": message})


def absent(name: str, why: str) -> PydanticCustomError:
    """What a validator raises when the others make the parameter `name` necessary."""
    return PydanticCustomError(_ABSENT, "{message}", {"message": f"is missing; {why}", "name": name})


def is_template(value: Any) -> bool:
    """Whether a value is a text with {{ }} in it, so that its type is known only at run time."""
    return isinstance(value, str) and "{{" in value


def holds_template(value: Any) -> bool:
    """Whether any text inside a value has {{ }} in it."""
    return next(expression.walk(value), None) is not None


def is_expression(value: Any) -> bool:
    """Whether a value is exactly one {{ }}, which keeps its value's type; unreadable ones get the benefit."""
    if not is_template(value):
        return False
    try:
        return expression.parse(value).single is not None
    except expression.TemplateError:
        return True


def _seconds(value: Any) -> float:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ValueError as error:
            raise misuse(f"can't be read: {error}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise misuse(f'is {shown(value)}; write a duration such as "1.5s", "10m" or "2h"')
    if not 0 <= value <= LONGEST:
        raise misuse(f"is {value}; a duration is between 0 seconds and ten years")
    return float(value)


Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    WithJsonSchema({"type": ["string", "number"], "format": "duration", "examples": ["1.5s", "10m", "2h"]}),
]


def parse(model: type[M], resolved: Mapping[str, Any]) -> M:
    """The resolved parameters as a model; PermanentError names each that doesn't fit."""
    try:
        return model.model_validate(dict(resolved))
    except ValidationError as error:
        found = list(_problems(model, error, ""))
    sentences = [problem.message for problem in found[:MOST_PROBLEMS]]
    raise PermanentError("; ".join(sentences), code="INVALID_PARAMETER", hint="correct the node's parameters")


def check(executor: "NodeExecutor[Any]", node: "Node") -> list[Problem]:
    """What is wrong with a node's unresolved parameters; a text with {{ }} stands for any value."""
    model = executor.model_for(node.parameters)
    try:
        model.model_validate(dict(node.parameters), context=_STATIC)
    except ValidationError as error:
        return list(_problems(model, error, node.name))[:MOST_PROBLEMS]
    return []


def _problems(model: type[BaseModel], error: ValidationError, node: str) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        path, code = list(detail["loc"]), "INVALID_PARAMETER"
        if detail["type"] not in (_MISUSE, _ABSENT, "missing", "extra_forbidden") and (
            node and is_template(detail["input"])
        ):
            continue
        if detail["type"] == _ABSENT:
            path.append(detail["ctx"]["name"])
        if detail["type"] in (_ABSENT, "missing"):
            code = "MISSING_PARAMETER"
        elif detail["type"] == "extra_forbidden":
            code = "UNKNOWN_PARAMETER"
        name = dotted(path)
        subject = f'the parameter "{name[:100]}"' if name else "the node"
        message = f"{subject} {_explain(model, detail)}"
        yield Problem(code, message, node, f"parameters.{name}" if name else "parameters")


_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "string_type": "text",
    "list": "a list",
    "dict": "an object",
    "model": "an object",
}

_BOUNDS = {
    "greater_than": "more than",
    "greater_than_equal": "at least",
    "less_than": "less than",
    "less_than_equal": "at most",
}


def _explain(model: type[BaseModel], detail: ErrorDetails) -> str:
    sort, context = detail["type"], detail.get("ctx", {})
    if sort in (_MISUSE, _ABSENT):
        return str(context["message"])
    if sort == "missing":
        return "is missing"
    if sort == "extra_forbidden":
        return f"is unknown{_suggestion(str(detail['loc'][-1]), _fields(model, detail['loc'][:-1]))}"
    got = f"is {shown(detail['input'])}; expected "
    if sort == "literal_error":
        expected = str(context["expected"])
        names = [name.strip("' ") for name in expected.replace(" or ", ", ").split(",")]
        close = difflib.get_close_matches(str(detail["input"]), names, n=1)
        return got + expected + (f'; did you mean "{close[0]}"?' if close else "")
    if sort in _BOUNDS:
        return f"{got}{_BOUNDS[sort]} {next(iter(context.values())):.10g}"
    if sort in ("too_short", "string_too_short"):
        return f"{got}at least {context['min_length']} {'characters' if 'string' in sort else 'entries'}"
    if sort in ("too_long", "string_too_long"):
        return f"{got}at most {context['max_length']} {'characters' if 'string' in sort else 'entries'}"
    expected = next((text for start, text in _EXPECTED.items() if sort.startswith(start)), "")
    return got + expected if expected else f"is {shown(detail['input'])}: {detail['msg']}"


def _suggestion(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; there are {listed(known, 20)}" if known else "; it takes none"


def _fields(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    current: type[BaseModel] | None = model
    for step in path:
        if isinstance(step, str) and current is not None:
            current = _model_in(current.model_fields[step].annotation) if step in current.model_fields else None
    fields = current.model_fields.items() if current else ()
    return [field.alias or name for name, field in fields]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)

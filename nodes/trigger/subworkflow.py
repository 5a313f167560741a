"""Starts a run when another workflow calls this one; its items are what the caller passes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from nodes.base import NodeExecutionContext, Output, Parameters, PermanentError
from nodes.parameters import STRUCTURAL
from nodes.trigger.manual import Trigger
from nodes.values import kind, shown

FieldType = Literal["any", "text", "string", "number", "boolean", "object", "list", "array"]
_KINDS = {"string": "text", "array": "list"}


class InputField(Parameters):
    """One field that a caller passes."""

    name: Annotated[str, STRUCTURAL] = Field(min_length=1, description="The field's name.")
    type: Annotated[FieldType, STRUCTURAL] = Field(default="any", description="The kind of value it must hold.")
    required: Annotated[bool, STRUCTURAL] = Field(default=False, description="Whether a call without it is refused.")


class SubworkflowParameters(Parameters):
    """Parameters of SUBWORKFLOW."""

    fields: Annotated[list[InputField], STRUCTURAL] = Field(
        default_factory=list, description="The fields that a call must or may pass; others pass unchecked."
    )


class Subworkflow(Trigger[SubworkflowParameters]):
    """Makes a workflow callable by others."""

    subtype = "SUBWORKFLOW"
    model = SubworkflowParameters

    def execute(self, context: NodeExecutionContext[SubworkflowParameters]) -> Output:
        """Checks what the caller passes, then emits it."""
        for position, item in enumerate(context.items):
            for field in context.parameters.fields:
                _check(field, item["json"], position)
        return super().execute(context)


def _check(field: InputField, passed: dict[str, Any], position: int) -> None:
    value = passed.get(field.name)
    wanted = _KINDS.get(field.type, field.type)
    if value is None:
        if not field.required:
            return
        message = f'the caller must pass the field "{field.name}"'
    elif wanted in ("any", kind(value)):
        return
    else:
        message = f'the caller must pass a {wanted} as "{field.name}", not {shown(value)}'
    raise PermanentError(
        message,
        code="INVALID_INPUT",
        item=position,
        hint="correct what the calling workflow passes, or this trigger's fields",
    )

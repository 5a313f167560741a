"""Demands that an agent's answer is JSON of a schema; an answer that isn't goes back to the model with the reason."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import Field, model_validator

from nodes.ai_agent.parameters import JsonSchema
from nodes.ai_agent.provider import ProviderNode
from nodes.base import NodeExecutionContext, Parameters
from nodes.equipment import OutputParser
from nodes.parameters import absent, misuse
from nodes.values import kind
from orchestrator import exact_json

_NAMES = {"text": "string", "number": "number", "boolean": "boolean", "list": "array", "object": "object"}


class OutputParserParameters(Parameters):
    """Parameters of OUTPUT_PARSER."""

    answer_schema: JsonSchema = Field(default=None, alias="schema", description="The JSON Schema of the answer.")
    example: Any = Field(
        default=None,
        description="Instead: an answer as it should be, an object or a list; every field in it must be there.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.answer_schema is not None and self.example is not None:
            raise misuse('has both "schema" and "example"; leave one out')
        if self.answer_schema is None and self.example is None:
            raise absent("schema", 'or give an "example"')
        return self


class OutputParserNode(ProviderNode[OutputParserParameters], OutputParser):
    """Serves over `ai_output_parser`."""

    subtype = "OUTPUT_PARSER"
    model = OutputParserParameters

    def schema(self, context: NodeExecutionContext[Any]) -> Mapping[str, Any]:
        """The schema, or the example's."""
        given: OutputParserParameters = context.parameters
        return given.answer_schema if given.answer_schema is not None else schema_of(given.example)


def schema_of(example: Any) -> dict[str, Any]:
    """The JSON Schema of all values that have the form of an example; null stands for any value."""
    sort = kind(example)
    if sort == "object":
        properties = {name: schema_of(value) for name, value in example.items()}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    if sort == "list":
        forms = _distinct([schema_of(entry) for entry in example])
        items = {"items": forms[0] if len(forms) == 1 else {"anyOf": forms}} if forms else {}
        return {"type": "array", **items}
    return {"type": _NAMES[sort]} if sort in _NAMES else {}


def _distinct(forms: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({exact_json.dumps(form): form for form in forms}.values())

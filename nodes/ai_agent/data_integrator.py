"""Maps what comes from several places onto one schema, and says where each field comes from."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from nodes.ai_agent import prompt
from nodes.ai_agent.agent import Agent, invalid, limit_port, require
from nodes.ai_agent.parameters import AgentParameters, usable_schema
from nodes.base import NodeExecutionContext, Output
from nodes.equipment import Document
from nodes.models.chat import Message
from nodes.parameters import STRUCTURAL
from nodes.values import shown
from orchestrator.plan import Ports

MOST_INPUTS = 100
_DEFINITIONS = ("$defs", "definitions")
_SOURCES = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "field": {"type": "string", "description": "A field of the data, such as customer.name."},
            "input": {"type": "integer", "description": "The number of the input."},
            "item": {"type": "integer", "description": "The number of the item in that input."},
            "path": {"type": "string", "description": "Where in the item the value stands, such as name.first."},
        },
        "required": ["field", "input", "item", "path"],
        "additionalProperties": False,
    },
}


class DataIntegratorParameters(AgentParameters):
    """Parameters of DATA_INTEGRATOR."""

    target_schema: Annotated[dict[str, Any], AfterValidator(usable_schema)] = Field(
        description="The JSON Schema of what is to come of the data."
    )
    inputs: Annotated[int, STRUCTURAL] = Field(
        default=1, ge=1, le=MOST_INPUTS, description="How many input ports there are."
    )


class DataIntegrator(Agent[DataIntegratorParameters]):
    """Emits one item: `data`, and `sources` by field, each a list of `{input, item, path}`."""

    subtype = "DATA_INTEGRATOR"
    model = DataIntegratorParameters
    each_item = False

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """As many inputs as its parameter says, one output; with `on_limit: output` also `limit`."""
        given = parameters.get("inputs", 1)
        fits = isinstance(given, int | float) and not isinstance(given, bool) and 1 <= given <= MOST_INPUTS
        whole = int(given) if fits and given == int(given) else 1
        return Ports(self.effect, queue=self.queue, inputs=whole, outputs=("main", *limit_port(parameters)))

    def instructions(self, context: NodeExecutionContext[DataIntegratorParameters]) -> str:
        """How to map."""
        return (
            "Make one object of the data that the items hold. Take values as they are, convert only their form, and "
            "invent none: what no item says is null where the schema allows it, else left out. Where items contradict "
            "each other, prefer the more complete and more recent one. In sources, name for each field of the data "
            "the items that its value comes from."
        )

    def data(self, context: NodeExecutionContext[DataIntegratorParameters]) -> list[Message]:
        """The items of all inputs."""
        lines = [
            f"input {port}, item {place}: {prompt.shown_item(item)}"
            for port, items in enumerate(context.inputs)
            for place, item in enumerate(items)
        ]
        return [Message("user", "\n".join(["The items, one a line:", *lines]))]

    def prompt_of(self, context: NodeExecutionContext[DataIntegratorParameters]) -> str:
        """What is asked for beyond the schema."""
        return context.parameters.prompt or "Map the items onto the schema."

    def own_schema(self, context: NodeExecutionContext[DataIntegratorParameters]) -> dict[str, Any] | None:
        """The data, and its sources."""
        return _shape(context.parameters.target_schema)

    def close(
        self, context: NodeExecutionContext[DataIntegratorParameters], answer: Any, sources: Sequence[Document]
    ) -> Output:
        """The data with its sources, if these are there."""
        require(_shape(context.parameters.target_schema), answer)
        by_field: dict[str, list[dict[str, Any]]] = {}
        for place, one in enumerate(answer["sources"]):
            items = context.inputs[one["input"]] if 0 <= one["input"] < len(context.inputs) else ()
            if not 0 <= one["item"] < len(items):
                raise invalid(f"sources[{place}] names item {one['item']} of input {one['input']}, which there isn't")
            by_field.setdefault(one["field"], []).append({name: one[name] for name in ("input", "item", "path")})
        _require_all(answer["data"], by_field)
        documents = {"documents": prompt.shown_sources(sources, 1)} if sources else {}
        return Output({"main": [{"json": {**answer, "sources": by_field, **documents}}]})


def _shape(target: Mapping[str, Any]) -> dict[str, Any]:
    """The target beside its sources; its definitions go to the root, and what refers to that finds it there."""
    data = {name: value for name, value in target.items() if name not in (*_DEFINITIONS, "$schema", "$id")}
    definitions = {name: _refer(target[name]) for name in _DEFINITIONS if name in target}
    return {
        "type": "object",
        "properties": {"data": _refer(data), "sources": _SOURCES},
        "required": ["data", "sources"],
        "additionalProperties": False,
        **definitions,
    }


def _refer(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _target(child) if name == "$ref" else _refer(child) for name, child in value.items()}
    return [_refer(child) for child in value] if isinstance(value, list) else value


def _target(reference: Any) -> Any:
    if not isinstance(reference, str) or not reference.startswith("#"):
        return _refer(reference)
    defined = reference.startswith(tuple(f"#/{name}/" for name in _DEFINITIONS))
    return reference if defined else f"#/properties/data{reference[1:]}"


def _require_all(data: Any, by_field: Mapping[str, Any]) -> None:
    """INVALID_ANSWER unless each field that has a value has a source, of its own or of a part of it."""
    if not isinstance(data, dict):
        return
    for name, value in data.items():
        has_one = any(field == name or field.startswith((f"{name}.", f"{name}[")) for field in by_field)
        if value not in (None, "", [], {}) and not has_one:
            raise invalid(f"sources say nothing of the field {shown(name)}; name the items that its value comes from")

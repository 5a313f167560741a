"""Brings several inputs together; waits for every input that can still arrive."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from nodes.base import Item, NodeExecutionContext, NodeExecutor, Output, Parameters, PermanentError
from nodes.flow.joining import Join, Key, append, by_key, by_position, cross
from nodes.parameters import STRUCTURAL, absent, misuse
from orchestrator.model import NodeType
from orchestrator.plan import Effect, Ports

MOST_INPUTS = 100
DEFAULT_INPUTS = 2


def _pair(key: Any) -> Any:
    return {"left": key, "right": key} if isinstance(key, str) else key


class KeyPair(Parameters):
    """A field of the items so far, and the field of the next input that must hold the same value."""

    left: str = Field(min_length=1, description="The field in the inputs before.")
    right: str = Field(min_length=1, description="The field in the next input.")


class MergeParameters(Parameters):
    """Parameters of MERGE."""

    mode: Annotated[Literal["append", "by_position", "by_key", "cross", "choose"], STRUCTURAL] = Field(
        default="append",
        description="append: one input after the other; by_position: the first items together, and so on; "
        "by_key: items with the same key together; cross: each with each; choose: one input only. "
        "Where fields clash, the later input's value holds.",
    )
    inputs: Annotated[int, STRUCTURAL] = Field(
        default=DEFAULT_INPUTS, ge=1, le=MOST_INPUTS, description="How many input ports there are."
    )
    keys: Annotated[list[Annotated[KeyPair, BeforeValidator(_pair)]] | None, STRUCTURAL] = Field(
        default=None,
        min_length=1,
        description="Mode by_key: the fields to join by: names, or {left, right} where the names differ.",
    )
    join: Annotated[Join, STRUCTURAL] = Field(
        default="inner",
        description="Mode by_key: inner keeps items with a partner, left all of the first input, outer all.",
    )
    input: int | None = Field(
        default=None, ge=0, lt=MOST_INPUTS, description="Mode choose: the input to pass on, from 0."
    )
    include_unpaired: bool = Field(
        default=False, description="Mode by_position: keep the items of a longer input that have no partner."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"by_key": "keys", "choose": "input"}.get(self.mode)
        if needed and getattr(self, needed) is None:
            raise absent(needed, f'mode "{self.mode}" needs it')
        if self.keys is not None and self.mode != "by_key":
            raise misuse(f'has "keys", which belong to mode "by_key", not "{self.mode}"')
        if isinstance(self.input, int) and self.input >= self.inputs:
            raise misuse(f"chooses input {self.input}, but its inputs are 0 to {self.inputs - 1}")
        return self


class Merge(NodeExecutor[MergeParameters]):
    """Joins branches into one list of items."""

    type = NodeType.FLOW_NODE
    subtype = "MERGE"
    model = MergeParameters
    effect = Effect.PURE
    per_item = False

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """As many inputs as its parameter says, one output."""
        given = parameters.get("inputs", DEFAULT_INPUTS)
        number = isinstance(given, int | float) and not isinstance(given, bool)
        fits = number and 1 <= given <= MOST_INPUTS and given == int(given)
        return Ports(self.effect, inputs=int(given) if fits else DEFAULT_INPUTS)

    def execute(self, context: NodeExecutionContext[MergeParameters]) -> Output:
        """Merges all inputs."""
        given, inputs = context.parameters, context.inputs
        if given.mode == "append":
            return _main(append(inputs))
        if given.mode == "by_position":
            return _main(by_position(inputs, given.include_unpaired))
        if given.mode == "cross":
            return _main(cross(inputs))
        if given.mode == "choose":
            return _main(list(inputs[given.input]) if given.input is not None and given.input < len(inputs) else [])
        if given.keys is None:
            raise PermanentError('mode "by_key" needs "keys"', code="INVALID_PARAMETER")
        return _main(by_key(inputs, [Key(key.left, key.right) for key in given.keys], given.join))


def _main(items: list[Item]) -> Output:
    return Output({"main": items})

"""Repeats the nodes between its `body` output and its input, then goes on from `done`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nodes.base import NodeExecutionContext, NodeExecutor, Parameters
from nodes.parameters import STRUCTURAL, absent, is_expression, misuse
from nodes.values import shown
from orchestrator.commands import Iterate
from orchestrator.model import NodeType
from orchestrator.plan import Effect, Ports

_BELONGS = {"batch_size": "items", "max_concurrency": "items", "times": "count", "condition": "while"}


class LoopParameters(Parameters):
    """Parameters of LOOP."""

    mode: Annotated[Literal["items", "count", "while"], STRUCTURAL] = Field(
        default="items",
        description="Go over the items in batches, a fixed number of times, or while a condition holds.",
    )
    batch_size: int = Field(default=1, ge=1, description="Mode items: how many items an iteration gets.")
    times: int | None = Field(default=None, ge=0, description="Mode count: how many iterations.")
    condition: Any = Field(
        default=None,
        description="Mode while: one boolean expression, evaluated before each iteration "
        "with what came back as $input.",
    )
    max_iterations: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="How many iterations there may be; one more is an error.",
    )
    max_concurrency: Annotated[int, STRUCTURAL] = Field(
        default=1, ge=1, le=1000, description="Mode items: how many iterations may run at the same time."
    )
    collect: bool = Field(
        default=False,
        description="Modes count and while: emit what every iteration brought back, not only the last.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"count": "times", "while": "condition"}.get(self.mode)
        if needed and getattr(self, needed) is None:
            raise absent(needed, f'mode "{self.mode}" needs it')
        for name, mode in _BELONGS.items():
            if mode != self.mode and getattr(self, name) != type(self).model_fields[name].default:
                raise misuse(f'has "{name}", which belongs to mode "{mode}", not "{self.mode}"')
        if self.condition is not None and not isinstance(self.condition, bool) and not is_expression(self.condition):
            raise misuse(
                f'has a "condition" that is {shown(self.condition)}; '
                'write one boolean expression, as in "{{ $json.more }}"'
            )
        return self


class Loop(NodeExecutor[LoopParameters]):
    """Repeats a part of the workflow."""

    type = NodeType.FLOW_NODE
    subtype = "LOOP"
    model = LoopParameters
    effect = Effect.CONTROL
    per_item = False
    raw = frozenset({"condition"})

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """One input; an iteration's items go out of `body`, the result out of `done`."""
        return Ports(self.effect, outputs=("body", "done"), loops=True)

    def execute(self, context: NodeExecutionContext[LoopParameters]) -> Iterate:
        """Says how to go round."""
        given = context.parameters
        return Iterate(
            given.mode,
            batch_size=given.batch_size,
            times=given.times or 0,
            max_iterations=given.max_iterations,
            max_concurrency=given.max_concurrency,
            collect=given.collect,
        )

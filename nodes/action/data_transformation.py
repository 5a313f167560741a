"""Sets, renames, splits, sorts, sums up or converts data, without code."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Union, get_args

from pydantic import AfterValidator, ConfigDict, Field, RootModel

from nodes.action.transformation.aggregating import Aggregate, Summarize
from nodes.action.transformation.converting import Parse, Render
from nodes.action.transformation.operation import Operation
from nodes.action.transformation.ordering import Deduplicate, Limit, Sort
from nodes.action.transformation.shaping import Map, Remove, Rename, Set, SplitOut
from nodes.base import Model, NodeExecutionContext, NodeExecutor, Output
from nodes.parameters import STRUCTURAL, Parameters, misuse
from nodes.values import listed, shown
from orchestrator.model import NodeType
from orchestrator.plan import Effect

AnyOperation = Union[  # noqa: UP007 - listed one a line
    Set,
    Rename,
    Remove,
    SplitOut,
    Aggregate,
    Summarize,
    Sort,
    Limit,
    Deduplicate,
    Map,
    Parse,
    Render,
]
OPERATIONS: dict[str, type[Operation]] = {
    get_args(model.model_fields["operation"].annotation)[0]: model for model in get_args(AnyOperation)
}


class Transformation(RootModel[AnyOperation]):
    """Parameters of DATA_TRANSFORMATION: those of one operation."""


def _unknown(name: str) -> str:
    raise misuse(f"is {shown(name)}; expected one of {listed(OPERATIONS, len(OPERATIONS))}")


class Unchosen(Parameters):
    """Parameters whose operation is missing or unknown, to say so."""

    model_config = ConfigDict(extra="ignore")

    operation: Annotated[str, STRUCTURAL, AfterValidator(_unknown)] = Field(description="What to do.")


class DataTransformation(NodeExecutor[Operation]):
    """Transforms items."""

    type = NodeType.ACTION_NODE
    subtype = "DATA_TRANSFORMATION"
    model = Transformation
    effect = Effect.PURE

    def model_for(self, parameters: Mapping[str, Any]) -> Model:
        """The model of the operation."""
        return _operation(parameters) or Unchosen

    def runs_per_item(self, parameters: Mapping[str, Any]) -> bool:
        """As the operation says."""
        operation = _operation(parameters)
        return operation is None or operation.runs_per_item(parameters)

    async def execute(self, context: NodeExecutionContext[Operation]) -> Output:
        """Applies the operation to the item, or to all items."""
        operation = context.parameters
        items = [context.item] if self.runs_per_item(context.node.parameters) else context.items
        if operation.is_heavy(items):
            return Output({"main": await asyncio.to_thread(operation.apply, items)})
        return Output({"main": operation.apply(items)})


def _operation(parameters: Mapping[str, Any]) -> type[Operation] | None:
    name = parameters.get("operation")
    return OPERATIONS.get(name) if isinstance(name, str) else None

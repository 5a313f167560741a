"""Keeps the items that meet a condition; the others leave by `discarded`."""

from collections.abc import Mapping
from typing import Any

from nodes.base import NodeExecutionContext, NodeExecutor, Output
from nodes.conditions import Conditional, holds
from orchestrator.model import NodeType
from orchestrator.plan import Effect, Ports


class FilterParameters(Conditional):
    """Parameters of FILTER."""


class Filter(NodeExecutor[FilterParameters]):
    """Sorts items out; those kept pass unchanged."""

    type = NodeType.FLOW_NODE
    subtype = "FILTER"
    model = FilterParameters
    effect = Effect.PURE

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """One input, two outputs."""
        return Ports(self.effect, outputs=("kept", "discarded"))

    def execute(self, context: NodeExecutionContext[FilterParameters]) -> Output:
        """Picks the port of one item."""
        return Output({"kept" if holds(context.parameters) else "discarded": [context.item]})

"""Sends each item out of `true` or `false`."""

from collections.abc import Mapping
from typing import Any

from nodes.base import NodeExecutionContext, NodeExecutor, Output
from nodes.conditions import Conditional, holds
from orchestrator.model import NodeType
from orchestrator.plan import Effect, Ports


class IfParameters(Conditional):
    """Parameters of IF."""


class If(NodeExecutor[IfParameters]):
    """Decides item by item; items pass unchanged."""

    type = NodeType.FLOW_NODE
    subtype = "IF"
    model = IfParameters
    effect = Effect.PURE

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """One input, two outputs."""
        return Ports(self.effect, outputs=("true", "false"))

    def execute(self, context: NodeExecutionContext[IfParameters]) -> Output:
        """Picks the port of one item."""
        return Output({"true" if holds(context.parameters) else "false": [context.item]})

"""Starts a run when somebody asks for one; its items are the run's input."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from nodes.base import NodeExecutionContext, NodeExecutor, Output, P, Parameters
from orchestrator.model import Node, NodeType
from orchestrator.plan import Effect, Ports


class ManualParameters(Parameters):
    """Parameters of MANUAL."""

    description: str = Field(default="", description="What this workflow is for, shown to whoever starts it.")


class Trigger(NodeExecutor[P]):
    """What every trigger shares: no input port, and the run's input goes out as it is."""

    type = NodeType.TRIGGER_NODE
    effect: ClassVar[Effect] = Effect.PURE
    per_item = False

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """No input, one output."""
        return Ports(self.effect, inputs=0)

    def unready(self, node: Node) -> str:
        """What keeps the node from being turned on, so that it starts runs by itself; empty if nothing does."""
        return ""

    def execute(self, context: NodeExecutionContext[P]) -> Output:
        """Emits the run's input."""
        return Output({"main": context.items})


class Manual(Trigger[ManualParameters]):
    """Starts a run by hand, by the API or by the command line."""

    subtype = "MANUAL"
    model = ManualParameters

"""Ends the run at once, as failed, with a message of yours."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from nodes.base import NodeExecutionContext, NodeExecutor, Parameters, PermanentError, Returned
from orchestrator.model import NodeType
from orchestrator.plan import Effect, Ports


class StopParameters(Parameters):
    """Parameters of STOP."""

    message: str = Field(default="the workflow stopped here", description="Why the run fails; becomes its error.")


class Stop(NodeExecutor[StopParameters]):
    """Fails the run with a message."""

    type = NodeType.FLOW_NODE
    subtype = "STOP"
    model = StopParameters
    effect = Effect.CONTROL
    per_item = False

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """One input, no output."""
        return Ports(self.effect, outputs=())

    def execute(self, context: NodeExecutionContext[StopParameters]) -> Returned:
        """Raises the message."""
        raise PermanentError(context.parameters.message, code="STOPPED")

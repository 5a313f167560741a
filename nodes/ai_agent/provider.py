"""Nodes that only equip others: they stand on AI connections, and no item ever reaches them."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from nodes.base import NodeExecutionContext, NodeExecutor, PermanentError
from orchestrator.model import NodeType
from orchestrator.plan import Effect, Ports

P = TypeVar("P", bound=BaseModel)


class ProviderNode(NodeExecutor[P], Generic[P]):
    """Serves other nodes."""

    type = NodeType.AI_AGENT_NODE
    effect = Effect.EFFECTFUL

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """None: it stands on AI connections only."""
        return Ports(self.effect, provider=True)

    def execute(self, context: NodeExecutionContext[P]) -> dict[str, Any]:
        """Always an error: it does nothing by itself."""
        raise PermanentError(
            "the node only equips other nodes; it doesn't run by itself",
            code="NOT_RUNNABLE",
            hint="test the node that it is connected to",
        )

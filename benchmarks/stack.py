"""The `dev` stack with one node more: CUSTOM_NODE NOTHING, an effectful node that does nothing."""

import sys
from typing import Any

from nodes.base import BaseNodeExecutor, NodeExecutionContext, Returned
from nodes.factory import get_node_executor_factory


class Nothing(BaseNodeExecutor):
    """Costs what the engine around a node costs."""

    def get_supported_subtypes(self) -> list[str]:
        """One."""
        return ["NOTHING"]

    async def execute(self, context: NodeExecutionContext[Any]) -> Returned:
        """Passes its input on."""
        return context.input_data


if __name__ == "__main__":
    get_node_executor_factory().register_executor("CUSTOM_NODE", Nothing)
    from services.cli import main

    sys.argv = ["orchestrator", "dev", *sys.argv[1:]]
    main()

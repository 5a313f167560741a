"""Tells an observer what was recorded of a version's runs."""

from collections.abc import Callable, Sequence
from datetime import datetime

from activities.ports import Checkpoint, ChildExecution, Definition, Executions, Observer
from orchestrator.items import Items
from orchestrator.record import ExecutionRecord, NodeRecord

# Tells of node runs of an execution that were recorded, or are sure to be.
Observe = Callable[[str, Sequence[NodeRecord]], None]


def nobody_watches(execution_id: str, records: Sequence[NodeRecord]) -> None:
    """Where there is no observer."""


class ObservedExecutions(Executions):
    """Records of one version's runs; what is recorded is told afterwards."""

    def __init__(self, inner: Executions, definition: Definition, observer: Observer) -> None:
        self._inner = inner
        self._definition = definition
        self._observer = observer

    async def record(
        self, execution_id: str, nodes: Sequence[NodeRecord], execution: ExecutionRecord | None = None
    ) -> None:
        """See Executions."""
        await self._inner.record(execution_id, nodes, execution)
        self._observer.nodes_recorded(self._definition, execution_id, nodes)

    async def progress(self, execution_id: str, node: str, run_index: int, text: str) -> None:
        """See Executions."""
        await self._inner.progress(execution_id, node, run_index, text)

    async def create_child(
        self,
        execution_id: str,
        parent_execution_id: str,
        workflow_id: str,
        mode: str,
        trigger_subtype: str,
        at: datetime,
    ) -> ChildExecution:
        """See Executions."""
        return await self._inner.create_child(execution_id, parent_execution_id, workflow_id, mode, trigger_subtype, at)

    async def load_checkpoint(self, execution_id: str, node: str, run_index: int) -> Checkpoint:
        """See Executions."""
        return await self._inner.load_checkpoint(execution_id, node, run_index)

    async def save_checkpoint(
        self, execution_id: str, node: str, run_index: int, item: int, outputs: dict[str, Items]
    ) -> None:
        """See Executions."""
        await self._inner.save_checkpoint(execution_id, node, run_index, item, outputs)

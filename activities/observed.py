"""Tells an observer what was recorded of a version's runs."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from activities.ports import Definition, Executions, Observer
from orchestrator.record import ExecutionRecord, NodeRecord

# Tells of node runs of an execution that were recorded, or are sure to be.
Observe = Callable[[str, Sequence[NodeRecord]], None]


def nobody_watches(execution_id: str, records: Sequence[NodeRecord]) -> None:
    """Where there is no observer."""


def observed(executions: Executions, definition: Definition, observer: Observer) -> Executions:
    """Records of one version's runs; what is recorded is told afterwards."""
    return cast(Executions, _Observed(executions, definition, observer))


class _Observed:
    """Stands for Executions."""

    def __init__(self, inner: Executions, definition: Definition, observer: Observer) -> None:
        self._inner = inner
        self._definition = definition
        self._observer = observer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def record(
        self, execution_id: str, nodes: Sequence[NodeRecord], execution: ExecutionRecord | None = None
    ) -> bool:
        """See Executions."""
        ended = await self._inner.record(execution_id, nodes, execution)
        self._observer.nodes_recorded(self._definition, execution_id, nodes)
        return ended

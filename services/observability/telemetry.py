"""Hears what happens in runs, and tells metrics, the log and the traces."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from activities.ports import Definition
from orchestrator.plan import Effect
from orchestrator.record import NodeRecord, NodeStatus, Status
from orchestrator.start import RunStart
from services.observability import spans
from services.observability.metrics import Metrics
from services.store.recording import RunChange

_log = structlog.get_logger(__name__)
_LEVELS = logging.getLogger(__name__)


class Telemetry:
    """What parts of this process report to; without metrics, only lines are written and spans ended."""

    def __init__(self, metrics: Metrics | None = None, *, traced: bool = False) -> None:
        self.metrics = metrics
        # Whether calls are worth being looked at.
        self.watching = traced or metrics is not None

    def run_started(self, start: RunStart, *, ended: bool = False) -> None:
        """A run was recorded; `ended` if there was nothing to run."""
        if self.metrics:
            self.metrics.run_started(start.workflow_id, start.mode)
            if ended:
                self.metrics.run_ended(start.workflow_id, start.mode, Status.COMPLETED.value, 0.0, None)
        _log.info(
            "run started",
            execution_id=start.execution_id,
            workflow_id=start.workflow_id,
            version=start.version,
            mode=start.mode,
            status=Status.COMPLETED.value if ended else Status.RUNNING.value,
        )

    def run_changed(self, change: RunChange | None) -> None:
        """A run's status was recorded; None if it had it already."""
        if change is None:
            return
        seconds = (change.at - change.started_at).total_seconds()
        facts = {
            "execution_id": change.execution_id,
            "workflow_id": change.workflow_id,
            "mode": change.mode,
            "status": change.status.value,
        }
        if not change.status.ended:
            _log.info("run changed", **facts)
            return
        if self.metrics:
            self.metrics.run_ended(change.workflow_id, change.mode, change.status.value, seconds, change.error)
        spans.run_ended(change)
        if change.error:
            facts |= {"code": change.error.code} | ({"node_id": change.error.node} if change.error.node else {})
        _log.info("run ended", duration_ms=round(seconds * 1000, 2), **facts)

    def nodes_recorded(self, definition: Definition, execution_id: str, records: Sequence[NodeRecord]) -> None:
        """Node runs were recorded; see activities.ports.Observer."""
        if not self.watching and not _LEVELS.isEnabledFor(logging.INFO):
            return
        for record in records:
            if record.status.ended or record.status is NodeStatus.RETRYING:
                self._node_recorded(definition, execution_id, record)

    def queue_waited(self, task_queue: str, seconds: float) -> None:
        """A node run waited so long for a worker."""
        if self.metrics:
            self.metrics.queue_waited(task_queue, seconds)

    def webhook(self, outcome: str) -> None:
        """A request to a webhook was answered."""
        if self.metrics:
            self.metrics.families.webhooks.labels(outcome).inc()

    def task_opened(self) -> None:
        """Something was put before people."""
        if self.metrics:
            self.metrics.families.tasks_opened.inc()

    def task_answered(self, asked: datetime) -> None:
        """Somebody answered what was asked then."""
        if self.metrics:
            self.metrics.task_answered(asked, datetime.now(UTC))

    def payloads(self, direction: str, bodies: Sequence[bytes]) -> None:
        """Bodies were "read" or "written"."""
        if self.metrics and bodies:
            self.metrics.payloads(direction, bodies)

    def _node_recorded(self, definition: Definition, execution_id: str, record: NodeRecord) -> None:
        position = definition.plan.positions.get(record.node)
        plan = definition.plan.nodes[position] if position is not None else None
        subtype = plan.subtype if plan else ""
        started, finished = record.started_at, record.finished_at
        seconds = (finished - started).total_seconds() if started and finished else None
        if self.metrics:
            self.metrics.node_recorded(subtype, record, seconds)
        spans.node_recorded(record, plan.type if plan else "", subtype)
        # Pure nodes are many, quick and touch nothing.
        quiet = plan is not None and plan.effect is not Effect.EFFECTFUL and not record.parent
        level = logging.DEBUG if quiet and record.status is NodeStatus.COMPLETED else logging.INFO
        if _LEVELS.isEnabledFor(level):
            _write(level, execution_id, record, subtype, seconds)


def _write(level: int, execution_id: str, record: NodeRecord, subtype: str, seconds: float | None) -> None:
    facts: dict[str, object] = {
        "execution_id": execution_id,
        "node_id": record.node,
        "subtype": subtype,
        "run_index": record.run_index,
        "attempt": record.attempt,
        "status": record.status.value,
    }
    error = record.failed_attempt or record.error
    if error:
        facts["code"] = error.code
    if seconds is not None:
        facts["duration_ms"] = round(seconds * 1000, 2)
    _log.log(level, "node run", **facts)

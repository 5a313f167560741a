"""Counts what happens in runs and in calls, with labels whose number is bounded."""

import platform
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from orchestrator.errors import RunError
from orchestrator.record import NodeRecord, NodeStatus, Usage
from services.observability.bounded import Bounded
from services.observability.families import Families

# Codes may be a workflow's own (STOP), routes and models are few.
_MOST_CODES = 100
_MOST_SUBTYPES = 300
_MOST_MODELS = 50


class Metrics:
    """The metrics of one process; `workflows` is how many of them have series of their own, 0 for none."""

    def __init__(self, workflows: int = 100) -> None:
        # A second series for each, which says when it began: nobody asks for that.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.families = found = Families(self.registry)
        found.build.labels(version("orchestrator"), platform.python_version()).set(1)
        self._workflow = Bounded(workflows) if workflows else (lambda _: "")
        self._subtype, self._code, self._model = Bounded(_MOST_SUBTYPES), Bounded(_MOST_CODES), Bounded(_MOST_MODELS)

    def run_started(self, workflow_id: str, mode: str) -> None:
        """A run was recorded."""
        self.families.runs_started.labels(self._workflow(workflow_id), mode).inc()

    def run_ended(self, workflow_id: str, mode: str, status: str, seconds: float, error: RunError | None) -> None:
        """A run's end was recorded."""
        workflow = self._workflow(workflow_id)
        self.families.runs_ended.labels(workflow, mode, status).inc()
        self.families.run_duration.labels(workflow).observe(seconds)
        if error is not None:
            self.families.run_errors.labels(self._code(error.code)).inc()

    def node_recorded(self, subtype: str, record: NodeRecord, seconds: float | None) -> None:
        """A node run ended, or is to be tried again."""
        subtype = self._subtype(subtype)
        if record.status is NodeStatus.RETRYING:
            code = record.failed_attempt.code if record.failed_attempt else ""
            self.families.node_retries.labels(subtype, self._code(code)).inc()
            return
        self.families.node_runs.labels(subtype, record.status.value).inc()
        if seconds is not None:
            self.families.node_duration.labels(subtype).observe(seconds)
        if record.error is not None:
            self.families.node_errors.labels(subtype, self._code(record.error.code)).inc()
        if record.usage is not None:
            self._used(record.usage)

    def task_answered(self, asked: datetime, answered: datetime) -> None:
        """A person answered."""
        self.families.tasks_answered.inc()
        self.families.task_answer.observe((answered - asked).total_seconds())

    def payloads(self, direction: str, bodies: Sequence[bytes]) -> None:
        """Bodies went to the store, or came from it."""
        self.families.payload_bytes.labels(direction).inc(sum(map(len, bodies)))

    def queue_waited(self, task_queue: str, seconds: float) -> None:
        """A node run waited for a worker."""
        self.families.queue_wait.labels(task_queue).observe(seconds)

    def _used(self, usage: Usage) -> None:
        model = self._model(f"{usage.provider}/{usage.model}")
        self.families.model_tokens.labels(model, "input").inc(usage.input_tokens)
        self.families.model_tokens.labels(model, "output").inc(usage.output_tokens)
        self.families.model_cost.labels(model).inc(usage.cost_usd)

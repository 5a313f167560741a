"""Spans of runs and node runs, made when they are recorded; without a tracer they cost next to nothing."""

from contextvars import ContextVar
from datetime import datetime

from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, Span, StatusCode

from orchestrator.errors import RunError
from orchestrator.record import NodeRecord, NodeStatus
from services.store.recording import RunChange
from temporal.tracing import CALLER, run_span_id

_tracer = trace.get_tracer("orchestrator")
# The id that the span about to be made is to have; 0 for any.
CHOSEN: ContextVar[int] = ContextVar("chosen span id", default=0)


def run_ended(change: RunChange) -> None:
    """A span from a run's start to its end, if this happens within a trace."""
    caller = context.get_value(CALLER)
    if not isinstance(caller, trace.SpanContext):
        return
    token = CHOSEN.set(run_span_id(change.execution_id))
    try:
        span = _tracer.start_span(
            "run",
            trace.set_span_in_context(NonRecordingSpan(caller)),
            attributes={
                "orchestrator.execution_id": change.execution_id,
                "orchestrator.workflow_id": change.workflow_id,
                "orchestrator.mode": change.mode,
                "orchestrator.status": change.status.value,
            },
            start_time=_nanoseconds(change.started_at),
        )
    finally:
        CHOSEN.reset(token)
    _end(span, change.error, change.at)


def node_recorded(record: NodeRecord, node_type: str, subtype: str) -> None:
    """What a node run's span tells: that of the activity at work, or one from the run's start to its end."""
    current = trace.get_current_span()
    if not current.get_span_context().is_valid:
        return
    attributes: dict[str, str | int] = {
        "orchestrator.node": record.node,
        "orchestrator.node.type": node_type,
        "orchestrator.node.subtype": subtype,
        "orchestrator.run_index": record.run_index,
        "orchestrator.status": record.status.value,
    }
    # A run's span isn't recorded before its end: where the current one is, an activity works on one node.
    if current.is_recording() and not record.parent:
        current.set_attributes(attributes)
        return
    if record.status is NodeStatus.RETRYING or record.started_at is None or record.finished_at is None:
        return
    if record.parent:
        attributes["orchestrator.parent"] = record.parent
    started = _nanoseconds(record.started_at)
    span = _tracer.start_span(f"node {subtype}", attributes=attributes, start_time=started)
    _end(span, record.error, record.finished_at)


def _end(span: Span, error: RunError | None, at: datetime) -> None:
    if error is not None:
        span.set_status(StatusCode.ERROR, error.code)
    span.end(_nanoseconds(at))


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000

"""Carries a trace through Temporal in a header: from whoever starts a run to every activity of it.

The workflow only passes the header on, so traces change nothing in what is replayed.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.client import OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ContinueAsNewInput,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    Interceptor,
    StartActivityInput,
    StartChildWorkflowInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from orchestrator.messages import ADVANCE, LOAD_PLAN, PREPARE_CHILD, SPILL

HEADER = "traceparent"
# In an activity's context: the span of whoever started the run.
CALLER = context.create_key("orchestrator.caller")
_HOUSEKEEPING = (ADVANCE, LOAD_PLAN, PREPARE_CHILD, SPILL)
_tracer = trace.get_tracer("orchestrator")


class Tracing(ClientInterceptor, Interceptor):
    """For a client, and so for its workers."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """See the SDK."""
        return _Client(next)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """See the SDK."""
        return _Activity(next)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """See the SDK."""
        return _Workflow


def run_span_id(execution_id: str) -> int:
    """The id of a run's span, which nobody needs to be told: it follows from the run's."""
    return int.from_bytes(hashlib.sha256(execution_id.encode()).digest()[:8], "big") or 1


class _Client(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        """Starts it within the trace at hand, or within one of its own."""
        current = trace.get_current_span().get_span_context()
        if current.is_valid:
            input.headers = {**input.headers, HEADER: _payload(current)}
            return await super().start_workflow(input)
        with _tracer.start_as_current_span("start run", kind=SpanKind.PRODUCER) as span:
            own = span.get_span_context()
            # There is none where nothing is traced.
            if own.is_valid:
                input.headers = {**input.headers, HEADER: _payload(own)}
            return await super().start_workflow(input)


class _Activity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Works within the run's span; what isn't housekeeping is a span of its own."""
        info = activity.info()
        caller = _read(input.headers)
        if caller is None:
            return await super().execute_activity(input)
        run = _beside(caller, run_span_id(info.workflow_id or ""))
        within = context.set_value(CALLER, caller, trace.set_span_in_context(NonRecordingSpan(run)))
        token = context.attach(within)
        try:
            if info.is_local or info.activity_type in _HOUSEKEEPING:
                return await super().execute_activity(input)
            return await self._traced(input, info)
        finally:
            context.detach(token)

    async def _traced(self, input: ExecuteActivityInput, info: activity.Info) -> Any:
        attributes: dict[str, str | int] = {
            "orchestrator.execution_id": info.workflow_id or "",
            "orchestrator.attempt": info.attempt,
        }
        # A node's activity is named after its subtype, in capitals; others do a step for agents or people.
        is_node = not info.activity_type.islower()
        if is_node:
            attributes["orchestrator.node.subtype"] = info.activity_type
        with _tracer.start_as_current_span(
            f"{'node' if is_node else 'step'} {info.activity_type}",
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                return await super().execute_activity(input)
            except BaseException as error:
                # What an exception says may be data: only its code is told.
                code = error.type if isinstance(error, ApplicationError) else type(error).__name__
                span.set_status(StatusCode.ERROR, code or "")
                raise


class _Workflow(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        self._outbound = _Outbound(outbound)
        super().init(self._outbound)

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        """Remembers the header."""
        self._outbound.parent = input.headers.get(HEADER)
        return await super().execute_workflow(input)


class _Outbound(WorkflowOutboundInterceptor):
    parent: Payload | None = None

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        """Goes on in the same trace."""
        input.headers = self._with(input.headers, self.parent)
        super().continue_as_new(input)

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        """Within the trace."""
        input.headers = self._with(input.headers, self.parent)
        return super().start_activity(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        """Within the trace."""
        input.headers = self._with(input.headers, self.parent)
        return super().start_local_activity(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> workflow.ChildWorkflowHandle[Any, Any]:
        """Within the span of this run."""
        caller = _read({HEADER: self.parent}) if self.parent is not None else None
        if caller is not None:
            run = _beside(caller, run_span_id(workflow.info().workflow_id))
            input.headers = self._with(input.headers, _payload(run))
        return await super().start_child_workflow(input)

    def _with(self, headers: Mapping[str, Payload], parent: Payload | None) -> Mapping[str, Payload]:
        return headers if parent is None else {**headers, HEADER: parent}


def _beside(span: SpanContext, span_id: int) -> SpanContext:
    return SpanContext(span.trace_id, span_id, is_remote=True, trace_flags=span.trace_flags)


def _payload(span: SpanContext) -> Payload:
    text = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(text).encode())


def _read(headers: Mapping[str, Payload]) -> SpanContext | None:
    """The span that a header names; None if there is none, or it isn't ours."""
    payload = headers.get(HEADER)
    if payload is None:
        return None
    parts = payload.data.decode("ascii", "replace").strip('"').split("-")
    try:
        _, trace_id, span_id, flags = (int(part, 16) for part in parts)
    except ValueError:
        return None
    found = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return found if found.is_valid else None

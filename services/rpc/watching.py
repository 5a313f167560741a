"""Counts calls of the API, measures them, and makes each a span of its client's trace."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import grpc
from grpc.aio import ServicerContext
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.observability.metrics import Metrics
from services.rpc.wrapping import Stream, Unary, WrappingInterceptor

_OK = grpc.StatusCode.OK.name
_HEALTH = "/grpc.health."
_w3c = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("orchestrator")


class WatchingInterceptor(WrappingInterceptor):
    """Stands before all others, so that it sees how they answer."""

    def __init__(self, metrics: Metrics | None) -> None:
        super().__init__()
        self._metrics = metrics

    def unary(self, call: Unary, method: str) -> Unary:
        """Counts and measures a call, in a span of its own."""
        # Probes ask every few seconds.
        if method.startswith(_HEALTH):
            return call
        name = _short(method)

        async def watched(request: Any, context: "ServicerContext[Any, Any]") -> Any:
            begun = time.perf_counter()
            with self._watched(name, method, context):
                try:
                    return await call(request, context)
                finally:
                    if self._metrics:
                        self._metrics.families.rpc_duration.labels(name).observe(time.perf_counter() - begun)

        return watched

    def stream(self, call: Stream, method: str) -> Stream:
        """Counts a stream, also while it is open."""
        if method.startswith(_HEALTH):
            return call
        name = _short(method)

        async def watched(request: Any, context: "ServicerContext[Any, Any]") -> AsyncIterator[Any]:
            streams = self._metrics.families.streams.labels(name) if self._metrics else None
            if streams:
                streams.inc()
            sent = 0
            # Not the current span: who ends a stream early does so in a context of its own.
            with self._watched(name, method, context, current=False) as span:
                try:
                    async for response in call(request, context):
                        sent += 1
                        yield response
                finally:
                    if streams:
                        streams.dec()
                    span.set_attribute("orchestrator.messages", sent)

        return watched

    @contextmanager
    def _watched(
        self, name: str, method: str, context: "ServicerContext[Any, Any]", *, current: bool = True
    ) -> Iterator[Span]:
        code = _OK
        span = _tracer.start_span(
            method.removeprefix("/"),
            _parent(context),
            kind=SpanKind.SERVER,
            attributes={"rpc.system": "grpc", "rpc.method": name},
        )
        using = trace.use_span(span, record_exception=False, set_status_on_exception=False)
        with using if current else nullcontext():
            try:
                yield span
            except grpc.aio.AbortError:
                code = _code(context)
                raise
            except (asyncio.CancelledError, GeneratorExit):
                code = grpc.StatusCode.CANCELLED.name
                raise
            except BaseException:
                code = grpc.StatusCode.UNKNOWN.name
                raise
            finally:
                self._count(name, code, context)
                if span.is_recording():
                    span.set_attribute("rpc.response.status_code", code)
                    # Whoever watches may go at any time.
                    if code != _OK and (current or code != grpc.StatusCode.CANCELLED.name):
                        span.set_status(StatusCode.ERROR, code)
                span.end()

    def _count(self, name: str, code: str, context: "ServicerContext[Any, Any]") -> None:
        if self._metrics:
            # The gateway of this process comes by the socket that only it knows.
            via = "gateway" if context.peer().startswith("unix:") else "grpc"
            self._metrics.families.rpcs.labels(name, code, via).inc()


def _parent(context: "ServicerContext[Any, Any]") -> Any:
    carrier = {key: value for key, value in context.invocation_metadata() or () if key in _w3c.fields}
    return _w3c.extract(carrier) if carrier else None


def _code(context: "ServicerContext[Any, Any]") -> str:
    code = context.code()
    return str(code.name) if isinstance(code, grpc.StatusCode) else grpc.StatusCode(_value(code)).name


def _value(number: Any) -> Any:
    return next((code.value for code in grpc.StatusCode if code.value[0] == number), grpc.StatusCode.UNKNOWN.value)


def _short(method: str) -> str:
    """`Service/Method`, without the package, which is the same for all."""
    return method.rpartition(".")[2]

"""Makes each request a span of the node's, and tells the hosts that may know which trace it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_w3c = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("orchestrator")


@dataclass(frozen=True)
class TracedHosts:
    """Hosts by name; `*.example.com` stands for all below it."""

    names: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> TracedHosts:
        """The hosts of a list with commas; ValueError names what isn't one."""
        entries = [entry for part in text.split(",") if (entry := part.strip().lower())]
        for entry in entries:
            name = entry.removeprefix("*.")
            if not name or set(name) & set("*/@ ") or "://" in name:
                raise ValueError(f"{entry[:60]!r} is no host; write api.example.com or *.example.com")
        names = frozenset(entry for entry in entries if not entry.startswith("*."))
        return cls(names, tuple(entry[1:] for entry in entries if entry.startswith("*.")))

    def __contains__(self, host: object) -> bool:
        return isinstance(host, str) and (host in self.names or host.endswith(self.suffixes))


class Sent:
    """A request under way."""

    def __init__(self, span: Span | None) -> None:
        self._span = span

    def answered(self, status: int) -> None:
        """The answer's head has come."""
        if self._span:
            self._span.set_attribute("http.response.status_code", status)
            if status >= 400:
                self._span.set_status(StatusCode.ERROR)


@contextmanager
def sending(
    method: str, scheme: str, host: str, port: int | None, headers: MutableMapping[str, str], traced: TracedHosts | None
) -> Iterator[Sent]:
    """The span of one request, until the head of its answer; neither path nor query, which may hold secrets.

    Where nothing is traced, or this isn't within a trace, there is none.
    """
    if traced is None or not trace.get_current_span().get_span_context().is_valid:
        yield Sent(None)
        return
    attributes: dict[str, str | int] = {"http.request.method": method, "server.address": host, "url.scheme": scheme}
    if port is not None:
        attributes["server.port"] = port
    with _tracer.start_as_current_span(
        method, kind=SpanKind.CLIENT, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        if host.lower() in traced:
            _w3c.inject(headers)
        try:
            yield Sent(span)
        except BaseException as error:
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise

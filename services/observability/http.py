"""Counts the gateway's requests, measures them, and makes each a span of its client's trace."""

import time

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.observability.bounded import Bounded
from services.observability.metrics import Metrics

_QUIET = frozenset({"/healthz", "/readyz"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Pages and scripts of the web, and whatever scanners ask for.
NO_ROUTE = "none"
_w3c = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("orchestrator")


class Watching:
    """Around the whole application."""

    def __init__(self, app: ASGIApp, metrics: Metrics | None) -> None:
        self._app = app
        self._metrics = metrics
        self._route = Bounded(300)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Has the application answer."""
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        seconds, status = 0.0, 500

        async def noting(message: Message) -> None:
            nonlocal seconds, status
            if message["type"] == "http.response.start":
                seconds, status = time.perf_counter() - begun, message["status"]
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "other"
        with _tracer.start_as_current_span(
            f"HTTP {method}", _w3c.extract(_carrier(scope)), kind=SpanKind.SERVER, record_exception=False
        ) as span:
            if span.is_recording():
                scope["headers"] = _handed_on(scope)
            try:
                await self._app(scope, receive, noting)
            finally:
                route = self._route(route_of(scope))
                if span.is_recording():
                    span.set_attributes(
                        {"http.request.method": method, "http.route": route, "http.response.status_code": status}
                    )
                    span.update_name(f"{method} {route}")
                    if status >= 500:
                        span.set_status(StatusCode.ERROR)
                if self._metrics:
                    self._metrics.families.http_requests.labels(route, method, str(status)).inc()
                    self._metrics.families.http_duration.labels(route).observe(seconds or time.perf_counter() - begun)


def route_of(scope: Scope) -> str:
    """The path with names in the place of parameters, as the router found it."""
    if "endpoint" not in scope:
        return NO_ROUTE
    # Only whole segments: what a parameter holds may be part of a name elsewhere.
    names = [(str(value), f"{{{name}}}") for name, value in scope.get("path_params", {}).items()]
    path = str(scope["path"])
    for value, name in sorted(names, key=lambda pair: -len(pair[0])):
        if value:
            path = f"{path}/".replace(f"/{value}/", f"/{name}/", 1).replace(f"/{value}:", f"/{name}:", 1)[:-1]
    return path if all(name in path for value, name in names if value) else NO_ROUTE


def _carrier(scope: Scope) -> dict[str, str]:
    wanted = {name.encode() for name in _w3c.fields}
    return {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"] if key in wanted}


def _handed_on(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers with this span in the place of the client's: the gateway passes them on to the API."""
    carrier: dict[str, str] = {}
    _w3c.inject(carrier)
    others = [(key, value) for key, value in scope["headers"] if key.decode("latin-1") not in _w3c.fields]
    return [*others, *((key.encode(), value.encode()) for key, value in carrier.items())]

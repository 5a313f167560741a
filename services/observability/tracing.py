"""Sends spans to a collector, as OpenTelemetry's own environment variables say; off where none names one."""

import os

from opentelemetry import trace

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class TracingError(ValueError):
    """What the environment asks of tracing can't be done: what, and what to do."""


def wanted() -> bool:
    """Whether the environment says where spans go."""
    if _variable("OTEL_SDK_DISABLED").lower() == "true" or _variable("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(map(_variable, _ENDPOINTS)) or _variable("OTEL_TRACES_EXPORTER") == "otlp"


def start(service: str) -> bool:
    """Has this process send its spans from now on, the last when it ends; whether it does.

    The service's name is OTEL_SERVICE_NAME, else orchestrator-SERVICE.
    """
    if not wanted():
        return False
    exporter, protocol = _variable("OTEL_TRACES_EXPORTER"), next(filter(None, map(_variable, _PROTOCOLS)), "grpc")
    if exporter not in ("", "otlp"):
        raise TracingError(f"OTEL_TRACES_EXPORTER is otlp or none, not {exporter[:40]!r}")
    if protocol != "grpc":
        raise TracingError(f"spans are sent by the protocol grpc, not {protocol[:40]!r}; name a collector's gRPC port")
    # Loaded only where it is used: these are a fifth of a second and 20 MB.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from services.observability.span_ids import RunIds

    named = Resource.create({"service.name": _variable("OTEL_SERVICE_NAME") or f"orchestrator-{service}"})
    provider = TracerProvider(resource=named, id_generator=RunIds())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()

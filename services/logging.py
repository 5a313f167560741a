"""Logs as JSON lines or for a terminal; every line says when, how grave, which service and what happened."""

import logging
import sys
from collections import OrderedDict
from collections.abc import Iterable, MutableMapping
from typing import Any, Literal

import structlog
from opentelemetry import trace

from nodes.credentials.redaction import Redaction

_QUIET = (
    *("sqlalchemy.engine", "alembic", "temporalio", "grpc", "asyncio"),
    *("httpx", "httpcore", "httpx2", "httpcore2", "mcp", "uvicorn", "opentelemetry"),
)


# So many secrets of credentials that this process opened are kept out of its log, the latest first.
_MOST_HIDDEN = 300
_hidden: OrderedDict[str, Redaction] = OrderedDict()


def hide(secrets: Iterable[str]) -> None:
    """Keeps secret values out of all lines that this process logs from now on."""
    for secret in secrets:
        if secret not in _hidden:
            _hidden[secret] = Redaction([secret])
        _hidden.move_to_end(secret)
    while len(_hidden) > _MOST_HIDDEN:
        _hidden.popitem(last=False)


def configure(level: str, style: Literal["json", "console"], service: str) -> None:
    """Sets the process's logging up; libraries' records come out in the same shape."""

    def name_service(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("service", service)
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _name_trace,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        name_service,
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(style),
                _without_secrets,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    if level != "DEBUG":
        # A node's failure is in the record of its run; here it would be a traceback for each attempt.
        logging.getLogger("temporalio.activity").setLevel(logging.ERROR)


def _rendering(style: Literal["json", "console"]) -> list[structlog.typing.Processor]:
    if style == "console":
        # Plain tracebacks: the rich ones print local variables, which may hold secrets.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _name_trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"], event["span_id"] = f"{span.trace_id:032x}", f"{span.span_id:016x}"
    return event


def _without_secrets(_: Any, __: str, line: Any) -> Any:
    for redaction in list(_hidden.values()):
        line = redaction.text(line)
    return line

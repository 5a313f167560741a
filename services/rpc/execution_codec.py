"""Writes runs, node runs and events as messages."""

from collections.abc import Iterable, Iterator, Sequence, Set
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from workflow_engine.v1 import execution_pb2 as pb
from workflow_engine.v1.ai_system_pb2 import ModelUsage

from orchestrator.errors import RunError
from orchestrator.record import Status, Usage
from services.errors import invalid
from services.rpc.definition_codec import timestamp
from services.store import executions, serial
from services.store.events import ALL, Event, EventKind, NodeRunState
from services.store.tables import AttemptRow, ExecutionRow, NodeRunRow
from services.usecases.reading import NodeRunView, Port

_MODES = ("MANUAL", "TRIGGER", "SUBWORKFLOW")
_AT_EVENT = {EventKind.NODE_STARTED: pb.NODE_RUNNING, EventKind.NODE_WAITS: pb.NODE_WAITING}
_STATUS_AT_EVENT = {
    EventKind.EXECUTION_STARTED: pb.RUNNING,
    EventKind.EXECUTION_PAUSED: pb.PAUSED,
    EventKind.EXECUTION_RESUMED: pb.RUNNING,
}


def read_mode(number: int) -> str:
    """The mode a client may ask for; unspecified is MANUAL."""
    name = pb.ExecutionMode.Name(number) if number in pb.ExecutionMode.values() else str(number)
    if number == pb.EXECUTION_MODE_UNSPECIFIED:
        return "MANUAL"
    if name not in _MODES:
        hint = {"RETRY": "call RetryExecution", "TEST": "call TestNode"}.get(name, f"use one of {', '.join(_MODES)}")
        raise invalid("BAD_MODE", f"a run can't be begun with mode {name}; {hint}", "mode")
    return name


def read_filters(request: pb.ListExecutionsRequest) -> executions.Filters:
    """Which runs a list request asks for."""
    return executions.Filters(
        workflow_id=request.workflow_id,
        statuses=[_read_status(number) for number in request.statuses],
        after=read_time(request.started_after, "started_after") if request.HasField("started_after") else None,
        before=read_time(request.started_before, "started_before") if request.HasField("started_before") else None,
    )


def execution_message(row: ExecutionRow, output_json: str = "") -> pb.Execution:
    """A run."""
    message = pb.Execution(
        execution_id=row.id,
        workflow_id=row.workflow_id or "",
        workflow_name=row.workflow_name,
        version=row.version,
        mode=row.mode,
        status=row.status,
        trigger=row.trigger,
        started_at=timestamp(row.started_at),
        parent_execution_id=row.parent_execution_id,
        output_json=output_json,
        last_sequence=row.last_sequence,
    )
    if row.error is not None:
        message.error.CopyFrom(_error(serial.read(row.error, RunError)))
    if row.finished_at is not None:
        message.finished_at.CopyFrom(timestamp(row.finished_at))
    return message


def node_run_message(view: NodeRunView) -> pb.NodeRun:
    """A node run with its items."""
    message = _bare_node_run(view.row)
    message.inputs.extend(_ports(view.inputs))
    message.outputs.extend(_ports(view.outputs))
    message.failed_attempts.extend(_attempt(row) for row in view.attempts)
    return message


def event_kinds(types: Iterable[pb.EventType]) -> Set[EventKind]:
    """The kinds of events that a client asks for; none asked for are all."""
    kinds = set()
    for number in types:
        name = pb.EventType.Name(number) if number in pb.EventType.values() else str(number)
        if name not in EventKind.__members__:
            raise invalid("BAD_EVENT_TYPE", f"{name} is no type of event", "types")
        kinds.add(EventKind(name))
    return frozenset(kinds) or ALL


def event_message(event: Event, row: ExecutionRow | None) -> pb.ExecutionEvent:
    """An event; it shows the run or node run as it was then, though the record may have gone on."""
    message = pb.ExecutionEvent(sequence=event.sequence, type=event.kind.value, at=timestamp(event.at), text=event.text)
    if event.node_run is not None:
        message.node_run.CopyFrom(_bare_node_run(event.node_run))
        if event.kind in _AT_EVENT:
            message.node_run.status = _AT_EVENT[event.kind]
            for later in ("finished_at", "error", "logs", "usage"):
                message.node_run.ClearField(later)
    elif row is not None:
        message.execution.CopyFrom(execution_message(row))
        if event.kind in _STATUS_AT_EVENT:
            message.execution.status = _STATUS_AT_EVENT[event.kind]
            for later in ("finished_at", "error"):
                message.execution.ClearField(later)
    return message


def _bare_node_run(row: NodeRunRow | NodeRunState) -> pb.NodeRun:
    message = pb.NodeRun(
        node=row.node,
        run_index=row.run_index,
        status=f"NODE_{row.status}",
        attempt=row.attempt,
        logs=serial.read(row.logs, list[str]) if row.logs else (),
        reused=row.reused,
        cached=row.cached,
        parent=row.parent,
    )
    if row.usage is not None:
        message.usage.CopyFrom(usage_message(serial.read(row.usage, Usage)))
    if row.started_at is not None:
        message.started_at.CopyFrom(timestamp(row.started_at))
    if row.finished_at is not None:
        message.finished_at.CopyFrom(timestamp(row.finished_at))
    if row.error is not None:
        message.error.CopyFrom(_error(serial.read(row.error, RunError)))
    return message


def usage_message(usage: Usage) -> ModelUsage:
    """What models used."""
    return ModelUsage(
        provider=usage.provider,
        model=usage.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=usage.cost_usd,
    )


def _ports(ports: Sequence[Port]) -> Iterator[pb.PortItems]:
    for port in ports:
        yield pb.PortItems(port=port.name, count=port.count, size_bytes=port.size, items_json=port.items_json)


def _attempt(row: AttemptRow) -> pb.Attempt:
    error = _error(serial.read(row.error, RunError))
    return pb.Attempt(attempt=row.attempt, failed_at=timestamp(row.failed_at), error=error)


def _error(error: RunError) -> pb.ExecutionError:
    return pb.ExecutionError(
        code=error.code,
        node=error.node,
        message=error.message,
        hint=error.hint,
        item=error.item,
        attempt=error.attempt,
    )


def _read_status(number: int) -> Status:
    if number == pb.EXECUTION_STATUS_UNSPECIFIED or number not in pb.ExecutionStatus.values():
        raise invalid("BAD_STATUS", f"statuses holds {number}, which isn't a status of an execution", "statuses")
    return Status(pb.ExecutionStatus.Name(number))


def read_time(message: Timestamp, field: str) -> datetime:
    """A time that a client names."""
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise invalid("BAD_TIME", f"{field} isn't a time between the years 1 and 9999", field) from None

"""Follows a run: gathers its events, and says in one line each what happened."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import grpc
from workflow_engine.v1 import execution_pb2 as wire

if TYPE_CHECKING:
    from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceAsyncStub as Stub

_RECONNECTS = 20
_LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)


class Progress:
    """What is known of a run so far: its node runs by node and run index."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, int], wire.NodeRun] = {}
        self.execution: wire.Execution | None = None
        self.sequence = 0

    def apply(self, event: wire.ExecutionEvent) -> None:
        """Take in the next event."""
        self.sequence = max(self.sequence, event.sequence)
        if event.HasField("node_run"):
            self.runs[event.node_run.node, event.node_run.run_index] = event.node_run
        if event.HasField("execution"):
            self.execution = event.execution

    @property
    def active(self) -> list[wire.NodeRun]:
        """The node runs that have begun and not ended."""
        begun = (wire.NODE_RUNNING, wire.NODE_WAITING, wire.NODE_RETRYING)
        return [run for run in self.runs.values() if run.status in begun]


async def watch(stub: "Stub", execution_id: str, after: int = 0) -> AsyncIterator[wire.ExecutionEvent]:
    """The events of a run until its end, over lost connections too."""
    losses = 0
    while True:
        request = wire.WatchExecutionRequest(execution_id=execution_id, after_sequence=after)
        try:
            async for response in stub.WatchExecution(request):
                losses = 0
                after = max(after, response.event.sequence)
                yield response.event
                if response.event.type == wire.EXECUTION_FINISHED:
                    return
        except grpc.aio.AioRpcError as error:
            if error.code() not in _LOST:
                raise
            losses += 1
            if losses > _RECONNECTS:
                raise
        await asyncio.sleep(min(0.1 * 2**losses, 2))


def line(event: wire.ExecutionEvent) -> str:
    """An event in words, with the local time."""
    at = event.at.ToDatetime(tzinfo=UTC).astimezone().strftime("%H:%M:%S")
    if event.HasField("node_run"):
        return f"{at}  {describe(event.node_run)}"
    status = wire.ExecutionStatus.Name(event.execution.status)
    verb = {
        wire.EXECUTION_STARTED: "started",
        wire.EXECUTION_PAUSED: "paused",
        wire.EXECUTION_RESUMED: "resumed",
    }.get(event.type, status)
    return f"{at}  {event.execution.workflow_name} (execution {event.execution.execution_id}): {verb}"


def describe(run: wire.NodeRun) -> str:
    """A node run in words."""
    status = node_status(run.status).lower()
    nth = f" #{run.run_index}" if run.run_index else ""
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    took = f" in {duration_ms(run)} ms" if run.HasField("finished_at") else ""
    error = f": {run.error.message}" if run.HasField("error") and run.error.message else ""
    return f"{run.node}{nth}: {status}{attempt}{took}{error}"


def node_status(status: wire.NodeRunStatus) -> str:
    """A node run's status without the prefix that the enumeration needs."""
    return wire.NodeRunStatus.Name(status).removeprefix("NODE_")


def duration_ms(run: wire.NodeRun) -> int:
    """How long a node run took, or has taken so far."""
    if not run.HasField("started_at"):
        return 0
    start = run.started_at.ToDatetime(tzinfo=UTC)
    end = run.finished_at.ToDatetime(tzinfo=UTC) if run.HasField("finished_at") else datetime.now(UTC)
    return max(0, round((end - start).total_seconds() * 1000))

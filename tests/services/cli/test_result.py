"""What a run is shown as: every node in the workflow's order, exact numbers, and no status without reason."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from workflow_engine.v1 import execution_pb2 as wire

from orchestrator import exact_json
from services.cli import result
from services.cli.progress import Progress, describe, line

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def node_run(node: str, status: "wire.NodeRunStatus", index: int = 0, ms: int = 10) -> wire.NodeRun:
    run = wire.NodeRun(node=node, run_index=index, status=status, attempt=1)
    run.started_at.FromDatetime(BEGIN)
    run.finished_at.FromDatetime(BEGIN + timedelta(milliseconds=ms))
    return run


def test_the_object_of_a_failed_run() -> None:
    execution = wire.Execution(
        execution_id="e",
        workflow_id="w",
        version=3,
        status=wire.FAILED,
        output_json='{"End": [{"n": 12345678901234567890}]}',
        error=wire.ExecutionError(code="HTTP_STATUS", node="Call", message="500", hint="retry", item=2, attempt=4),
    )
    runs = [node_run("Start", wire.NODE_COMPLETED), node_run("Call", wire.NODE_FAILED, ms=1500)]
    shown = json.loads(exact_json.dumps(result.as_object(execution, runs, ["Start", "Call", "End"])))
    assert shown == {
        "execution_id": "e",
        "workflow_id": "w",
        "version": 3,
        "status": "FAILED",
        "output": {"End": [{"n": 12345678901234567890}]},
        "error": {
            "code": "HTTP_STATUS",
            "node": "Call",
            "message": "500",
            "hint": "retry",
            "item": 2,
            "attempt": 4,
        },
        "nodes": [
            {"name": "Start", "status": "COMPLETED", "runs": 1, "duration_ms": 10},
            {"name": "Call", "status": "FAILED", "runs": 1, "duration_ms": 1500},
            {"name": "End", "status": "SKIPPED", "runs": 0, "duration_ms": 0},
        ],
    }


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        ((wire.NODE_COMPLETED, wire.NODE_COMPLETED), ("COMPLETED", 2)),
        ((wire.NODE_COMPLETED, wire.NODE_FAILED), ("FAILED", 2)),
        ((wire.NODE_FAILED, wire.NODE_RUNNING), ("RUNNING", 2)),
        ((wire.NODE_COMPLETED, wire.NODE_CANCELED), ("CANCELED", 2)),
        ((wire.NODE_SKIPPED,), ("SKIPPED", 0)),
        ((wire.NODE_SKIPPED, wire.NODE_COMPLETED), ("COMPLETED", 1)),
        ((), ("SKIPPED", 0)),
    ],
)
def test_a_node_of_many_runs(statuses: "tuple[wire.NodeRunStatus, ...]", shown: tuple[str, int]) -> None:
    runs = [node_run("A", status, index) for index, status in enumerate(statuses)]
    (node,) = result.nodes(runs, ["A"])
    assert (node["status"], node["runs"]) == shown


def test_progress_keeps_the_latest_of_each_node_run() -> None:
    progress = Progress()
    for sequence, run in enumerate(
        [
            node_run("A", wire.NODE_RUNNING),
            node_run("B", wire.NODE_RUNNING),
            node_run("A", wire.NODE_COMPLETED),
            node_run("A", wire.NODE_RUNNING, index=1),
        ]
    ):
        progress.apply(wire.ExecutionEvent(sequence=sequence, type=wire.NODE_STARTED, node_run=run))
    assert progress.sequence == 3
    assert [(run.node, run.run_index) for run in progress.active] == [("B", 0), ("A", 1)]


def test_an_event_in_words() -> None:
    run = node_run("Reserve", wire.NODE_FAILED, index=4, ms=250)
    run.attempt = 3
    run.error.message = "out of stock"
    assert describe(run) == "Reserve #4: failed, attempt 3 in 250 ms: out of stock"
    event = wire.ExecutionEvent(type=wire.EXECUTION_FINISHED)
    event.execution.status = wire.CANCELED
    event.execution.workflow_name = "Orders"
    event.execution.execution_id = "e1"
    assert line(event).endswith("Orders (execution e1): CANCELED")

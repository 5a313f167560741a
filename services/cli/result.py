"""What a finished run is shown as: a JSON object, or tables."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from workflow_engine.v1 import execution_pb2 as wire

from orchestrator import exact_json
from services.cli.progress import duration_ms, node_status

# Of several runs of a node, the status that says most about it: an end only if nothing is still under way.
_PRECEDENCE = ("RUNNING", "WAITING", "RETRYING", "FAILED", "CANCELED", "COMPLETED", "SKIPPED")


def as_object(execution: wire.Execution, runs: Iterable[wire.NodeRun], node_names: Iterable[str]) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "execution_id": execution.execution_id,
        "workflow_id": execution.workflow_id,
        "version": execution.version,
        "status": wire.ExecutionStatus.Name(execution.status),
        "output": output(execution),
        "error": error_object(execution.error) if execution.HasField("error") else None,
        "nodes": nodes(runs, node_names),
    }


def output(execution: wire.Execution) -> dict[str, Any]:
    """The run's result: the items' JSON by node name."""
    return dict(exact_json.loads(execution.output_json)) if execution.output_json else {}


def nodes(runs: Iterable[wire.NodeRun], node_names: Iterable[str]) -> list[dict[str, Any]]:
    """Every node of the workflow in its order, those that didn't run as SKIPPED."""
    by_node: dict[str, list[wire.NodeRun]] = defaultdict(list)
    for run in runs:
        by_node[run.node].append(run)
    names = list(dict.fromkeys([*node_names, *by_node]))
    return [_node(name, by_node[name]) for name in names]


def _node(name: str, runs: list[wire.NodeRun]) -> dict[str, Any]:
    statuses = {node_status(run.status) for run in runs} or {"SKIPPED"}
    return {
        "name": name,
        "status": min(statuses, key=_PRECEDENCE.index),
        "runs": sum(node_status(run.status) != "SKIPPED" for run in runs),
        "duration_ms": sum(duration_ms(run) for run in runs),
    }


def error_object(error: wire.ExecutionError) -> dict[str, Any]:
    """An error as `--json` shows it."""
    return {
        "code": error.code,
        "node": error.node,
        "message": error.message,
        "hint": error.hint or None,
        "item": error.item if error.HasField("item") else None,
        "attempt": error.attempt or None,
    }

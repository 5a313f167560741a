"""Whether the database and Temporal say the same of every run, and that it has ended."""

from collections.abc import Iterable, Mapping

from temporalio.client import Client, WorkflowExecutionStatus

from tests.faults.harness.promises import Row

_NEVER_BEGAN = ("NOT_STARTED", "RUN_LOST")
# A Temporal status, and those that the record may show of it.
_SAME = {
    WorkflowExecutionStatus.COMPLETED: {"COMPLETED"},
    WorkflowExecutionStatus.FAILED: {"FAILED", "TIMED_OUT"},
    WorkflowExecutionStatus.CANCELED: {"CANCELED"},
    WorkflowExecutionStatus.TERMINATED: {"CANCELED"},
    WorkflowExecutionStatus.TIMED_OUT: {"TIMED_OUT"},
    WorkflowExecutionStatus.RUNNING: {"RUNNING", "PAUSED"},
}


async def known_to_temporal(client: Client) -> dict[str, WorkflowExecutionStatus]:
    """How the last run of each chain stands."""
    found = client.list_workflows("WorkflowType = 'Orchestrator'", page_size=1000)
    return latest([(execution.id, execution.status) async for execution in found])


def latest(executions: Iterable[tuple[str, WorkflowExecutionStatus | None]]) -> dict[str, WorkflowExecutionStatus]:
    """Without those that went on as new ones."""
    gone = (WorkflowExecutionStatus.CONTINUED_AS_NEW, None)
    return {id_: status for id_, status in executions if status not in gone}


def differences(rows: Mapping[str, Row], temporal: Mapping[str, WorkflowExecutionStatus]) -> list[str]:
    """Where they don't agree, and what hasn't ended."""
    wrong = [f"{id_}: Temporal has it, the database doesn't" for id_ in temporal.keys() - rows.keys()]
    for id_, row in rows.items():
        if id_ not in temporal:
            if row.code not in _NEVER_BEGAN:
                wrong.append(f"{id_}: {row.status} {row.code} in the database, unknown to Temporal")
        elif row.status not in _SAME[temporal[id_]]:
            wrong.append(f"{id_}: {row.status} {row.code} in the database, {temporal[id_].name} in Temporal")
        elif row.status in ("RUNNING", "PAUSED"):
            wrong.append(f"{id_}: still {row.status}")
    return wrong

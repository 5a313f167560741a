"""What the store is told of runs that it has as open."""

import uuid
from typing import TYPE_CHECKING, Any

from orchestrator.record import Status
from temporal.client import Runs

if TYPE_CHECKING:
    from temporalio.client import Client


async def test_only_runs_that_are_over_are_named(temporal_client: "Client", monkeypatch: Any) -> None:
    ids = [str(uuid.uuid4()) for _ in range(12)]
    for execution_id in ids[:-1]:
        await temporal_client.start_workflow("Orchestrator", id=execution_id, task_queue="nobody polls this")
    await temporal_client.get_workflow_handle(ids[3]).terminate()
    runs = Runs(temporal_client)
    asked: list[str] = []
    one = runs._ended

    async def counted(execution_id: str) -> Any:
        asked.append(execution_id)
        return await one(execution_id)

    monkeypatch.setattr(runs, "_ended", counted)
    while True:  # Temporal's list lags by moments
        asked.clear()
        found = await runs.ended(ids)
        if len(found) == 2 and len(asked) == 2:
            break
    assert {id_: (end.status, end.error and end.error.code) for id_, end in found.items()} == {
        ids[3]: (Status.CANCELED, "TERMINATED"),
        ids[-1]: (Status.FAILED, "RUN_LOST"),
    }
    assert await runs.ended([]) == {}
    for execution_id in (*ids[:3], *ids[4:-1]):
        await temporal_client.get_workflow_handle(execution_id).terminate()

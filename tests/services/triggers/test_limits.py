"""What triggers start is within limits: who calls is told to come again, and is let in then."""

from workflow_engine.v1 import execution_pb2, limits_pb2

from services.store.ids import new_id
from tests.graphs import node
from tests.services.triggers.conftest import Gateway
from tests.services.triggers.test_webhooks import JSON, hook


async def test_a_webhook_beyond_the_limit_is_not_acknowledged(gateway: Gateway) -> None:
    path = new_id()
    wait = node("W", "FLOW_NODE", "WAIT", {"mode": "duration", "duration": "1h"})
    workflow_id = await gateway.on(hook(path, wait))
    limits = limits_pb2.Limits(max_runs=1)
    await gateway.stub.SetWorkflowLimits(limits_pb2.SetWorkflowLimitsRequest(workflow_id=workflow_id, limits=limits))
    async with gateway.http() as http:
        first = await http.post(f"/webhook/{path}", content=b"{}", headers=JSON)
        second = await http.post(f"/webhook/{path}", content=b"{}", headers=JSON)
    assert (first.status_code, second.status_code) == (202, 429)
    assert int(second.headers["retry-after"]) >= 1
    assert second.json()["reason"] == "TOO_MANY_RUNS"
    assert len(await gateway.runs(workflow_id)) == 1
    run = first.json()["execution_id"]
    await gateway.stub.CancelExecution(execution_pb2.CancelExecutionRequest(execution_id=run))
    watching = execution_pb2.WatchExecutionRequest(execution_id=run, types=[execution_pb2.EXECUTION_FINISHED])
    async for _ in gateway.stub.WatchExecution(watching, timeout=60):
        pass
    async with gateway.http() as http:
        third = await http.post(f"/webhook/{path}", content=b"{}", headers=JSON)
    assert third.status_code == 202

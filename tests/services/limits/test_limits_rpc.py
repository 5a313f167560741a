"""Limits through the API: what is refused says when to come again; owners set workflows'."""

import asyncio
import json
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import limits_pb2 as pb

from services.cli import limits as command
from services.store import limits
from tests.services.conftest import Api, arrows, chain

Code = grpc.StatusCode


def waiting(duration: str = "1h") -> dict[str, Any]:
    parameters = {"mode": "duration", "duration": duration}
    nodes = [
        {"id": "t", "name": "T", "type": "TRIGGER_NODE", "subtype": "MANUAL"},
        {"id": "w", "name": "W", "type": "FLOW_NODE", "subtype": "WAIT", "parameters": parameters},
    ]
    return {"name": "waiting", "nodes": nodes, "connections": arrows([("T", "W")])}


async def set_limits(api: Api, workflow_id: str, **given: Any) -> pb.Limits:
    request = pb.SetWorkflowLimitsRequest(workflow_id=workflow_id, limits=pb.Limits(**given))
    response = await api.stub.SetWorkflowLimits(request)
    found: pb.Limits = response.limits
    return found


async def execute(api: Api, workflow_id: str, **fields: Any) -> str:
    response = await api.stub.ExecuteWorkflow(ex.ExecuteWorkflowRequest(workflow_id=workflow_id, **fields))
    return str(response.execution_id)


async def end(api: Api, run: str) -> ex.Execution:
    watching = ex.WatchExecutionRequest(execution_id=run, types=[ex.EXECUTION_FINISHED])
    events = [each.event async for each in api.stub.WatchExecution(watching, timeout=60)]
    execution: ex.Execution = events[-1].execution
    return execution


def retry_delay(error: grpc.aio.AioRpcError) -> float:
    trailers = dict(error.trailing_metadata() or ())
    wait = RetryInfo()
    details = Status.FromString(trailers["grpc-status-details-bin"]).details  # type: ignore[arg-type]
    assert any(detail.Unpack(wait) for detail in details)
    return wait.retry_delay.ToNanoseconds() / 1e9


async def test_one_run_too_many_is_told_when_to_come_again(api: Api) -> None:
    workflow_id = await api.create(waiting())
    await set_limits(api, workflow_id, max_runs=1)
    first = await execute(api, workflow_id, request_id="a")
    with pytest.raises(grpc.aio.AioRpcError, match="1 open run") as caught:
        await execute(api, workflow_id, request_id="b")
    assert caught.value.code() is Code.RESOURCE_EXHAUSTED
    assert retry_delay(caught.value) > 0
    assert await execute(api, workflow_id, request_id="a") == first
    await api.stub.CancelExecution(ex.CancelExecutionRequest(execution_id=first))
    await end(api, first)
    second = await execute(api, workflow_id, request_id="b")
    await api.stub.CancelExecution(ex.CancelExecutionRequest(execution_id=second))


async def test_too_many_starts_a_minute(api: Api) -> None:
    workflow_id = await api.create(chain("A"))
    await set_limits(api, workflow_id, starts_per_minute=3)
    runs = await asyncio.gather(*(execute(api, workflow_id) for _ in range(5)), return_exceptions=True)
    refused = [run for run in runs if isinstance(run, grpc.aio.AioRpcError)]
    assert [error.code() for error in refused] == [Code.RESOURCE_EXHAUSTED] * 2
    assert all(0 < retry_delay(error) <= 20.1 for error in refused)


async def test_a_run_takes_no_longer_than_it_may(api: Api) -> None:
    workflow_id = await api.create(waiting())
    await set_limits(api, workflow_id, max_run_seconds=1)
    ended = await end(api, await execute(api, workflow_id))
    assert ended.status == ex.TIMED_OUT
    assert "1 seconds" in ended.error.message


async def test_limits_are_shown_and_unset(api: Api) -> None:
    workflow_id = await api.create(chain("A"))
    assert await set_limits(api, workflow_id, max_runs=4, max_run_seconds=0) == pb.Limits(max_runs=4, max_run_seconds=0)
    async with api.parts.database.transaction() as session:
        await limits.change(session, "default", "", {"weight": 2.5}, "test")
    found = await api.stub.GetLimits(pb.GetLimitsRequest(workflow_id=workflow_id))
    assert (found.workspace.weight, found.workspace.max_runs, found.workflow.max_runs) == (2.5, 0, 4)
    assert await set_limits(api, workflow_id) == pb.Limits()
    assert (await api.stub.GetLimits(pb.GetLimitsRequest())).workflow == pb.Limits()


@pytest.mark.parametrize("given", [{"max_runs": -1}, {"weight": 2.0}, {"max_run_seconds": 2_000_000_000}])
async def test_what_is_no_limit_is_refused(api: Api, given: dict[str, Any]) -> None:
    workflow_id = await api.create(chain("A"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await set_limits(api, workflow_id, **given)
    assert caught.value.code() is Code.INVALID_ARGUMENT


async def test_the_operator_sets_a_workspaces(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", api.parts.database.url)
    await command.change("small", "", {"max_runs": 5, "weight": 0.5, "starts_per_minute": None}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"max_runs": 5, "weight": 0.5}
    await command.change("small", "", {"max_runs": -1}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"weight": 0.5}
    await command.show("small", "", as_json=True)
    shown = {"max_runs": 0, "starts_per_minute": 0, "max_run_seconds": 0, "weight": 0.5}
    assert json.loads(capsys.readouterr().out) == {"workspace": shown}
    await command.show("small", "", as_json=False)
    assert "no limit" in capsys.readouterr().out
    async with api.parts.database.single() as connection:
        told = await connection.exec_driver_sql("SELECT actor, object_id FROM audit_log WHERE action = 'limits.set'")
        assert ("operator", "small") in told.all()

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
from services.store import known_limits, limits
from tests.graphs import flow, javascript, sets, trigger, workflow
from tests.services.conftest import Api, arrows, chain

Code = grpc.StatusCode


@pytest.fixture(autouse=True)
def heard_of_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No change of a limit is missed."""
    monkeypatch.setattr(known_limits, "SECONDS", 0)


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


def growing(size: int) -> dict[str, Any]:
    """A node whose output has a little more bytes than `size`, pure and then effectful."""
    grow = sets("Grow", text=f"{{{{ 'x'.repeat($json.pure ? {size} : 1) }}}}")
    code = javascript("Code", f"return [{{text: 'x'.repeat({size})}}]")
    return workflow("growing", [trigger(), grow, code], "Start -> Grow", "Grow -> Code")


@pytest.mark.parametrize(("given", "node"), [('{"pure": true}', "Grow"), ("{}", "Code")])
async def test_a_node_emits_no_more_than_it_may(api: Api, given: str, node: str) -> None:
    workflow_id = await api.create(growing(2000))
    await set_limits(api, workflow_id, max_payload_bytes=1000)
    ended = await end(api, await execute(api, workflow_id, input=ex.Items(json=given)))
    assert (ended.status, ended.error.code, ended.error.node) == (ex.FAILED, "OUTPUT_TOO_LARGE", node)
    assert "at most 1,000" in ended.error.message


async def test_a_run_is_given_no_more_than_it_may(api: Api) -> None:
    workflow_id = await api.create(chain("A"))
    run = await execute(api, workflow_id)
    await end(api, run)
    await set_limits(api, workflow_id, max_payload_bytes=100)
    large = ex.Items(json=json.dumps({"text": "x" * 100}))
    calls = (
        api.stub.ExecuteWorkflow(ex.ExecuteWorkflowRequest(workflow_id=workflow_id, input=large, version=1)),
        api.stub.TestNode(ex.TestNodeRequest(workflow_id=workflow_id, node="A", input=large)),
        api.stub.RetryExecution(ex.RetryExecutionRequest(execution_id=run, node="A", inputs={"0": large})),
    )
    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError, match="at most 100 are") as caught:
            await call
        assert caught.value.code() is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("most", "status"), [(12, ex.COMPLETED), (11, ex.FAILED), (5, ex.FAILED)], ids=["just", "one less", "in the loop"]
)
@pytest.mark.parametrize("body", [sets("Body", a=1), javascript("Body", "return [{}]")], ids=["pure", "effectful"])
async def test_a_run_has_no_more_node_runs_than_it_may(api: Api, body: Any, most: int, status: Any) -> None:
    nodes = [trigger(), flow("Loop", "LOOP", mode="count", times=9), body, sets("After")]
    edges = ("Start -> Loop", "Loop.body -> Body", "Body -> Loop", "Loop.done -> After")
    workflow_id = await api.create(workflow("round", nodes, *edges))
    await set_limits(api, workflow_id, max_node_runs=most)
    run = await execute(api, workflow_id)
    ended = await end(api, run)
    assert (ended.status, ended.error.code) == (status, "TOO_MANY_NODE_RUNS" if status == ex.FAILED else "")
    history = await api.stub.GetExecutionHistory(ex.GetExecutionHistoryRequest(execution_id=run, page_size=100))
    assert len(history.node_runs) == most


async def test_a_sub_workflow_has_the_limits_of_its_own(api: Api) -> None:
    child = workflow("child", [trigger("In", "SUBWORKFLOW"), sets("A"), sets("B")], "In -> A", "A -> B")
    child_id = await api.create(child)
    await set_limits(api, child_id, max_node_runs=2)
    nodes = [trigger(), flow("Call", "SUBWORKFLOW", workflow_id=child_id)]
    ended = await end(api, await execute(api, await api.create(workflow("parent", nodes, "Start -> Call"))))
    assert "2 node runs" in ended.error.message


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
    none = ("max_runs", "starts_per_minute", "max_run_seconds", "max_payload_bytes", "max_node_runs")
    shown = {**dict.fromkeys(none, 0), "weight": 0.5}
    assert json.loads(capsys.readouterr().out) == {"workspace": shown}
    await command.show("small", "", as_json=False)
    assert "no limit" in capsys.readouterr().out
    async with api.parts.database.single() as connection:
        told = await connection.exec_driver_sql("SELECT actor, object_id FROM audit_log WHERE action = 'limits.set'")
        assert ("operator", "small") in told.all()

"""Runs through gRPC, on real servers and a real worker."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import workflow_pb2
from workflow_engine.v1 import workflow_service_pb2 as pb

from services.store import events
from services.store.ids import new_id
from tests.graphs import javascript, workflow
from tests.services.conftest import Api, arrows, chain

Code = grpc.StatusCode


def trigger(name: str = "T", subtype: str = "MANUAL", **more: Any) -> dict[str, Any]:
    return {"id": name.lower(), "name": name, "type": "TRIGGER_NODE", "subtype": subtype, **more}


def wait(duration: str, name: str = "W") -> dict[str, Any]:
    parameters = {"mode": "duration", "duration": duration}
    return {"id": name.lower(), "name": name, "type": "FLOW_NODE", "subtype": "WAIT", "parameters": parameters}


def stop(name: str = "S") -> dict[str, Any]:
    parameters = {"message": "no further"}
    return {"id": name.lower(), "name": name, "type": "FLOW_NODE", "subtype": "STOP", "parameters": parameters}


def setter(name: str, expression: str) -> dict[str, Any]:
    parameters = {"operation": "set", "fields": {"value": expression}}
    return {
        "id": name.lower(),
        "name": name,
        "type": "ACTION_NODE",
        "subtype": "DATA_TRANSFORMATION",
        "parameters": parameters,
    }


def waiting(duration: str = "1h") -> dict[str, Any]:
    return {"name": "waiting", "nodes": [trigger(), wait(duration)], "connections": arrows([("T", "W")])}


async def execute(api: Api, workflow_id: str, **fields: Any) -> str:
    response = await api.stub.ExecuteWorkflow(ex.ExecuteWorkflowRequest(workflow_id=workflow_id, **fields))
    return str(response.execution_id)


async def watch(
    api: Api, execution_id: str, after: int = 0, types: Sequence[ex.EventType] = ()
) -> list[ex.ExecutionEvent]:
    request = ex.WatchExecutionRequest(execution_id=execution_id, after_sequence=after, types=types)
    return [response.event async for response in api.stub.WatchExecution(request, timeout=60)]


async def get(api: Api, execution_id: str) -> ex.Execution:
    response = await api.stub.GetExecution(ex.GetExecutionRequest(execution_id=execution_id))
    execution: ex.Execution = response.execution
    return execution


async def history(api: Api, execution_id: str, **fields: Any) -> dict[str, ex.NodeRun]:
    request = ex.GetExecutionHistoryRequest(execution_id=execution_id, **fields)
    return {run.node: run for run in (await api.stub.GetExecutionHistory(request)).node_runs}


async def until_waiting(api: Api, execution_id: str) -> None:
    call = api.stub.WatchExecution(ex.WatchExecutionRequest(execution_id=execution_id), timeout=60)
    async for response in call:
        if response.event.type == ex.NODE_WAITS:
            call.cancel()
            return


async def refused(call: Any) -> tuple[grpc.StatusCode, list[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    trailers = dict(caught.value.trailing_metadata() or ())
    status = Status.FromString(trailers["grpc-status-details-bin"])
    problems = workflow_pb2.Problems()
    if len(status.details) > 1:
        assert status.details[1].Unpack(problems)
    return caught.value.code(), [problem.code for problem in problems.problems]


async def test_a_run_from_start_to_end(api: Api) -> None:
    workflow_id = await api.create(chain("A", "B"))
    text = '{"z":1,"a":12345678901234567890.5}'
    run = await execute(api, workflow_id, input=ex.Items(json=text), user_id="u")
    events = await watch(api, run)
    assert [(e.sequence, ex.EventType.Name(e.type), e.node_run.node) for e in events] == [
        (1, "EXECUTION_STARTED", ""),
        (2, "NODE_STARTED", "T"),
        (3, "NODE_FINISHED", "T"),
        (4, "NODE_STARTED", "A"),
        (5, "NODE_FINISHED", "A"),
        (6, "NODE_STARTED", "B"),
        (7, "NODE_FINISHED", "B"),
        (8, "EXECUTION_FINISHED", ""),
    ]
    assert (events[0].execution.status, events[-1].execution.status) == (ex.RUNNING, ex.COMPLETED)
    assert (events[1].node_run.status, events[2].node_run.status) == (ex.NODE_RUNNING, ex.NODE_COMPLETED)
    assert await watch(api, run, 6) == events[6:]
    assert await watch(api, run, 8) == []
    assert await watch(api, run, types=[ex.EXECUTION_FINISHED]) == events[7:]
    assert await watch(api, run, types=[ex.NODE_STARTED, ex.NODE_WAITS]) == events[1:7:2]
    assert await watch(api, run, 4, types=[ex.NODE_FINISHED]) == [events[4], events[6]]
    assert await watch(api, run, types=[ex.NODE_WAITS]) == []
    assert await refused(api.stub.WatchExecution(ex.WatchExecutionRequest(execution_id=run, types=[99])).read()) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        ["BAD_EVENT_TYPE"],
    )

    found = await get(api, run)
    assert (found.status, found.trigger, found.mode, found.version) == (ex.COMPLETED, "T", ex.MANUAL, 1)
    exact = "12345678901234567890.5"
    assert (
        found.output_json == f'{{"B":[{{"z":1,"a":{exact},"b":{exact}}}]}}'.replace('"b"', '"a2"')
        or exact in found.output_json
    )
    runs = await history(api, run)
    assert [(run.inputs[0].items_json, run.outputs[0].count) for run in (runs["A"],)] == [(f'[{{"json":{text}}}]', 1)]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", [{}]),
        ("{}", [{}]),
        ('{"a":1}', [{"a": 1}]),
        ('[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
    ],
)
async def test_inputs(api: Api, text: str, items: list[Any]) -> None:
    workflow_id = await api.create({"name": "t", "nodes": [trigger()]})
    run = await execute(api, workflow_id, input=ex.Items(json=text))
    await watch(api, run)
    assert json.loads((await get(api, run)).output_json) == {"T": items}


@pytest.mark.parametrize("text", ["{", "1", "[1]", '"x"', "null", "[[{}]]", '{"a":NaN}', "[" * 600])
async def test_inputs_that_are_none(api: Api, text: str) -> None:
    workflow_id = await api.create({"name": "t", "nodes": [trigger()]})
    call = execute(api, workflow_id, input=ex.Items(json=text))
    assert await refused(call) == (Code.INVALID_ARGUMENT, ["INVALID_INPUT"])


async def test_a_large_input_goes_through_the_payload_store(api: Api) -> None:
    workflow_id = await api.create({"name": "t", "nodes": [trigger()]})
    text = json.dumps({"text": "x" * 5_000_000})
    run = await execute(api, workflow_id, input=ex.Items(json=text))
    await watch(api, run)
    assert json.loads((await get(api, run)).output_json)["T"] == [json.loads(text)]
    left_out = (await history(api, run))["T"].outputs[0]
    assert (left_out.items_json, left_out.count) == ("", 1)
    assert left_out.size_bytes > 5_000_000
    asked_for = (await history(api, run, max_port_bytes=10_000_000))["T"].outputs[0]
    assert json.loads(asked_for.items_json) == [{"json": json.loads(text)}]


async def test_a_workflow_without_nodes_completes_at_once(api: Api) -> None:
    created = await api.stub.CreateWorkflow(pb.CreateWorkflowRequest(name="empty"))
    request = ex.ExecuteWorkflowRequest(workflow_id=created.workflow.id, mode=ex.MANUAL)
    response = await api.stub.ExecuteWorkflow(request)
    assert response.status == ex.COMPLETED
    found = await get(api, response.execution_id)
    assert (found.status, found.output_json) == (ex.COMPLETED, "{}")
    assert [event.type for event in await watch(api, response.execution_id)] == [
        ex.EXECUTION_STARTED,
        ex.EXECUTION_FINISHED,
    ]


async def test_an_invalid_workflow_is_not_run(api: Api) -> None:
    data = chain("A")
    data["nodes"][1]["subtype"] = "NO_SUCH"
    created = await api.stub.CreateWorkflow(json_format.ParseDict(data, pb.CreateWorkflowRequest()))
    code, problems = await refused(execute(api, created.workflow.id))
    assert code == Code.FAILED_PRECONDITION
    assert problems == [problem.code for problem in created.problems]


TWO = [trigger("One", "SUBWORKFLOW"), trigger("Two", "SUBWORKFLOW"), trigger("Three")]


@pytest.mark.parametrize(
    ("nodes", "fields", "outcome"),
    [
        (TWO, {}, "Three"),
        (TWO, {"trigger": "Two"}, "Two"),
        (TWO, {"mode": ex.TRIGGER}, "TRIGGER_AMBIGUOUS"),
        (TWO, {"mode": ex.SUBWORKFLOW}, "TRIGGER_AMBIGUOUS"),
        (TWO, {"trigger": "Four"}, "TRIGGER_NOT_FOUND"),
        (TWO[:1], {}, "One"),
        (TWO[:1], {"mode": ex.RETRY}, "BAD_MODE"),
        (TWO[:1], {"mode": ex.TEST}, "BAD_MODE"),
    ],
)
async def test_where_a_run_begins(api: Api, nodes: list[Any], fields: dict[str, Any], outcome: str) -> None:
    workflow_id = await api.create({"name": "t", "nodes": nodes})
    if outcome.isupper():
        assert await refused(execute(api, workflow_id, **fields)) == (Code.INVALID_ARGUMENT, [outcome])
    else:
        assert (await get(api, await execute(api, workflow_id, **fields))).trigger == outcome


async def test_a_request_id_starts_one_run(api: Api) -> None:
    workflow_id = await api.create(chain("A"))
    request = new_id()
    runs = await asyncio.gather(*(execute(api, workflow_id, request_id=request) for _ in range(10)))
    assert len(set(runs)) == 1
    await watch(api, runs[0])
    assert await execute(api, workflow_id, request_id=request) == runs[0]
    other = await api.create(chain("A"))
    assert await execute(api, other, request_id=request) != runs[0]
    listed = await api.stub.ListExecutions(ex.ListExecutionsRequest(workflow_id=workflow_id))
    assert [e.execution_id for e in listed.executions] == [runs[0]]


async def test_versions_of_a_workflow_are_run(api: Api) -> None:
    workflow_id = await api.create(chain("A"))
    changed = json_format.ParseDict(chain("B"), workflow_pb2.Workflow())
    await api.stub.UpdateWorkflow(pb.UpdateWorkflowRequest(workflow_id=workflow_id, workflow=changed))
    for version, ran in ((0, "B"), (1, "A"), (2, "B")):
        run = await execute(api, workflow_id, version=version)
        await watch(api, run)
        assert set(await history(api, run)) == {"T", ran}
    assert await refused(execute(api, workflow_id, version=9)) == (Code.NOT_FOUND, [])
    assert await refused(execute(api, "none")) == (Code.NOT_FOUND, [])


async def test_the_latest_version_is_run_whatever_was_the_latest_before(api: Api) -> None:
    """A server that knows a workflow's latest version asks no more; the statement that records the run makes sure."""
    workflow_id = await api.create(chain("A"))

    async def ran() -> set[str]:
        run = await execute(api, workflow_id)
        await watch(api, run)
        return set(await history(api, run))

    assert [await ran() for _ in range(2)] == [{"T", "A"}] * 2
    changed = json_format.ParseDict(chain("B"), workflow_pb2.Workflow())
    await api.stub.UpdateWorkflow(pb.UpdateWorkflowRequest(workflow_id=workflow_id, workflow=changed))
    assert [await ran() for _ in range(2)] == [{"T", "B"}] * 2
    changed = json_format.ParseDict({"name": "two", "nodes": [trigger("T"), trigger("U")]}, workflow_pb2.Workflow())
    await api.stub.UpdateWorkflow(pb.UpdateWorkflowRequest(workflow_id=workflow_id, workflow=changed))
    for _ in range(2):
        assert await refused(execute(api, workflow_id)) == (Code.INVALID_ARGUMENT, ["TRIGGER_AMBIGUOUS"])
    named = [await execute(api, workflow_id, trigger="U", request_id="once") for _ in range(3)]
    assert len(set(named)) == 1
    await api.stub.DeleteWorkflow(pb.DeleteWorkflowRequest(workflow_id=workflow_id))
    assert await refused(execute(api, workflow_id, trigger="U")) == (Code.NOT_FOUND, [])


async def test_who_waits_for_the_end_reads_the_run_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read = events.after

    async def counted(connection: Any, execution_id: str, *rest: Any) -> events.News:
        reads.append(execution_id)
        return await read(connection, execution_id, *rest)

    monkeypatch.setattr(events, "after", counted)
    run = await execute(api, await api.create(waiting()))
    ends = [ex.EXECUTION_STARTED, ex.EXECUTION_PAUSED, ex.EXECUTION_FINISHED]
    call = api.stub.WatchExecution(ex.WatchExecutionRequest(execution_id=run, types=ends), timeout=60)
    found_events = []
    async for response in call:
        found_events.append(response.event)
        if response.event.type == ex.EXECUTION_STARTED:
            await api.stub.PauseExecution(ex.PauseExecutionRequest(execution_id=run))
        elif response.event.type == ex.EXECUTION_PAUSED:
            await api.stub.CancelExecution(ex.CancelExecutionRequest(execution_id=run, reason="enough"))
    _, paused, finished = found_events
    assert (paused.type, paused.execution.status) == (ex.EXECUTION_PAUSED, ex.PAUSED)
    found = await get(api, run)
    assert (finished.execution.status, finished.execution.error) == (ex.CANCELED, found.error)
    assert finished.execution.finished_at == found.finished_at
    assert finished.execution.last_sequence == found.last_sequence
    assert finished.sequence > paused.sequence
    assert len(reads) == 1


async def test_a_failing_run(api: Api) -> None:
    data = {"name": "f", "nodes": [trigger(), stop()], "connections": arrows([("T", "S")])}
    run = await execute(api, await api.create(data))
    events = await watch(api, run)
    found = await get(api, run)
    assert (found.status, found.error.node, found.error.code) == (ex.FAILED, "S", "STOPPED")
    assert "no further" in found.error.message
    assert events[-1].execution.error == found.error
    assert (await history(api, run))["S"].error.code == "STOPPED"
    for call in (
        api.stub.CancelExecution(ex.CancelExecutionRequest(execution_id=run)),
        api.stub.PauseExecution(ex.PauseExecutionRequest(execution_id=run)),
        api.stub.ResumeExecution(ex.ResumeExecutionRequest(execution_id=run)),
    ):
        assert await refused(call) == (Code.FAILED_PRECONDITION, ["EXECUTION_ENDED"])


async def test_cancel(api: Api) -> None:
    run = await execute(api, await api.create(waiting()))
    await until_waiting(api, run)
    await api.stub.CancelExecution(ex.CancelExecutionRequest(execution_id=run, reason="enough"))
    events = await watch(api, run)
    assert events[-1].execution.status == ex.CANCELED
    assert (await history(api, run))["W"].status == ex.NODE_CANCELED


async def test_pause_and_resume(api: Api) -> None:
    data = waiting("1s")
    data["nodes"].append(setter("A", "{{ 1 }}"))
    data["connections"] = arrows([("T", "W"), ("W", "A")])
    run = await execute(api, await api.create(data))
    await until_waiting(api, run)
    paused = await api.stub.PauseExecution(ex.PauseExecutionRequest(execution_id=run))
    assert paused.execution.status == ex.PAUSED
    await asyncio.sleep(2)
    assert "A" not in await history(api, run)
    resumed = await api.stub.ResumeExecution(ex.ResumeExecutionRequest(execution_id=run))
    assert resumed.execution.status in (ex.RUNNING, ex.COMPLETED)
    assert (await watch(api, run))[-1].execution.status == ex.COMPLETED


async def test_a_run_that_an_operator_terminated(api: Api) -> None:
    workflow_id = await api.create(waiting())
    runs = [await execute(api, workflow_id) for _ in range(3)]
    for run in runs:
        await until_waiting(api, run)
        await api.client.get_workflow_handle(run).terminate("operator")
    found = await get(api, runs[0])
    assert (found.status, found.error.code) == (ex.CANCELED, "TERMINATED")
    assert (await history(api, runs[0]))["W"].status == ex.NODE_CANCELED
    assert (await watch(api, runs[1]))[-1].execution.error.code == "TERMINATED"
    listed = await api.stub.ListExecutions(ex.ListExecutionsRequest(workflow_id=workflow_id, statuses=[ex.CANCELED]))
    assert set(runs[:2]) <= {e.execution_id for e in listed.executions}
    listed = await api.stub.ListExecutions(ex.ListExecutionsRequest(workflow_id=workflow_id))
    assert {e.status for e in listed.executions} == {ex.CANCELED}


async def test_lists_of_runs(api: Api) -> None:
    workflow_id = await api.create(chain("A"))
    runs = [await execute(api, workflow_id) for _ in range(5)]
    for run in runs:
        await watch(api, run)
    found: list[str] = []
    token = ""
    while True:
        page = await api.stub.ListExecutions(
            ex.ListExecutionsRequest(workflow_id=workflow_id, page_size=2, page_token=token)
        )
        found += [e.execution_id for e in page.executions]
        token = page.next_page_token
        if not token:
            break
    assert found == runs[::-1]
    first = await get(api, runs[2])
    request = ex.ListExecutionsRequest(workflow_id=workflow_id, started_after=first.started_at)
    assert [e.execution_id for e in (await api.stub.ListExecutions(request)).executions] == runs[:2:-1]
    bad = ex.ListExecutionsRequest(statuses=[99])  # type: ignore[list-item]
    assert await refused(api.stub.ListExecutions(bad)) == (Code.INVALID_ARGUMENT, ["BAD_STATUS"])


async def test_pages_of_a_history(api: Api) -> None:
    run = await execute(api, await api.create(chain("A", "B", "C", "D")))
    await watch(api, run)
    found: list[str] = []
    token = ""
    while True:
        request = ex.GetExecutionHistoryRequest(execution_id=run, page_size=2, page_token=token)
        page = await api.stub.GetExecutionHistory(request)
        found += [node_run.node for node_run in page.node_runs]
        token = page.next_page_token
        if not token:
            break
    assert found == ["T", "A", "B", "C", "D"]
    assert list(await history(api, run, node="C")) == ["C"]


def retried(fails_on: str) -> dict[str, Any]:
    """T → A → IF(value ≠ fails_on) → B, else S stops; and T → C beside it."""
    condition = f"{{{{ $json.value !== {json.dumps(fails_on)} }}}}"
    branch = {"id": "i", "name": "I", "type": "FLOW_NODE", "subtype": "IF", "parameters": {"condition": condition}}
    nodes = [
        trigger(),
        setter("A", "{{ $json.x }}"),
        branch,
        setter("B", "{{ $json.value + '!' }}"),
        stop(),
        setter("C", "c"),
    ]
    pairs = [("T", "A"), ("A", "I"), ("I", "B", "true"), ("I", "S", "false"), ("T", "C")]
    return {"name": "retried", "nodes": nodes, "connections": arrows(pairs)}


async def retry(api: Api, run: str, **fields: Any) -> str:
    request = ex.RetryExecutionRequest(execution_id=run, **fields)
    return str((await api.stub.RetryExecution(request)).execution_id)


async def test_retry_from_the_failed_node(api: Api) -> None:
    workflow_id = await api.create(retried("bad"))
    old = await execute(api, workflow_id, input=ex.Items(json='{"x":"bad"}'))
    await watch(api, old)
    new = await retry(api, old)
    await watch(api, new)
    found = await get(api, new)
    assert (found.mode, found.parent_execution_id, found.status, found.error.node) == (ex.RETRY, old, ex.FAILED, "S")
    reused = {name for name, run in (await history(api, new)).items() if run.reused}
    assert {"T", "A", "I"} <= reused


async def test_a_node_that_runs_once_is_tried_as_often_as_it_may_be(api: Api) -> None:
    retries = {"max_attempts": 2, "initial_interval": "10ms"}
    spin = javascript("Spin", "while (true) {}", timeout="1s", retry=retries)
    run = await execute(api, await api.create(workflow("spins", [trigger(), spin], "T -> Spin")))
    assert (await watch(api, run))[-1].execution.status == ex.FAILED
    spun = (await history(api, run))["Spin"]
    assert (spun.error.code, spun.error.attempt) == ("TIMEOUT", 2)
    assert [attempt.attempt for attempt in spun.failed_attempts] == [1]


async def test_retry_with_edited_input(api: Api) -> None:
    workflow_id = await api.create(retried("bad"))
    old = await execute(api, workflow_id, input=ex.Items(json='{"x":"bad"}'))
    await watch(api, old)
    request = new_id()
    inputs = {"0": ex.Items(json='{"value":"good"}')}
    new = await retry(api, old, node="I", inputs=inputs, request_id=request)
    assert await retry(api, old, node="I", inputs=inputs, request_id=request) == new
    await watch(api, new)
    found = await get(api, new)
    assert found.status == ex.COMPLETED
    assert json.loads(found.output_json)["B"] == [{"value": "good!"}]
    runs = await history(api, new)
    assert (runs["A"].reused, runs["I"].reused, runs["B"].reused) == (True, False, False)
    from_trigger = await retry(api, old, node="T", inputs={"0": ex.Items(json='{"x":"fine"}')})
    await watch(api, from_trigger)
    assert json.loads((await get(api, from_trigger)).output_json)["B"] == [{"value": "fine!"}]


async def test_retry_on_the_latest_version(api: Api) -> None:
    workflow_id = await api.create(retried("bad"))
    old = await execute(api, workflow_id, input=ex.Items(json='{"x":"bad"}'))
    await watch(api, old)
    mended = json_format.ParseDict(retried("other"), workflow_pb2.Workflow())
    await api.stub.UpdateWorkflow(pb.UpdateWorkflowRequest(workflow_id=workflow_id, workflow=mended))
    new = await retry(api, old, node="I", latest_version=True)
    await watch(api, new)
    found = await get(api, new)
    assert (found.version, found.status) == (2, ex.COMPLETED)
    assert json.loads(found.output_json)["B"] == [{"value": "bad!"}]


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"node": "Z"}, (Code.INVALID_ARGUMENT, ["NODE_NOT_FOUND"])),
        ({"node": "A", "inputs": {"1": ex.Items()}}, (Code.INVALID_ARGUMENT, ["UNKNOWN_PORT"])),
        ({"node": "A", "inputs": {"x": ex.Items()}}, (Code.INVALID_ARGUMENT, ["UNKNOWN_PORT"])),
        ({"node": "A", "inputs": {"0": ex.Items(json="[")}}, (Code.INVALID_ARGUMENT, ["INVALID_INPUT"])),
        ({}, (Code.INVALID_ARGUMENT, ["NODE_MISSING"])),
    ],
)
async def test_retries_that_cannot_be(api: Api, fields: dict[str, Any], outcome: Any) -> None:
    run = await execute(api, await api.create(chain("A")))
    await watch(api, run)
    assert await refused(retry(api, run, **fields)) == outcome


async def test_an_open_run_is_not_retried_or_deleted(api: Api) -> None:
    run = await execute(api, await api.create(waiting()))
    await until_waiting(api, run)
    delete = api.stub.DeleteExecution(pb.DeleteExecutionRequest(execution_id=run))
    assert await refused(retry(api, run, node="W")) == (Code.FAILED_PRECONDITION, ["EXECUTION_NOT_ENDED"])
    assert await refused(delete) == (Code.FAILED_PRECONDITION, ["EXECUTION_NOT_ENDED"])


async def test_retry_of_a_node_in_a_loop_runs_the_loop_again(api: Api) -> None:
    loop = {
        "id": "l",
        "name": "L",
        "type": "FLOW_NODE",
        "subtype": "LOOP",
        "parameters": {"mode": "items", "batch_size": 1},
    }
    nodes = [
        trigger(),
        setter("A", "{{ $json.x }}"),
        loop,
        setter("B", "{{ $json.value * 2 }}"),
        setter("C", "{{ $json.value }}"),
    ]
    pairs = [("T", "A"), ("A", "L"), ("L", "B", "body"), ("B", "L"), ("L", "C", "done")]
    run = await execute(
        api,
        await api.create({"name": "loop", "nodes": nodes, "connections": arrows(pairs)}),
        input=ex.Items(json='[{"x":1},{"x":2}]'),
    )
    await watch(api, run)
    assert json.loads((await get(api, run)).output_json) == {"C": [{"value": 2}, {"value": 4}]}
    new = await retry(api, run, node="B")
    await watch(api, new)
    assert json.loads((await get(api, new)).output_json) == {"C": [{"value": 2}, {"value": 4}]}
    runs = await history(api, new)
    assert (runs["A"].reused, runs["B"].reused, runs["C"].reused) == (True, False, False)
    after = await retry(api, run, node="C")
    await watch(api, after)
    runs = await history(api, after)
    assert runs["L"].reused
    assert "B" not in runs
    refusal = retry(api, run, node="B", inputs={"0": ex.Items()})
    assert await refused(refusal) == (Code.INVALID_ARGUMENT, ["INPUT_IN_LOOP"])


async def test_a_node_alone(api: Api) -> None:
    data = retried("bad")
    inline = json_format.ParseDict(data, workflow_pb2.Workflow())
    request = ex.TestNodeRequest(workflow=inline, node="B", input=ex.Items(json='[{"value":"x"},{"value":"y"}]'))
    run = (await api.stub.TestNode(request)).node_run
    assert (run.node, run.status) == ("B", ex.NODE_COMPLETED)
    assert json.loads(run.outputs[0].items_json) == [{"json": {"value": "x!"}}, {"json": {"value": "y!"}}]
    stored = await api.create(data)
    by_id = ex.TestNodeRequest(workflow_id=stored, node="S", input=ex.Items(json="{}"))
    failed = (await api.stub.TestNode(by_id)).node_run
    assert (failed.status, failed.error.code) == (ex.NODE_FAILED, "STOPPED")


async def test_a_node_is_tested_in_a_workflow_that_is_broken_elsewhere(api: Api) -> None:
    data = retried("bad")
    data["nodes"][5]["subtype"] = "NO_SUCH"
    inline = json_format.ParseDict(data, workflow_pb2.Workflow())
    request = ex.TestNodeRequest(workflow=inline, node="B", input=ex.Items(json='{"value":"x"}'))
    assert json.loads((await api.stub.TestNode(request)).node_run.outputs[0].items_json) == [{"json": {"value": "x!"}}]
    broken = ex.TestNodeRequest(workflow=inline, node="C")
    code, problems = await refused(api.stub.TestNode(broken))
    assert (code, len(problems)) == (Code.INVALID_ARGUMENT, 1)
    missing = ex.TestNodeRequest(workflow=inline, node="Z")
    assert await refused(api.stub.TestNode(missing)) == (Code.INVALID_ARGUMENT, ["NODE_NOT_FOUND"])


async def test_delete(api: Api) -> None:
    run = await execute(api, await api.create(chain("A")))
    await watch(api, run)
    await api.stub.DeleteExecution(pb.DeleteExecutionRequest(execution_id=run))
    for call in (
        get(api, run),
        watch(api, run),
        history(api, run),
        retry(api, run),
        api.stub.DeleteExecution(pb.DeleteExecutionRequest(execution_id=run)),
        api.stub.CancelExecution(ex.CancelExecutionRequest(execution_id=run)),
    ):
        assert await refused(call) == (Code.NOT_FOUND, [])


async def test_runs_go_on_when_their_workflow_is_deleted(api: Api) -> None:
    workflow_id = await api.create(waiting("1s"))
    run = await execute(api, workflow_id)
    await until_waiting(api, run)
    await api.stub.DeleteWorkflow(pb.DeleteWorkflowRequest(workflow_id=workflow_id))
    assert (await watch(api, run))[-1].execution.status == ex.COMPLETED
    assert await refused(execute(api, workflow_id)) == (Code.NOT_FOUND, [])
    new = await retry(api, run, node="W")
    assert (await watch(api, new))[-1].execution.status == ex.COMPLETED

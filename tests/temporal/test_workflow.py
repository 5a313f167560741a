"""The workflow on a real Temporal server: every feature of the interpreter, and what steers a run from outside."""

import asyncio
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError

from activities.ports import StoreUnavailableError, UnrecordedRunError
from orchestrator.messages import ADVANCE
from orchestrator.record import ExecutionRecord, NodeStatus, Status
from temporal.client import Runs
from tests.graphs import flow, javascript, sets, transforms, trigger, workflow
from tests.temporal.features import FEATURES, Feature
from tests.temporal.harness import Engine, items


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES.keys())
async def test_feature(engine: Engine, feature: Feature) -> None:
    handle = await engine.start(feature.definition, feature.value)
    if feature.result is None:
        assert isinstance(await engine.failure(handle), ApplicationError)
        return
    assert await engine.result(handle) == feature.result
    execution = engine.recorded(handle).execution
    assert execution
    assert execution.status is Status.COMPLETED


async def test_failure_names_node_and_reason(engine: Engine) -> None:
    handle = await engine.start(FEATURES["failed"].definition, {"n": 7})
    cause = await engine.failure(handle)
    assert isinstance(cause, ApplicationError)
    assert "Stop: because of 7" in str(cause)
    recorded = engine.recorded(handle)
    assert recorded.execution
    assert recorded.execution.status is Status.FAILED
    assert recorded.execution.error
    assert (recorded.execution.error.code, recorded.execution.error.node) == ("STOPPED", "Stop")


async def test_pure_neighbours_share_one_local_activity_and_are_recorded_each(engine: Engine) -> None:
    nodes = [trigger(), *(sets(f"S{i}", **{f"f{i}": i}) for i in range(19))]
    chain = ["Start -> S0", *(f"S{i} -> S{i + 1}" for i in range(18))]
    handle = await engine.start(workflow("chain", nodes, *chain), {})
    await engine.result(handle)
    history = await handle.fetch_history()
    markers = [event for event in history.events if event.HasField("marker_recorded_event_attributes")]
    assert len(markers) == 1
    assert not any(event.HasField("activity_task_scheduled_event_attributes") for event in history.events)
    assert engine.recorded(handle).runs() == {"Start": 1, **{f"S{i}": 1 for i in range(19)}}


async def _until(engine: Engine, handle: WorkflowHandle[Any, Any], node: str, status: NodeStatus) -> None:
    for _ in range(200):
        if any((name, found) == (node, status) for name, _, found in engine.recorded(handle).log):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{node} never was {status}: {engine.recorded(handle).log}")


async def test_cancel_stops_what_is_running(engine: Engine) -> None:
    definition = workflow(
        "cancel", [trigger(), javascript("Spin", "while (true) {}"), sets("A")], "Start -> Spin", "Spin -> A"
    )
    handle = await engine.start(definition)
    await _until(engine, handle, "Spin", NodeStatus.RUNNING)
    await Runs(engine.client).cancel(handle.id)
    assert isinstance(await engine.failure(handle), CancelledError)
    recorded = engine.recorded(handle)
    assert recorded.nodes["Spin", 0].status is NodeStatus.CANCELED
    assert "A" not in recorded.runs()
    assert recorded.execution
    assert recorded.execution.status is Status.CANCELED


async def test_pause_starts_nothing_new_until_resume(engine: Engine) -> None:
    nodes = [trigger(), flow("Wait", "WAIT", mode="duration", duration="1s"), sets("After", done=True)]
    handle = await engine.start(workflow("pause", nodes, "Start -> Wait", "Wait -> After"))
    await _until(engine, handle, "Wait", NodeStatus.WAITING)
    await Runs(engine.client).pause(handle.id)
    await _until(engine, handle, "Wait", NodeStatus.COMPLETED)
    recorded = engine.recorded(handle)
    assert recorded.execution
    assert recorded.execution.status is Status.PAUSED
    await asyncio.sleep(0.3)
    assert "After" not in recorded.runs()
    assert (await handle.query("progress"))["paused"] is True
    await Runs(engine.client).resume(handle.id)
    assert await engine.result(handle) == {"After": [{"done": True}]}


async def test_a_waiting_branch_blocks_no_other(engine: Engine) -> None:
    nodes = [
        trigger(),
        flow("Wait", "WAIT", mode="duration", duration="1h"),
        javascript("Side", "return [{}]"),
        sets("B", b=1),
    ]
    handle = await engine.start(workflow("sides", nodes, "Start -> Wait", "Start -> Side", "Side -> B"))
    await _until(engine, handle, "B", NodeStatus.COMPLETED)
    await Runs(engine.client).cancel(handle.id)
    await engine.failure(handle)


async def test_run_timeout(engine: Engine) -> None:
    nodes = [trigger(), flow("Wait", "WAIT", mode="duration", duration="1h")]
    handle = await engine.start(workflow("late", nodes, "Start -> Wait", timeout="1s"))
    cause = await engine.failure(handle)
    assert isinstance(cause, ApplicationError)
    assert cause.type == "TIMED_OUT"
    recorded = engine.recorded(handle).execution
    assert recorded
    assert recorded.status is Status.TIMED_OUT


CHILD = workflow("child", [trigger("In", "SUBWORKFLOW"), sets("Double", n="{{ $json.n * 2 }}")], "In -> Double")


@pytest.mark.parametrize(
    ("parameters", "result"),
    [
        ({}, [{"n": 2}, {"n": 4}]),
        ({"each_item": True}, [{"n": 2}, {"n": 4}]),
        ({"wait": False}, [{"n": 1}, {"n": 2}]),
    ],
    ids=["once", "each item", "without waiting"],
)
async def test_subworkflow(engine: Engine, parameters: dict[str, Any], result: list[Any]) -> None:
    engine.define(CHILD)
    nodes = [trigger(), flow("Call", "SUBWORKFLOW", workflow_id="child", **parameters)]
    assert await engine.run(workflow("parent", nodes, "Start -> Call"), [{"n": 1}, {"n": 2}]) == {"Call": result}


async def test_subworkflow_failures_are_the_node_s(engine: Engine) -> None:
    engine.define(
        workflow("bad child", [trigger("In", "SUBWORKFLOW"), flow("Stop", "STOP", message="no")], "In -> Stop")
    )
    nodes = [trigger(), flow("Call", "SUBWORKFLOW", workflow_id="bad child")]
    cause = await engine.failure(await engine.start(workflow("parent of bad", nodes, "Start -> Call")))
    assert "Call: the workflow 'bad child' failed: Stop: no" in str(cause)
    missing = [trigger(), flow("Call", "SUBWORKFLOW", workflow_id="nowhere")]
    cause = await engine.failure(await engine.start(workflow("parent of none", missing, "Start -> Call")))
    assert "there is no workflow 'nowhere'" in str(cause)


async def test_recursion_is_capped(engine: Engine) -> None:
    nodes = [trigger("In", "SUBWORKFLOW"), flow("Again", "SUBWORKFLOW", workflow_id="endless")]
    cause = await engine.failure(await engine.start(workflow("endless", nodes, "In -> Again")))
    assert "nested more than 10 deep" in str(cause)


async def test_error_workflow_gets_the_failure(engine: Engine) -> None:
    engine.define(workflow("listener", [trigger("On error", "ERROR"), sets("Note", seen=True)], "On error -> Note"))
    definition = workflow(
        "fails", [trigger(), flow("Stop", "STOP", message="alas")], "Start -> Stop", error_workflow_id="listener"
    )
    handle = await engine.start(definition)
    await engine.failure(handle)
    for _ in range(100):
        heard = [run for run in engine.executions.runs.values() if ("Note", 0) in run.nodes]
        if heard:
            break
        await asyncio.sleep(0.05)
    outputs = heard[-1].nodes["Note", 0].outputs
    assert outputs
    text = outputs["main"].parts[0].text or ""
    assert "alas" in text
    assert handle.id in text


async def test_reused_outputs_and_edited_input_stand_for_running(engine: Engine) -> None:
    nodes = [trigger(), javascript("Costly", "throw new Error('ran again')"), sets("Then", then="{{ $json.n }}")]
    definition = workflow("retry", nodes, "Start -> Costly", "Costly -> Then")
    reused = {"Start": {"main": items({})}, "Costly": {"main": items({"n": 3})}}
    assert await engine.run(definition, reused=reused) == {"Then": [{"n": 3, "then": 3}]}
    edited = {"Then": [items({"n": 9})]}
    assert await engine.run(definition, reused=reused, inputs=edited) == {"Then": [{"n": 9, "then": 9}]}


async def test_pinned_output_counts_in_manual_runs_only(engine: Engine) -> None:
    nodes = [trigger(), javascript("Code", "return [{ran: true}]", pinned=[{"pinned": 1}, {"json": {"pinned": 2}}])]
    definition = workflow("pinned", nodes, "Start -> Code")
    assert await engine.run(definition) == {"Code": [{"pinned": 1}, {"pinned": 2}]}
    assert await engine.run(definition, use_pinned=False) == {"Code": [{"ran": True}]}


async def test_one_node_alone(engine: Engine) -> None:
    nodes = [trigger(), sets("A", a="{{ $json.n }}"), sets("B", b=1)]
    result = await engine.run(
        workflow("alone", nodes, "Start -> A", "A -> B"), {"n": 5}, begin="A", alone=True, mode="TEST"
    )
    assert result == {"A": [{"n": 5, "a": 5}]}


async def test_a_long_loop_continues_as_new_and_loses_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from temporal import workflow as module

    monkeypatch.setattr(
        module.OrchestratorWorkflow,
        "_wants_new_run",
        lambda self: module.workflow.info().get_current_history_length() > 60,
    )
    nodes = [
        trigger(),
        flow("Loop", "LOOP", mode="items", max_concurrency=2),
        javascript("Body", "return items.map(i => ({n: i.n * 2, at: 'x'.repeat(2000)}))"),
        transforms("All", "aggregate", field="n", into="all"),
    ]
    edges = ("Start -> Loop", "Loop.body -> Body", "Body -> Loop", "Loop.done -> All")
    handle = await engine.start(workflow("long", nodes, *edges), [{"n": i} for i in range(60)])
    assert await engine.result(handle) == {"All": [{"all": [2 * i for i in range(60)]}]}
    assert engine.recorded(handle).runs() == {"Start": 1, "Loop": 1, "Body": 60, "All": 1}
    history = await engine.client.get_workflow_handle(handle.id).fetch_history()
    assert history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id


async def test_ten_thousand_iterations(engine: Engine) -> None:
    nodes = [
        trigger(),
        flow("Loop", "LOOP", mode="count", times=10_000),
        transforms("Body", "rename", fields={"n": "n"}),
    ]
    handle = await engine.start(
        workflow("myriad", nodes, "Start -> Loop", "Loop.body -> Body", "Body -> Loop"), {"n": 1}
    )
    await engine.result(handle)
    assert engine.recorded(handle).runs() == {"Start": 1, "Loop": 1, "Body": 10_000}


async def test_recording_waits_for_the_store(engine: Engine) -> None:
    """A run that ends while the store is away is recorded when it is back."""
    engine.executions.away = True
    try:
        handle = await engine.start(FEATURES["effectful"].definition, {"n": 4})
        await asyncio.sleep(1.5)
    finally:
        engine.executions.away = False
    assert await engine.result(handle) == FEATURES["effectful"].result
    recorded = engine.recorded(handle)
    assert recorded.runs() == {"Start": 1, "Code": 1, "B": 1}
    assert recorded.execution
    assert recorded.execution.status is Status.COMPLETED


@pytest.mark.parametrize(("calls", "ran"), [(0, set()), (1, {"Start"})], ids=["never", "no more"])
async def test_a_run_without_a_record_fails(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, calls: int, ran: set[str]
) -> None:
    """Nobody would hear of it: so it goes no further, and tries nothing again and again."""
    record = engine.executions.record

    async def unknown(*given: Any, **named: Any) -> bool:
        nonlocal calls
        if not calls:
            raise UnrecordedRunError("there is no such run")
        calls -= 1
        return await record(*given, **named)

    monkeypatch.setattr(engine.executions, "record", unknown)
    handle = await engine.start(FEATURES["effectful"].definition, {"n": 4})
    failure = await engine.failure(handle)
    assert isinstance(failure, ActivityError)
    assert str(failure.cause) == "UnrecordedRunError: there is no such run"
    assert engine.recorded(handle).runs().keys() == ran


@pytest.mark.parametrize("feature", ["fused", "effectful"])
async def test_a_run_whose_end_is_on_record_is_not_paused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, feature: str
) -> None:
    """The pause comes between the record of the end and Temporal, which has the last task done once more then."""
    record, sent = engine.executions.record, False

    async def just_before(execution_id: str, nodes: Any, execution: ExecutionRecord | None = None) -> bool:
        nonlocal sent
        ended = await record(execution_id, nodes, execution)
        if execution and execution.status.ended and not sent:
            sent = True
            await engine.client.get_workflow_handle(execution_id).signal("pause")
        return ended

    monkeypatch.setattr(engine.executions, "record", just_before)
    handle = await engine.start(FEATURES[feature].definition, FEATURES[feature].value)
    assert await engine.result(handle) == FEATURES[feature].result
    events = (await handle.fetch_history()).events
    assert any(event.HasField("workflow_task_failed_event_attributes") for event in events), "the race was run"
    execution = engine.recorded(handle).execution
    assert execution
    assert execution.status is Status.COMPLETED


async def test_a_record_that_takes_long_shows_that_its_worker_lives(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the store is away for long, an activity of its own records; another worker takes over from a dead one."""
    record, come_back = engine.executions.record, asyncio.Event()

    async def late(*given: Any, **named: Any) -> bool:
        if activity.info().is_local:
            raise StoreUnavailableError("away")
        await come_back.wait()
        return await record(*given, **named)

    monkeypatch.setattr(engine.executions, "record", late)
    handle = await engine.start(FEATURES["effectful"].definition, {"n": 4})
    async with asyncio.timeout(20):
        while not await _beats(handle):  # noqa: ASYNC110 - only Temporal knows
            await asyncio.sleep(0.2)
    come_back.set()
    assert await engine.result(handle) == FEATURES["effectful"].result
    events = (await handle.fetch_history()).events
    scheduled = [event.activity_task_scheduled_event_attributes for event in events]
    assert {one.heartbeat_timeout.seconds for one in scheduled if one.activity_type.name == ADVANCE} == {15}


async def _beats(handle: WorkflowHandle[Any, Any]) -> bool:
    pending = (await handle.describe()).raw_description.pending_activities
    return any(one.activity_type.name == ADVANCE and one.HasField("last_heartbeat_time") for one in pending)


async def test_large_payload_stays_out_of_the_history(engine: Engine) -> None:
    """64 MiB, a little less, through five nodes."""
    grow = "return Array.from({length: 60}, (_, i) => ({i, blob: 'x'.repeat(1024 * 1024)}))"
    code = {"language": "javascript", "code": grow, "memory_mb": 1024, "timeout": "60s"}
    nodes = [
        trigger(),
        {**javascript("Grow", grow), "parameters": code},
        *(sets(f"S{i}", **{f"s{i}": i}) for i in range(4)),
        transforms("Count", "aggregate", field="i", into="all"),
    ]
    edges = ("Start -> Grow", "Grow -> S0", "S0 -> S1", "S1 -> S2", "S2 -> S3", "S3 -> Count")
    handle = await engine.start(workflow("large", nodes, *edges))
    assert await engine.result(handle) == {"Count": [{"all": list(range(60))}]}
    history = await handle.fetch_history()
    assert sum(event.ByteSize() for event in history.events) < 100_000

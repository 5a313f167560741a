"""A run that waits for a call takes one, once, and survives a restart and a new history."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from orchestrator.calls import IncomingCall
from temporal.client import CallRefusedError, RunNotFoundError, Runs, connect
from temporal.dev_server import DevServer
from tests.graphs import flow, sets, trigger, workflow
from tests.temporal.harness import Engine, items
from tests.temporal.harness import engine as running

LONG = 60
SHORT = ("limit.historyCount.suggestContinueAsNew=60",)


def _waiting(name: str, **wait: Any) -> dict[str, Any]:
    nodes = [trigger(), flow("Wait", "WAIT", mode="webhook", **wait), sets("After", done=True)]
    return workflow(name, nodes, "Start -> Wait", "Wait -> After")


async def _waits(handle: WorkflowHandle[Any, Any], *nodes: str) -> None:
    async with asyncio.timeout(LONG):
        while sorted((await handle.query("progress"))["waiting"]) != sorted(nodes):  # noqa: ASYNC110 - only it knows
            await asyncio.sleep(0.05)


async def test_a_call_is_what_the_node_emits(engine: Engine) -> None:
    handle = await engine.start(_waiting("wait_call"), {"n": 1})
    await _waits(handle, "Wait")
    runs = Runs(engine.client)
    await runs.call(handle.id, IncomingCall(items({"body": {"paid": True}})))
    assert await engine.result(handle) == {"After": [{"body": {"paid": True}, "done": True}]}
    with pytest.raises(RunNotFoundError):
        await runs.call(handle.id, IncomingCall(items({"body": "again"})))


async def test_of_many_calls_at_once_one_is_taken(engine: Engine) -> None:
    handle = await engine.start(_waiting("wait_once"), {})
    await _waits(handle, "Wait")
    runs = Runs(engine.client)
    calls = [runs.call(handle.id, IncomingCall(items({"n": n}))) for n in range(9)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    taken = [n for n, outcome in enumerate(outcomes) if outcome is None]
    assert len(taken) == 1
    assert all(isinstance(one, CallRefusedError | RunNotFoundError) for one in outcomes if one is not None), outcomes
    assert await engine.result(handle) == {"After": [{"n": taken[0], "done": True}]}


async def test_without_a_call_in_time_the_input_goes_on(engine: Engine) -> None:
    handle = await engine.start(_waiting("wait_late", timeout="1s"), {"n": 1})
    assert await engine.result(handle) == {"After": [{"n": 1, "done": True}]}


async def test_of_several_nodes_that_wait_the_caller_names_one(engine: Engine) -> None:
    nodes = [trigger(), flow("A", "WAIT", mode="webhook"), flow("B", "WAIT", mode="webhook")]
    handle = await engine.start(workflow("wait_two", nodes, "Start -> A", "Start -> B"), {})
    await _waits(handle, "A", "B")
    runs = Runs(engine.client)
    with pytest.raises(CallRefusedError, match="add \\?node=") as refused:
        await runs.call(handle.id, IncomingCall(items({"n": 0})))
    assert refused.value.code == "CALL_AMBIGUOUS"
    with pytest.raises(CallRefusedError, match="doesn't wait") as refused:
        await runs.call(handle.id, IncomingCall(items({"n": 0}), "C"))
    assert refused.value.code == "CALL_NOT_AWAITED"
    await runs.call(handle.id, IncomingCall(items({"n": 2}), "B"))
    await _waits(handle, "A")
    await runs.call(handle.id, IncomingCall(items({"n": 1})))
    assert await engine.result(handle) == {"A": [{"n": 1}], "B": [{"n": 2}]}


async def test_a_run_that_waits_continues_as_new() -> None:
    """A loop makes the history long while another branch waits."""
    server = DevServer(dynamic_config=SHORT)
    await server.start()
    try:
        async with running(await connect(target_host=server.address), "waits") as engine:
            await _continues(engine)
    finally:
        await server.stop()


async def _continues(engine: Engine) -> None:
    nodes = [
        trigger(),
        flow("Wait", "WAIT", mode="webhook"),
        flow("Loop", "LOOP", mode="count", times=30),
        flow("Pause", "WAIT", mode="duration", duration="0.05s"),
    ]
    graph = workflow("wait_anew", nodes, "Start -> Wait", "Start -> Loop", "Loop.body -> Pause", "Pause -> Loop")
    handle = await engine.start(graph, {"n": 1})
    first = (await handle.describe()).run_id
    async with asyncio.timeout(LONG * 3):
        while (await handle.describe()).run_id == first:  # noqa: ASYNC110 - only Temporal knows
            await asyncio.sleep(0.1)
    await Runs(engine.client).call(handle.id, IncomingCall(items({"n": 2}), "Wait"))
    assert (await engine.result(handle))["Wait"] == [{"n": 2}]

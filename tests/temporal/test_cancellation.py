"""A run is canceled when it can't heed that at once."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from orchestrator.record import Status
from orchestrator.start import RunStart
from temporal.client import Runs
from tests.agents.scripted import Reply, Request, ScriptedModel
from tests.graphs import node, sets, trigger, workflow
from tests.temporal.harness import Engine, engine, items

# Activities hear of a cancellation at their next heartbeat, some two seconds later.
UNHEARD = 0.5


@pytest.fixture(scope="module")
async def running(temporal_client: Client) -> AsyncIterator[Engine]:
    async with engine(temporal_client, "cancellation") as started:
        yield started


async def test_a_run_that_asks_people_waits_for_no_answer(running: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running.people, "pause", UNHEARD)
    asks = node("Ask", "HUMAN_IN_THE_LOOP_NODE", "APP", {"message": "Ship?"})
    handle = await running.start(workflow("asks", [trigger(), asks], "Start -> Ask"), {})
    async with asyncio.timeout(20):
        question = await running.people.question_of(handle.id)
        await handle.cancel()
        assert await running.failure(handle) is not None
    assert running.people.ended[question.id][0] == "CANCELED"


async def test_an_agent_takes_no_further_turn(running: Engine) -> None:
    asked, loop = asyncio.Event(), asyncio.get_running_loop()

    def reply(_: Request) -> Reply:
        loop.call_soon_threadsafe(asked.set)
        time.sleep(UNHEARD)
        return [("Look", {"at": "it"})]

    model = ScriptedModel()
    model.reply = reply
    agent = node("Agent", "AI_AGENT_NODE", "ROUTER_AGENT", {"model_name": "m", "base_url": model.url, "max_turns": 4})
    nodes = [trigger(), agent, sets("Look", at="{{ $fromAI('at') }}")]
    definition = workflow("agent", nodes, "Start -> Agent", "Agent -ai_tool-> Look")
    handle = await running.start(definition, {"message": "go"})
    await asked.wait()
    await handle.cancel()
    async with asyncio.timeout(20):
        assert await running.failure(handle) is not None
    assert len(model.requests) == 1


async def test_the_end_of_a_run_without_a_plan_is_recorded(temporal_client: Client) -> None:
    start = RunStart(str(uuid.uuid4()), "plain", "plain", "plain", 1, "MANUAL", "Start", items({}))
    await Runs(temporal_client, "unplanned").start(start)
    handle: WorkflowHandle[Any, Any] = temporal_client.get_workflow_handle(start.execution_id)
    await handle.cancel()
    async with engine(temporal_client, "unplanned") as late, asyncio.timeout(20):
        late.define(workflow("plain", [trigger(), sets("After", n=1)], "Start -> After"))
        assert await late.failure(handle) is not None
        recorded = late.recorded(handle).execution
    assert recorded is not None
    assert recorded.status is Status.CANCELED

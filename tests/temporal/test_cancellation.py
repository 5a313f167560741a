"""A run is canceled while an activity is under way that ends well before it hears of that."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from activities.ports import Question
from tests.agents.scripted import Reply, Request, ScriptedModel
from tests.graphs import node, sets, trigger, workflow
from tests.temporal.harness import Engine, engine

# Activities hear of a cancellation at their next heartbeat, some two seconds later.
UNHEARD = 0.5


@pytest.fixture(scope="module")
async def running(temporal_client: Client) -> AsyncIterator[Engine]:
    async with engine(temporal_client, "cancellation") as started:
        yield started


async def test_a_run_that_asks_people_waits_for_no_answer(running: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ask = asyncio.Event(), running.people.ask

    async def slowly(question: Question) -> None:
        await ask(question)
        asked.set()
        await asyncio.sleep(UNHEARD)

    monkeypatch.setattr(running.people, "ask", slowly)
    asks = node("Ask", "HUMAN_IN_THE_LOOP_NODE", "APP", {"message": "Ship?"})
    handle = await running.start(workflow("asks", [trigger(), asks], "Start -> Ask"), {})
    await asked.wait()
    await handle.cancel()
    async with asyncio.timeout(20):
        assert await running.failure(handle) is not None
    (task,) = [one.id for one in running.people.questions.values() if one.execution_id == handle.id]
    assert running.people.ended[task][0] == "CANCELED"


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

"""Agents whose conversations are longer than a history may be."""

from pathlib import Path

from temporal.client import connect
from temporal.dev_server import DevServer
from tests.agents.scripted import ScriptedModel
from tests.graphs import node, sets, trigger, workflow
from tests.temporal.harness import engine

TURNS = 40
# Temporal suggests to continue as new after so few events.
SHORT = ("limit.historyCount.suggestContinueAsNew=80",)


async def test_a_conversation_goes_on_in_a_new_run(tmp_path: Path) -> None:
    """Start -> Agent ~ai_tool~ Look, for two prompts; nothing is asked twice"""
    model = ScriptedModel()
    model.reply = lambda request: (
        "done" if sum(m["role"] == "assistant" for m in request["messages"]) == TURNS - 1 else [("Look", {"at": "it"})]
    )
    server = DevServer(dynamic_config=SHORT)
    await server.start()
    try:
        async with engine(await connect(target_host=server.address), "long") as running:
            parameters = {"model_name": "m", "base_url": model.url, "max_turns": 100}
            nodes = [
                trigger(),
                node("Agent", "AI_AGENT_NODE", "ROUTER_AGENT", parameters),
                sets("Look", at="{{ $fromAI('at') }}"),
                sets("After", n=1),
            ]
            definition = workflow("long", nodes, "Start -> Agent", "Agent -> After", "Agent -ai_tool-> Look")
            handle = await running.start(definition, [{"message": "one"}, {"message": "two"}])
            first = (await handle.describe()).run_id
            assert await running.failure(handle) is None
            last = (await running.client.get_workflow_handle(handle.id).describe()).run_id
            recorded = running.executions.of(handle.id)
    finally:
        await server.stop()
    assert first != last, "it continued as new"
    assert len(model.requests) == 2 * TURNS
    assert recorded.execution is not None
    assert recorded.execution.outputs is not None

"""Records the histories that every later version must still replay: `python -m tests.histories.record [NAME…]`.

Each revision of the workflow has a folder. An existing history is never replaced: a change that can't replay it
needs a new revision.
"""

import asyncio
import sys
import uuid
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle

from orchestrator.calls import IncomingCall
from orchestrator.messages import REVISION
from orchestrator.people import Answer
from orchestrator.start import RunStart, Share
from temporal.client import Runs, connect
from temporal.dev_server import DevServer
from tests.agents.scripted import ScriptedModel
from tests.graphs import flow, javascript, node, sets, transforms, trigger, workflow
from tests.temporal.features import FEATURES
from tests.temporal.firing import REQUESTS, Firing, started
from tests.temporal.harness import Engine, engine, items
from tests.temporal.test_workflow import CHILD

FOLDER = Path(__file__).parent
# Temporal suggests to continue as new after so few events, so that a short run shows it.
SHORT_HISTORIES = ("limit.historyCount.suggestContinueAsNew=60",)


async def _steered(engine: Engine) -> dict[str, WorkflowHandle]:
    """Runs that need somebody from outside, or other workflows."""
    sleepy = [trigger(), flow("Wait", "WAIT", mode="duration", duration="1h")]
    canceled = await engine.start(workflow("canceled", sleepy, "Start -> Wait"))
    spinning = [trigger(), javascript("Spin", "while (true) {}")]
    canceled_activity = await engine.start(workflow("canceled_activity", spinning, "Start -> Spin"))
    short = [trigger(), flow("Wait", "WAIT", mode="duration", duration="2s"), sets("After", done=True)]
    paused = await engine.start(workflow("paused", short, "Start -> Wait", "Wait -> After"))
    timed_out = await engine.start(workflow("timed_out", sleepy, "Start -> Wait", timeout="1s"))
    engine.define(CHILD)
    calling = [trigger(), flow("Call", "SUBWORKFLOW", workflow_id="child", each_item=True)]
    parent = await engine.start(workflow("subworkflow", calling, "Start -> Call"), [{"n": 1}, {"n": 2}])
    called = [trigger(), flow("Wait", "WAIT", mode="webhook", timeout="1h"), sets("After", done=True)]
    wait_call = await engine.start(workflow("wait_call", called, "Start -> Wait", "Wait -> After"))
    late = [trigger(), flow("Wait", "WAIT", mode="webhook", timeout="1s"), sets("After", done=True)]
    wait_late = await engine.start(workflow("wait_late", late, "Start -> Wait", "Wait -> After"))
    rounds = [trigger(), flow("Loop", "LOOP", mode="count", times=9), javascript("Body", "return [{}]")]
    edges = ("Start -> Loop", "Loop.body -> Body", "Body -> Loop")
    capped = await engine.start(workflow("capped", rounds, *edges), share=Share("default", node_runs=5))
    runs = Runs(engine.client)
    await asyncio.sleep(1)
    await runs.call(wait_call.id, IncomingCall(items({"body": {"paid": True}})))
    await runs.pause(paused.id)
    await runs.cancel(canceled.id)
    await runs.cancel(canceled_activity.id)
    await asyncio.sleep(2)
    await runs.resume(paused.id)
    return {
        "canceled": canceled,
        "canceled_activity": canceled_activity,
        "paused": paused,
        "wait_call": wait_call,
        "wait_late": wait_late,
        "timed_out": timed_out,
        "capped": capped,
        "subworkflow": parent,
    }


async def _continued(engine: Engine) -> WorkflowHandle:
    """A loop that goes on in a new run: the first run's history ends there."""
    nodes = [
        trigger(),
        flow("Loop", "LOOP", mode="items"),
        javascript("Body", "return items.map(i => ({n: i.n * 2}))"),
        transforms("All", "aggregate", field="n", into="all"),
    ]
    edges = ("Start -> Loop", "Loop.body -> Body", "Body -> Loop", "Loop.done -> All")
    handle = await engine.start(workflow("continued", nodes, *edges), [{"n": i} for i in range(40)])
    first_run = (await handle.describe()).run_id
    await engine.failure(handle)
    return engine.client.get_workflow_handle(handle.id, run_id=first_run)


async def _store_away(engine: Engine) -> WorkflowHandle:
    engine.executions.away = True
    handle = await engine.start(FEATURES["effectful"].definition, {"n": 4})
    await asyncio.sleep(2)
    engine.executions.away = False
    return handle


async def _agent(engine: Engine) -> WorkflowHandle:
    """An agent that calls a tool in its first turn, and answers in its second."""
    model = ScriptedModel()
    model.reply = lambda request: "done" if len(model.requests) > 1 else [("Lookup", {"city": "Bern"})]
    nodes = [
        trigger(),
        node("Agent", "AI_AGENT_NODE", "ROUTER_AGENT", {"model_name": "m", "base_url": model.url}),
        sets("Lookup", weather="sunny in {{ $fromAI('city') }}"),
    ]
    return await engine.start(workflow("agent", nodes, "Start -> Agent", "Agent -ai_tool-> Lookup"), {"message": "x"})


async def _asked(engine: Engine) -> dict[str, WorkflowHandle]:
    """Runs that ask people: answered, late, reminded and passed on, canceled (one at once), going on in a new run."""

    def asking(name: str, **parameters: Any) -> dict[str, Any]:
        ask = node("Ask", "HUMAN_IN_THE_LOOP_NODE", "APP", {"message": "{{ $json.n }}?", **parameters})
        return workflow(name, [trigger(), ask, sets("After", done=True)], "Start -> Ask", "Ask.approved -> After")

    items = [{"n": i} for i in range(12)]
    engine.people.pause = 0.5
    canceled_early = await engine.start(asking("ask_canceled_early"), items[:1])
    await engine.people.question_of(canceled_early.id)
    await engine.client.get_workflow_handle(canceled_early.id).cancel()
    engine.people.pause = 0
    answered = await engine.start(asking("ask_answered", approvals_required=2), items[:2])
    late = await engine.start(asking("ask_late", timeout="1s", on_timeout="timeout_output"), items[:1])
    passed_on = await engine.start(
        asking("ask_passed_on", assignees="ann", timeout="2s", reminders=["500ms"], escalate_to="boss"), items[:1]
    )
    canceled = await engine.start(asking("ask_canceled"), items[:1])
    await asyncio.sleep(3)
    await _answer(engine, passed_on, "approved", "boss")
    continued = await engine.start(asking("ask_continued"), items)
    first_run = (await continued.describe()).run_id
    await asyncio.sleep(1)
    await _answer(engine, answered, "approved", "ann", "bob")
    await engine.client.get_workflow_handle(canceled.id).cancel()
    await _answer(engine, continued, "approved", "ann")
    await engine.failure(continued)
    return {
        "ask_answered": answered,
        "ask_late": late,
        "ask_passed_on": passed_on,
        "ask_canceled": canceled,
        "ask_canceled_early": canceled_early,
        "ask_continued": engine.client.get_workflow_handle(continued.id, run_id=first_run),
    }


async def _answer(engine: Engine, handle: WorkflowHandle, decision: str, *people: str) -> None:
    """Each of the people answers each of the run's tasks."""
    for task in [one.id for one in engine.people.questions.values() if one.execution_id == handle.id]:
        for person in people:
            await Runs(engine.client).answer(handle.id, Answer(task, decision, person))
            # As people do: one after the other has been taken note of.
            await asyncio.sleep(0.3)


async def _triggers(engine: Engine, firing: Firing) -> dict[str, WorkflowHandle]:
    """What schedules start."""
    made = engine.define(FEATURES["fused"].definition)
    for request in REQUESTS.values():
        if request.binding_id not in ("off", "polls"):
            id_ = str(uuid.uuid4())
            start = RunStart(id_, "fused", "fused", "fused", 1, "TRIGGER", "Start", items({"n": 1}), made.plan)
            firing.starts[request.binding_id] = start
    return {name: await started(engine.client, request, engine.task_queue) for name, request in REQUESTS.items()}


async def record(names: list[str]) -> None:
    """Runs what isn't recorded yet and keeps its history."""
    server = DevServer(dynamic_config=SHORT_HISTORIES)
    await server.start()
    try:
        client = await connect(target_host=server.address)
        firing = Firing()
        async with engine(client, "record", firing.fire, firing.poll) as running:
            handles = {name: await running.start(f.definition, f.value) for name, f in FEATURES.items()}
            handles |= await _steered(running)
            handles["continued"] = await _continued(running)
            handles["store_away"] = await _store_away(running)
            handles["agent"] = await _agent(running)
            handles |= await _asked(running)
            handles |= await _triggers(running, firing)
            for name, handle in handles.items():
                file = FOLDER / str(REVISION) / f"{name}.json"
                if not name.endswith("continued"):
                    await running.failure(handle)
                if not file.exists() and (not names or name in names):
                    file.parent.mkdir(exist_ok=True)
                    file.write_text((await handle.fetch_history()).to_json())
                    print("recorded", file.relative_to(FOLDER))
    finally:
        await server.stop()


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1:]))

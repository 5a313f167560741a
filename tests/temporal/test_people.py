"""Runs ask people: on a real Temporal server, with channels that reach nobody."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from orchestrator.people import Answer, OpenTask, Reassignment
from temporal.client import AnswerRefusedError, Runs
from tests.graphs import Json, node, sets, trigger, workflow
from tests.temporal.harness import Engine, engine

PORTS = ("approved", "rejected", "timeout")


@pytest.fixture(scope="module")
async def people(temporal_client: Client) -> AsyncIterator[Engine]:
    async with engine(temporal_client, "people") as running:
        yield running


def asks(name: str = "Ask", **parameters: Any) -> Json:
    return node(name, "HUMAN_IN_THE_LOOP_NODE", "APP", {"message": "Ship {{ $json.id }}?", **parameters})


def asking(**parameters: Any) -> Json:
    """Start -> Ask, with a node at each port."""
    nodes = [trigger(), asks(**parameters), *(sets(port.capitalize(), port=port) for port in PORTS)]
    return workflow("asking", nodes, "Start -> Ask", *(f"Ask.{port} -> {port.capitalize()}" for port in PORTS))


async def task_ids(engine: Engine, handle: WorkflowHandle[Any, Any], count: int = 1) -> list[str]:
    """The tasks of a run, once there are so many and the run waits."""
    async with asyncio.timeout(30):
        while True:
            own = [one.id for one in engine.people.questions.values() if one.execution_id == handle.id]
            progress = await handle.query("progress")
            if len(own) == count and all(one in engine.people.deliveries for one in own) and progress["waiting"]:
                return own
            await asyncio.sleep(0.02)


async def answer(engine: Engine, handle: WorkflowHandle[Any, Any], answer: Answer) -> Any:
    async with asyncio.timeout(20):
        while True:
            try:
                return await Runs(engine.client).answer(handle.id, answer)
            except AnswerRefusedError as error:
                if error.code != "NOT_WAITING":
                    raise
                await asyncio.sleep(0.05)


async def reassign(engine: Engine, handle: WorkflowHandle[Any, Any], change: Reassignment) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await Runs(engine.client).reassign(handle.id, change)
            except AnswerRefusedError:
                await asyncio.sleep(0.05)
            else:
                return


async def happened(engine: Engine, task: str, kind: str) -> None:
    async with asyncio.timeout(30):
        while True:
            if kind in engine.people.kinds(task):
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("decision", "port"), [("approved", "Approved"), ("reject", "Rejected"), ("yes", "Approved")])
async def test_an_answer_leaves_by_its_port(people: Engine, decision: str, port: str) -> None:
    handle = await people.start(asking(), {"id": 7})
    (task,) = await task_ids(people, handle)
    assert people.people.questions[task].message == "Ship 7?"
    await answer(people, handle, Answer(task, decision, "ann", comment="fine"))
    result = await people.result(handle)
    (item,) = result[port]
    assert item["id"] == 7
    human = item["human"]
    assert (human["task_id"], human["answered_by"], human["comment"]) == (task, "ann", "fine")
    assert human["decision"] == port.lower()
    assert human["fields"] == {}
    assert human["answered_at"].endswith("Z")
    assert people.people.kinds(task) == ["delivered", "answered"]


async def test_each_item_is_asked_about(people: Engine) -> None:
    handle = await people.start(asking(), [{"id": 1}, {"id": 2}, {"id": 3}])
    tasks = await task_ids(people, handle, 3)
    by_item = {people.people.questions[task].item: task for task in tasks}
    for item, decision in ((2, "approved"), (0, "rejected"), (1, "approved")):
        await answer(people, handle, Answer(by_item[item], decision, "ann"))
    result = await people.result(handle)
    assert [item["id"] for item in result["Approved"]] == [2, 3]
    assert [item["id"] for item in result["Rejected"]] == [1]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"task_id": "other"}, "NOT_WAITING"),
        ({"by": "bob"}, "NOT_ASSIGNED"),
        ({"decision": "maybe"}, "BAD_DECISION"),
        ({"fields": "[1]"}, "BAD_FIELDS"),
        ({"fields": '{"amount": "x"}'}, "BAD_FIELDS"),
        ({"fields": ""}, "BAD_FIELDS"),
        ({"comment": "x" * 5000}, "BAD_COMMENT"),
    ],
)
async def test_bad_answers_are_refused_with_the_reason(people: Engine, changes: Json, code: str) -> None:
    fields = [{"name": "amount", "type": "number", "required": True}]
    handle = await people.start(asking(assignees=["Ann"], fields=fields), {"id": 1})
    (task,) = await task_ids(people, handle)
    good = {"task_id": task, "decision": "approved", "by": "ann", "fields": '{"amount": 90}'}
    # Once it may be reassigned, the run waits.
    await reassign(people, handle, Reassignment(task, ("Ann",)))
    with pytest.raises(AnswerRefusedError) as refused:
        await Runs(people.client).answer(handle.id, Answer(**{**good, **changes}))
    assert refused.value.code == code
    await answer(people, handle, Answer(**good))
    result = await people.result(handle)
    assert result["Approved"][0]["human"]["fields"] == {"amount": 90}


async def test_only_one_of_many_answers_counts(people: Engine) -> None:
    handle = await people.start(asking(), {"id": 1})
    (task,) = await task_ids(people, handle)
    await answer(people, handle, Answer(task, "approved", "first"))
    given = [Runs(people.client).answer(handle.id, Answer(task, "rejected", f"p{i}")) for i in range(5)]
    others = await asyncio.gather(*given, return_exceptions=True)
    assert all(isinstance(one, Exception) for one in others)
    assert (await people.result(handle))["Approved"][0]["human"]["answered_by"] == "first"


async def test_a_signal_answers_and_a_bad_one_changes_nothing(people: Engine) -> None:
    handle = await people.start(asking(assignees=["ann"]), {"id": 1})
    (task,) = await task_ids(people, handle)
    await handle.signal("answer", {"task_id": task, "decision": "approved", "by": "bob"})
    await handle.signal("answer", {"task_id": task, "decision": "rejected", "by": "ann"})
    assert (await people.result(handle))["Rejected"][0]["human"]["answered_by"] == "ann"


@pytest.mark.parametrize(
    ("parameters", "port", "decision"),
    [
        ({"on_timeout": "timeout_output"}, "Timeout", None),
        ({"on_timeout": "default", "default_answer": "reject"}, "Rejected", "rejected"),
        (
            {"on_timeout": "default", "default_answer": {"decision": "approved", "fields": {"a": 1}}},
            "Approved",
            "approved",
        ),
    ],
)
async def test_at_the_deadline(people: Engine, parameters: Json, port: str, decision: str | None) -> None:
    handle = await people.start(asking(timeout="1s", **parameters), {"id": 1})
    result = await people.result(handle)
    human = result[port][0]["human"]
    assert human["decision"] == decision
    assert human["answered_by"] is None
    (task,) = [one for one in people.people.questions.values() if one.execution_id == handle.id]
    assert people.people.ended[task.id][0] == "EXPIRED"
    with pytest.raises(Exception, match="not running"):
        await Runs(people.client).answer(handle.id, Answer(task.id, "approved"))


async def test_without_an_answer_the_node_fails(people: Engine) -> None:
    handle = await people.start(asking(timeout="1s", assignees="ann, bob"), {"id": 1})
    error = await people.failure(handle)
    assert error is not None
    assert "nobody answered in time; asked were: ann, bob" in str(error)


async def test_a_failed_item_leaves_by_the_error_port(people: Engine) -> None:
    ask = {**asks(timeout="1s"), "on_error": "error_output"}
    nodes = [trigger(), ask, sets("Late", late=True)]
    handle = await people.start(workflow("late", nodes, "Start -> Ask", "Ask.error -> Late"), {"id": 1})
    (item,) = (await people.result(handle))["Late"]
    assert item["error"]["code"] == "NOT_ANSWERED"


async def test_reminders_then_escalation(people: Engine) -> None:
    handle = await people.start(
        asking(assignees=["ann"], timeout="2s", reminders=["500ms", "1s"], escalate_to=["boss"]), {"id": 1}
    )
    (task,) = await task_ids(people, handle)
    await happened(people, task, "escalated")
    assert people.people.kinds(task).count("reminded") in (1, 2)
    with pytest.raises(AnswerRefusedError, match="may not answer"):
        await answer(people, handle, Answer(task, "approved", "ann"))
    await answer(people, handle, Answer(task, "approved", "boss"))
    assert (await people.result(handle))["Approved"][0]["human"]["answered_by"] == "boss"


async def test_several_must_agree_and_one_counts_once(people: Engine) -> None:
    handle = await people.start(asking(approvals_required=2, assignees=["a", "b", "c"]), {"id": 1})
    (task,) = await task_ids(people, handle)
    first = await answer(people, handle, Answer(task, "approved", "a", comment="ok"))
    assert (first.decision, first.agreed, first.required) == ("", 1, 2)
    with pytest.raises(AnswerRefusedError, match="answered already"):
        await answer(people, handle, Answer(task, "approved", "A"))
    second = await answer(people, handle, Answer(task, "approved", "c"))
    assert second.decision == "approved"
    human = (await people.result(handle))["Approved"][0]["human"]
    assert human["answered_by"] == "a, c"
    assert [one["answered_by"] for one in human["answers"]] == ["a", "c"]


async def test_one_rejection_is_enough(people: Engine) -> None:
    handle = await people.start(asking(approvals_required=3), {"id": 1})
    (task,) = await task_ids(people, handle)
    await answer(people, handle, Answer(task, "approved", "a"))
    await answer(people, handle, Answer(task, "rejected", "b"))
    assert (await people.result(handle))["Rejected"][0]["human"]["answered_by"] == "b"


async def test_the_requester_must_not_answer(people: Engine) -> None:
    handle = await people.start(asking(exclude_requester=True, requester="{{ $json.by }}"), {"id": 1, "by": "ann"})
    (task,) = await task_ids(people, handle)
    for wrong in (Answer(task, "approved", "x", known_as=("Ann",)), Answer(task, "approved")):
        with pytest.raises(AnswerRefusedError) as refused:
            await answer(people, handle, wrong)
        assert refused.value.code == "NOT_ASSIGNED"
    await answer(people, handle, Answer(task, "approved", "bob"))
    await people.result(handle)


async def test_a_task_is_handed_on(people: Engine) -> None:
    handle = await people.start(asking(assignees=["ann"]), {"id": 1})
    (task,) = await task_ids(people, handle)
    with pytest.raises(AnswerRefusedError, match="'bob' may not answer"):
        await answer(people, handle, Answer(task, "approved", "bob"))
    assert await Runs(people.client).reassign(handle.id, Reassignment(task, ("bob",), "ann", "on leave")) == 1
    with pytest.raises(AnswerRefusedError, match="may not answer"):
        await answer(people, handle, Answer(task, "approved", "ann"))
    await happened(people, task, "reassigned")
    await answer(people, handle, Answer(task, "approved", "bob"))
    await people.result(handle)
    assert people.people.questions[task].assignees == ("bob",)
    assert "reassigned" in people.people.kinds(task)


async def test_a_canceled_run_closes_its_tasks(people: Engine) -> None:
    handle = await people.start(asking(), [{"id": 1}, {"id": 2}])
    tasks = await task_ids(people, handle, 2)
    await handle.cancel()
    assert await people.failure(handle) is not None
    assert [people.people.ended[task][0] for task in tasks] == ["CANCELED", "CANCELED"]


async def test_options_of_ones_own_have_ports_of_their_own(people: Engine) -> None:
    options = ["accept", {"name": "later", "label": "Not now"}, {"name": "stop", "port": "rejected"}]
    nodes = [trigger(), asks(options=options), sets("Yes", p=1), sets("Later", p=2), sets("Stop", p=3)]
    edges = ("Start -> Ask", "Ask.approved -> Yes", "Ask.later -> Later", "Ask.rejected -> Stop")
    handle = await people.start(workflow("options", nodes, *edges), [{"id": 1}, {"id": 2}, {"id": 3}])
    tasks = await task_ids(people, handle, 3)
    by_item = {people.people.questions[task].item: task for task in tasks}
    for item, decision in enumerate(("approve", "later", "stop")):
        await answer(people, handle, Answer(by_item[item], decision))
    result = await people.result(handle)
    assert {name: [one["id"] for one in found] for name, found in result.items()} == {
        "Yes": [1],
        "Later": [2],
        "Stop": [3],
    }


async def test_an_item_that_cant_be_asked_about_is_the_only_one_to_fail(people: Engine) -> None:
    ask = {**asks(message="{{ $json.text }}"), "on_error": "error_output"}
    nodes = [trigger(), ask, sets("Yes", p=1), sets("Bad", p=2)]
    flow = workflow("some", nodes, "Start -> Ask", "Ask.approved -> Yes", "Ask.error -> Bad")
    handle = await people.start(flow, [{"text": "a"}, {"text": 5}, {"text": "c"}])
    tasks = await task_ids(people, handle, 2)
    for task in tasks:
        await answer(people, handle, Answer(task, "approved"))
    result = await people.result(handle)
    assert [one["text"] for one in result["Yes"]] == ["a", "c"]
    assert result["Bad"][0]["error"]["item"] == 1


def test_open_tasks_stay_small() -> None:
    task = OpenTask("x" * 32, 0, ())
    assert len(json.dumps(task.__dict__, default=str)) < 600

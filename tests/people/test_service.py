"""HumanTaskService and the inbox's channel, on real servers."""

import json
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import human_task_pb2 as tasks

from services.store.engine import Database
from tests.people.conftest import Installation, asking

ORDERS = Path(__file__).with_name("orders.json")


async def answer(installation: Installation, task_id: str, decision: str = "approved", **more: Any) -> tasks.HumanTask:
    request = tasks.AnswerHumanTaskRequest(task_id=task_id, decision=decision, **more)
    found: tasks.HumanTask = (await installation.people.AnswerHumanTask(request)).task
    return found


async def test_the_inbox(installation: Installation) -> None:
    fields = [{"name": "amount", "type": "integer", "required": True, "default": 5}]
    flow = asking("APP", assignees=["Ann", "bob@example.org"], fields=fields, timeout="3d", on_timeout="timeout_output")
    run = await installation.start(flow, {"id": 4})
    task = await installation.task(run)
    assert (task.title, task.message, task.channel, task.node) == ("Large order", "Ship 4?", "APP", "Ask")
    assert json.loads(task.subject_json) == {"id": 4}
    assert (task.on_timeout, task.workflow_name) == ("timeout_output", "asking")
    assert task.deadline.ToDatetime() > task.created_at.ToDatetime()
    (shown,) = task.fields
    assert (shown.name, shown.label, shown.type, shown.required, shown.default_json) == (
        "amount",
        "Amount",
        "integer",
        True,
        "5",
    )
    await installation.people.CommentHumanTask(tasks.CommentHumanTaskRequest(task_id=task.task_id, comment="Looks big"))
    answered = await answer(installation, task.task_id, "approve", user_id="ann", fields_json='{"amount": 3}')
    assert (answered.status, answered.decision, answered.answered_by) == (tasks.TASK_ANSWERED, "approved", "ann")
    assert json.loads(answered.fields_json) == {"amount": 3}
    human = await installation.human(run)
    assert human["fields"] == {"amount": 3}
    events = (await installation.show(task.task_id)).events
    assert [event.kind for event in events] == ["asked", "delivered", "commented", "answered"]
    assert events[2].text == "Looks big"


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        ({"decision": "approved", "user_id": "eve"}, grpc.StatusCode.FAILED_PRECONDITION, "may not answer"),
        ({"decision": "approved"}, grpc.StatusCode.FAILED_PRECONDITION, "may not answer"),
        ({"decision": "maybe", "user_id": "ann"}, grpc.StatusCode.INVALID_ARGUMENT, "none of"),
        (
            {"decision": "approved", "user_id": "ann", "fields_json": "{"},
            grpc.StatusCode.INVALID_ARGUMENT,
            "no JSON",
        ),
        (
            {"decision": "approved", "user_id": "ann", "fields_json": '{"x": 1}'},
            grpc.StatusCode.INVALID_ARGUMENT,
            "no field",
        ),
        (
            {"decision": "approved", "user_id": "ann", "comment": "x" * 5000},
            grpc.StatusCode.INVALID_ARGUMENT,
            "characters",
        ),
        ({"task_id": "none", "decision": "approved"}, grpc.StatusCode.NOT_FOUND, "no task"),
    ],
)
async def test_what_is_refused(installation: Installation, given: dict[str, str], status: Any, reason: str) -> None:
    run = await installation.start(asking("APP", assignees=["ann"]), {"id": 1})
    task = await installation.task(run)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await installation.people.AnswerHumanTask(tasks.AnswerHumanTaskRequest(**{"task_id": task.task_id, **given}))
    assert refused.value.code() is status
    assert reason in str(refused.value.details())
    await installation.stub.CancelExecution(ex.CancelExecutionRequest(execution_id=run))
    await installation.task(run, tasks.TASK_CANCELED)
    with pytest.raises(grpc.aio.AioRpcError, match="has ended"):
        await answer(installation, task.task_id, user_id="ann")


async def test_lists_and_pages(installation: Installation) -> None:
    runs = [await installation.start(asking("APP", assignees=[name]), {"id": 1}) for name in ("li", "li", "mo")]
    found = [await installation.task(run) for run in runs]
    request = tasks.ListHumanTasksRequest(assignee="li", open_only=True, page_size=1)
    first = await installation.people.ListHumanTasks(request)
    request.page_token = first.next_page_token
    second = await installation.people.ListHumanTasks(request)
    assert [task.task_id for page in (first, second) for task in page.tasks] == [found[1].task_id, found[0].task_id]
    assert not second.next_page_token
    await answer(installation, found[0].task_id, user_id="li")
    await installation.end(runs[0])
    still = await installation.people.ListHumanTasks(tasks.ListHumanTasksRequest(assignee="li", open_only=True))
    assert [task.task_id for task in still.tasks] == [found[1].task_id]
    assert not still.tasks[0].events, "only one task's details have its events"


async def test_a_task_is_handed_on(installation: Installation) -> None:
    run = await installation.start(asking("APP", assignees=["ann"]), {"id": 1})
    task = await installation.task(run)
    for names in ([], [" "], ["x" * 400]):
        with pytest.raises(grpc.aio.AioRpcError, match="name between"):
            await installation.people.ReassignHumanTask(
                tasks.ReassignHumanTaskRequest(task_id=task.task_id, assignees=names)
            )
    request = tasks.ReassignHumanTaskRequest(task_id=task.task_id, assignees=["bob"], reason="on leave")
    moved = (await installation.people.ReassignHumanTask(request)).task
    assert list(moved.assignees) == ["bob"]
    with pytest.raises(grpc.aio.AioRpcError, match="may not answer"):
        await answer(installation, task.task_id, user_id="ann")
    await answer(installation, task.task_id, user_id="bob")
    await installation.human(run)
    reassigned = [event for event in (await installation.show(task.task_id)).events if event.kind == "reassigned"]
    assert [event.text for event in reassigned] == ["on leave"], "told once, however many write it down"


async def test_deeds_are_in_the_audit_log(installation: Installation) -> None:
    run = await installation.start(asking("APP"), {"id": 1})
    task = await installation.task(run)
    await installation.people.CommentHumanTask(tasks.CommentHumanTaskRequest(task_id=task.task_id, comment="hm"))
    await installation.people.ReassignHumanTask(tasks.ReassignHumanTaskRequest(task_id=task.task_id, assignees=["bob"]))
    await answer(installation, task.task_id, user_id="bob")
    async with Database(installation.parts.database.url).single() as connection:
        rows = await connection.exec_driver_sql(
            "SELECT action, actor FROM audit_log WHERE object_id = %(id)s ORDER BY id", {"id": task.task_id}
        )
        assert [tuple(row) for row in rows.all()] == [
            ("task.comment", ""),
            ("task.reassign", ""),
            ("task.answer", "bob"),
        ]
    await installation.end(run)


async def test_orders_as_written(installation: Installation) -> None:
    """The example of an order pipeline with a person in it, and a stock service that refuses one order."""
    definition = json.loads(ORDERS.read_text())
    definition["settings"] = {"variables": {"stock_url": installation.chat.url}}
    orders = [{"id": "A", "total": 10}, {"id": "B", "total": 5000}, {"id": "C", "total": 20}]
    from google.protobuf.json_format import ParseDict
    from workflow_engine.v1 import workflow_service_pb2 as pb

    request = pb.CreateWorkflowRequest()
    ParseDict({key: definition[key] for key in ("name", "nodes", "connections", "settings")}, request)
    created = await installation.stub.CreateWorkflow(request)
    assert not [problem for problem in created.problems if problem.severity == 1]
    given = ex.Items(json=json.dumps({"orders": orders}))
    started = await installation.stub.ExecuteWorkflow(
        ex.ExecuteWorkflowRequest(workflow_id=created.workflow.id, input=given)
    )
    task = await installation.task(started.execution_id)
    assert (task.title, task.message) == ("Large order", "Order B over 5000 €. Ship it?")
    assert list(task.assignees) == ["manager"]
    await answer(installation, task.task_id, user_id="manager")
    result = await installation.end(started.execution_id)
    assert len(installation.chat.of("/reserve")) == 3
    assert list(result) == ["Summary"]

"""What is done is told, in the transaction that does it, without secrets, and for good."""

import json
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import ProgrammingError
from workflow_engine.v1 import auth_pb2 as wire
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import human_task_pb2 as ht
from workflow_engine.v1 import integration_pb2 as ig
from workflow_engine.v1 import workflow_pb2
from workflow_engine.v1 import workflow_service_pb2 as ws

from orchestrator.people import Answer, Taken
from services.identity.caller import Caller, Role
from services.store.audit import audit
from services.store.engine import connection_string
from services.store.ids import new_id
from tests.services.conftest import Store
from tests.services.identity.conftest import Code, Guarded, Person, refused
from tests.services.identity.test_scoping import put_task

TRIGGER = workflow_pb2.Node(id="t", name="T", type=workflow_pb2.TRIGGER_NODE, subtype="MANUAL")
WAIT = workflow_pb2.Node(id="w", name="W", type=workflow_pb2.FLOW_NODE, subtype="WAIT")


async def events(guarded: Guarded, person: Person, **filters: Any) -> list[wire.AuditEvent]:
    request = wire.ListAuditEventsRequest(page_size=1000, **filters)
    return list((await guarded.auth.ListAuditEvents(request, metadata=person.metadata)).events)


async def told(guarded: Guarded, person: Person, **filters: Any) -> list[str]:
    """What was done, in the order in which it was."""
    return [event.action for event in reversed(await events(guarded, person, **filters))]


@pytest.fixture
async def owner(guarded: Guarded) -> Person:
    """The owner of a workspace of the test's own."""
    return await guarded.person(new_id())


async def test_what_is_done_to_workflows(guarded: Guarded, owner: Person) -> None:
    mine = {"metadata": owner.metadata}
    made = (
        await guarded.workflows.CreateWorkflow(ws.CreateWorkflowRequest(name="w", nodes=[TRIGGER]), **mine)
    ).workflow
    changed = workflow_pb2.Workflow(name="w2", nodes=[TRIGGER])
    await guarded.workflows.UpdateWorkflow(ws.UpdateWorkflowRequest(workflow_id=made.id, workflow=changed), **mine)
    await guarded.workflows.RestoreWorkflowVersion(
        ws.RestoreWorkflowVersionRequest(workflow_id=made.id, version=1), **mine
    )
    missed = ws.UpdateWorkflowRequest(workflow_id=made.id, workflow=changed, expected_version=1)
    assert (await refused(guarded.workflows.UpdateWorkflow(missed, **mine)))[0] is Code.ABORTED
    await guarded.workflows.DeleteWorkflow(ws.DeleteWorkflowRequest(workflow_id=made.id), **mine)
    found = await events(guarded, owner, object_id=made.id)
    assert [event.action for event in found] == [
        "workflow.delete",
        "workflow.restore",
        "workflow.update",
        "workflow.create",
    ]
    update = found[2]
    assert (update.actor, update.object_type, update.via) == (owner.id, "workflow", "grpc")
    assert update.address == "127.0.0.1"
    assert json.loads(update.before_json) == {"version": 1}
    assert json.loads(update.after_json)["version"] == 2
    assert json.loads(found[1].after_json)["restored_from"] == 1


async def test_what_is_done_to_runs(guarded: Guarded, owner: Person) -> None:
    mine = {"metadata": owner.metadata}
    creating = ws.CreateWorkflowRequest(name="w", nodes=[TRIGGER])
    workflow = (await guarded.workflows.CreateWorkflow(creating, **mine)).workflow.id
    starting = ex.ExecuteWorkflowRequest(workflow_id=workflow, request_id="once")
    run = (await guarded.workflows.ExecuteWorkflow(starting, **mine)).execution_id
    assert (await guarded.workflows.ExecuteWorkflow(starting, **mine)).execution_id == run
    async for _ in guarded.workflows.WatchExecution(ex.WatchExecutionRequest(execution_id=run), **mine):
        pass
    late = guarded.workflows.CancelExecution(ex.CancelExecutionRequest(execution_id=run), **mine)
    assert (await refused(late))[0] is Code.FAILED_PRECONDITION
    again = (
        await guarded.workflows.RetryExecution(ex.RetryExecutionRequest(execution_id=run, node="T"), **mine)
    ).execution_id
    async for _ in guarded.workflows.WatchExecution(ex.WatchExecutionRequest(execution_id=again), **mine):
        pass
    await guarded.workflows.DeleteExecution(ws.DeleteExecutionRequest(execution_id=run), **mine)
    assert await told(guarded, owner, object_id=run) == ["execution.start", "execution.delete"]
    (retried,) = await events(guarded, owner, object_id=again)
    assert (retried.action, json.loads(retried.before_json)["execution_id"]) == ("execution.retry", run)


async def test_what_is_done_to_a_run_that_goes_on(guarded: Guarded, owner: Person) -> None:
    mine = {"metadata": owner.metadata}
    waiting = workflow_pb2.Node()
    waiting.CopyFrom(WAIT)
    waiting.parameters.update({"mode": "duration", "duration": "1h"})
    creating = ws.CreateWorkflowRequest(name="w", nodes=[TRIGGER, waiting])
    arrow = workflow_pb2.Connection(node="W", type=workflow_pb2.MAIN)
    creating.connections.connections["T"].connection_types["main"].connections.append(arrow)
    made = await guarded.workflows.CreateWorkflow(creating, **mine)
    assert not made.problems, made.problems
    starting = ex.ExecuteWorkflowRequest(workflow_id=made.workflow.id)
    run = (await guarded.workflows.ExecuteWorkflow(starting, **mine)).execution_id
    async for answer in guarded.workflows.WatchExecution(ex.WatchExecutionRequest(execution_id=run), **mine):
        if answer.event.type == ex.NODE_WAITS:
            break
    await guarded.workflows.PauseExecution(ex.PauseExecutionRequest(execution_id=run), **mine)
    await guarded.workflows.ResumeExecution(ex.ResumeExecutionRequest(execution_id=run), **mine)
    await guarded.workflows.CancelExecution(ex.CancelExecutionRequest(execution_id=run, reason="enough"), **mine)
    found = await events(guarded, owner, object_id=run)
    deeds = ["execution.cancel", "execution.resume", "execution.pause", "execution.start"]
    assert [event.action for event in found] == deeds
    assert json.loads(found[0].after_json) == {"reason": "enough"}


async def test_integrations_are_told_without_their_secrets(guarded: Guarded, owner: Person) -> None:
    mine, stub = {"metadata": owner.metadata}, guarded.stubs["IntegrationService"]
    creating = ig.CreateIntegrationRequest(name="i", type="http_header", hosts=["api.example.org"])
    creating.fields.update({"name": "X-Key", "value": "s3cr3t-value"})
    made = (await stub.CreateIntegration(creating, **mine)).integration.id
    rotating = ig.RotateIntegrationRequest(integration_id=made)
    rotating.fields.update({"value": "n3w-s3cr3t"})
    await stub.RotateIntegration(rotating, **mine)
    await stub.UpdateIntegration(ig.UpdateIntegrationRequest(integration_id=made, name="renamed"), **mine)
    await stub.DeleteIntegration(ig.DeleteIntegrationRequest(integration_id=made), **mine)
    found = await events(guarded, owner, object_id=made)
    deeds = ["integration.delete", "integration.update", "integration.rotate", "integration.create"]
    assert [event.action for event in found] == deeds
    assert json.loads(found[1].before_json)["name"] == "i"
    assert json.loads(found[2].after_json) == {"fields": ["value"]}
    assert "s3cr3t" not in str(found)


async def test_people_and_keys_are_told(guarded: Guarded, owner: Person) -> None:
    mine, auth = {"metadata": owner.metadata}, guarded.auth
    user, email = await guarded.make()
    await auth.AddMember(wire.AddMemberRequest(email=email, role=wire.EDITOR), **mine)
    await auth.UpdateMember(wire.UpdateMemberRequest(user_id=user, role=wire.VIEWER), **mine)
    bad = wire.SignInRequest(email=email, password="wrong")
    assert (await refused(auth.SignIn(bad)))[0] is Code.UNAUTHENTICATED
    theirs = (("authorization", f"Bearer {(await guarded.sign_in(email)).access_token}"),)
    await auth.SignOut(wire.SignOutRequest(), metadata=theirs)
    await auth.RemoveMember(wire.RemoveMemberRequest(user_id=user), **mine)
    deeds = ["member.add", "member.update", "session.refuse", "session.begin", "session.end", "member.remove"]
    assert await told(guarded, owner, object_id=user) == deeds
    made = await auth.CreateApiKey(wire.CreateApiKeyRequest(name="k", role=wire.OWNER), **mine)
    await auth.RevokeApiKey(wire.RevokeApiKeyRequest(api_key_id=made.api_key.id), **mine)
    found = await events(guarded, owner, object_id=made.api_key.id)
    assert [event.action for event in found] == ["api_key.revoke", "api_key.create"]
    assert made.secret not in str(found)


async def test_an_answer_is_told(guarded: Guarded, owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = {"metadata": owner.metadata}
    creating = ws.CreateWorkflowRequest(name="w", nodes=[TRIGGER])
    workflow = (await guarded.workflows.CreateWorkflow(creating, **mine)).workflow.id
    starting = ex.ExecuteWorkflowRequest(workflow_id=workflow)
    run = (await guarded.workflows.ExecuteWorkflow(starting, **mine)).execution_id
    task = await put_task(guarded, run, owner)
    # Nobody waits for this one: what isn't done isn't told.
    answering = guarded.stubs["HumanTaskService"].AnswerHumanTask(
        ht.AnswerHumanTaskRequest(task_id=task, decision="yes"), **mine
    )
    assert (await refused(answering))[0] is Code.FAILED_PRECONDITION
    assert await told(guarded, owner, object_id=task) == []

    async def taken(execution_id: str, answer: Answer) -> Taken:
        assert (execution_id, answer.by, owner.id in answer.known_as) == (run, owner.email, True)
        return Taken(answer.decision, agreed=1)

    runs = guarded.server._backend.runs
    monkeypatch.setattr(runs, "answer", taken)
    async with guarded.parts.database.single() as connection:
        await connection.exec_driver_sql("UPDATE workflow_executions SET status = 'RUNNING' WHERE id = %s", (run,))
    answered = await guarded.stubs["HumanTaskService"].AnswerHumanTask(
        ht.AnswerHumanTaskRequest(task_id=task, decision="yes"), **mine
    )
    assert (answered.task.answered_by, answered.task.decision) == (owner.email, "yes")
    (event,) = await events(guarded, owner, object_id=task)
    assert (event.action, event.actor, json.loads(event.after_json)["decision"]) == ("task.answer", owner.id, "yes")


async def test_lists_are_filtered_and_paged(guarded: Guarded, owner: Person) -> None:
    mine = {"metadata": owner.metadata}
    for name in ("a", "b", "c"):
        await guarded.workflows.CreateWorkflow(ws.CreateWorkflowRequest(name=name), **mine)
    made = await guarded.auth.CreateApiKey(wire.CreateApiKeyRequest(name="k", role=wire.OWNER), **mine)
    key = {"metadata": (("authorization", f"Bearer {made.secret}"),)}
    await guarded.workflows.CreateWorkflow(ws.CreateWorkflowRequest(name="d"), **key)
    assert len(await events(guarded, owner, action="workflow.create")) == 4
    (by_key,) = await events(guarded, owner, actor=made.api_key.id)
    assert json.loads(by_key.after_json)["name"] == "d"
    request = wire.ListAuditEventsRequest(action="workflow.create", page_size=3)
    page = await guarded.auth.ListAuditEvents(request, **mine)
    request.page_token = page.next_page_token
    rest = await guarded.auth.ListAuditEvents(request, **mine)
    names = [json.loads(event.after_json)["name"] for event in (*page.events, *rest.events)]
    assert (names, rest.next_page_token) == (["d", "c", "b", "a"], "")
    later = wire.ListAuditEventsRequest(action="workflow.create", after=page.events[1].at)
    assert len((await guarded.auth.ListAuditEvents(later, **mine)).events) == 1
    earlier = wire.ListAuditEventsRequest(action="workflow.create", before=page.events[1].at)
    assert len((await guarded.auth.ListAuditEvents(earlier, **mine)).events) == 2


async def test_the_log_cannot_be_changed(store: Store) -> None:
    caller = Caller("u", "w", Role.OWNER)
    async with store.database.transaction() as session:
        audit(session, caller, "a", "o", "1")
    for statement in ("UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"):
        with pytest.raises(ProgrammingError, match="append-only"):
            async with store.database.single() as connection:
                await connection.exec_driver_sql(statement)
    assert await store.count("audit_log") == 1


async def test_what_is_undone_was_not_told(store: Store) -> None:
    async def undone() -> None:
        async with store.database.transaction() as session:
            audit(session, Caller("u", "w", Role.OWNER), "a", "o", "1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    assert await store.count("audit_log") == 0


async def test_starting_a_run_takes_no_further_round_trip(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    from services.store import executions
    from services.store.audit import entry

    statements: list[str] = []
    new = executions.NewExecution(
        store.start(), datetime.now(UTC), audit=entry(Caller("u", "ada", Role.OWNER), "execution.start", "execution")
    )
    async with store.database.driver() as connection:
        execute = connection.execute

        async def counted(statement: Any, *arguments: Any) -> Any:
            statements.append(str(statement))
            return await execute(statement, *arguments)

        monkeypatch.setattr(connection, "execute", counted)
        assert await executions.insert(connection, new)
    assert len(statements) == 1
    with psycopg.connect(connection_string(store.database.url)) as reading:
        row = reading.execute("SELECT workspace, actor, object_id FROM audit_log").fetchone()
    assert row == ("default", "u", new.start.execution_id)

"""Another workspace's things can't be told from things that don't exist: for every method there is."""

from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from workflow_engine.v1 import (
    activation_pb2,
    auth_pb2,
    execution_pb2,
    human_task_pb2,
    integration_pb2,
    limits_pb2,
    workflow_pb2,
    workflow_service_pb2,
)

from services.store.ids import new_id
from tests.services.identity.conftest import Code, Guarded, Person, reason_of, refused
from tests.services.identity.test_permissions import DESCRIPTORS

ws, ex, ht, ig = workflow_service_pb2, execution_pb2, human_task_pb2, integration_pb2


@dataclass
class Scene:
    """What somebody has, and somebody else of another workspace."""

    owner: Person
    stranger: Person
    workflow: str
    run: str
    task: str
    integration: str
    key: str


def node(name: str, kind: Any, subtype: str, **parameters: Any) -> workflow_pb2.Node:
    made = workflow_pb2.Node(id=name.lower(), name=name, type=kind, subtype=subtype)
    made.parameters.update(parameters)
    return made


@pytest.fixture(scope="module")
async def scene(guarded: Guarded) -> Scene:
    """A workflow that has run, a task, an integration and a key of one workspace; a stranger of another."""
    owner, stranger = await guarded.person(new_id()), await guarded.person(new_id())
    mine = {"metadata": owner.metadata}
    simple = ws.CreateWorkflowRequest(name="simple", nodes=[node("T", workflow_pb2.TRIGGER_NODE, "MANUAL")])
    workflow = (await guarded.workflows.CreateWorkflow(simple, **mine)).workflow.id
    run = await guarded.workflows.ExecuteWorkflow(ex.ExecuteWorkflowRequest(workflow_id=workflow), **mine)
    watching = ex.WatchExecutionRequest(execution_id=run.execution_id)
    async for _ in guarded.workflows.WatchExecution(watching, **mine):
        pass
    task = await put_task(guarded, run.execution_id, owner)
    creating = ig.CreateIntegrationRequest(name="i", type="http_header")
    creating.fields.update({"name": "X-Key", "value": "s3cr3t-value"})
    creating.hosts.append("api.example.org")
    integration = (await guarded.stubs["IntegrationService"].CreateIntegration(creating, **mine)).integration.id
    key = await guarded.auth.CreateApiKey(auth_pb2.CreateApiKeyRequest(name="k", role=auth_pb2.VIEWER), **mine)
    return Scene(owner, stranger, workflow, run.execution_id, task, integration, key.api_key.id)


async def put_task(guarded: Guarded, execution_id: str, owner: Person) -> str:
    from activities.ports import Question
    from services.store.people import asking

    membership = await guarded.auth.WhoAmI(auth_pb2.WhoAmIRequest(), metadata=owner.metadata)
    task_id = new_id()
    question = Question(
        id=task_id,
        workspace=membership.workspace.id,
        execution_id=execution_id,
        node="T",
        title="Well?",
        message="",
        subject="",
        options=("yes", "no"),
        assignees=(),
    )
    await asking.insert(guarded.parts.database, question)
    return task_id


NOT_FOUND, EMPTY, OWN = "NOT_FOUND", "EMPTY", "OWN"
# What these are about is whoever calls, or nobody's. A state of OAuth isn't an id but a secret, which is good in its
# own workspace only: tests/services/test_integrations.py.
ABOUT_THE_CALLER = {
    *("SignIn", "RefreshToken", "SignOut", "WhoAmI", "ChangePassword", "ListWorkspaces", "CreateWorkspace"),
    *("AddMember", "CreateApiKey", "CreateIntegration", "ListNodeTypes", "CompleteAuthorization"),
}


def rows(scene: Scene) -> dict[str, tuple[Any, str]]:
    """For each method, a request about what the owner has, and what the stranger must get."""
    workflow, run, task = scene.workflow, scene.run, scene.task
    there = {"integration_id": scene.integration}
    return {
        "CreateWorkflow": (ws.CreateWorkflowRequest(name="another"), OWN),
        "GetWorkflow": (ws.GetWorkflowRequest(workflow_id=workflow), NOT_FOUND),
        "UpdateWorkflow": (
            ws.UpdateWorkflowRequest(workflow_id=workflow, workflow=workflow_pb2.Workflow(name="x")),
            NOT_FOUND,
        ),
        "DeleteWorkflow": (ws.DeleteWorkflowRequest(workflow_id=workflow), NOT_FOUND),
        "ListWorkflows": (ws.ListWorkflowsRequest(name_contains="simple"), EMPTY),
        "ListWorkflowVersions": (ws.ListWorkflowVersionsRequest(workflow_id=workflow), NOT_FOUND),
        "RestoreWorkflowVersion": (ws.RestoreWorkflowVersionRequest(workflow_id=workflow, version=1), NOT_FOUND),
        "ValidateWorkflow": (ws.ValidateWorkflowRequest(workflow_id=workflow), NOT_FOUND),
        "ActivateWorkflow": (activation_pb2.ActivateWorkflowRequest(workflow_id=workflow), NOT_FOUND),
        "DeactivateWorkflow": (activation_pb2.DeactivateWorkflowRequest(workflow_id=workflow), NOT_FOUND),
        "GetActivation": (activation_pb2.GetActivationRequest(workflow_id=workflow), NOT_FOUND),
        "GetLimits": (limits_pb2.GetLimitsRequest(workflow_id=workflow), NOT_FOUND),
        "SetWorkflowLimits": (limits_pb2.SetWorkflowLimitsRequest(workflow_id=workflow), NOT_FOUND),
        "GetRetention": (limits_pb2.GetRetentionRequest(), OWN),
        "SetRetention": (limits_pb2.SetRetentionRequest(), OWN),
        "ExecuteWorkflow": (ex.ExecuteWorkflowRequest(workflow_id=workflow), NOT_FOUND),
        "GetExecution": (ex.GetExecutionRequest(execution_id=run), NOT_FOUND),
        "ListExecutions": (ex.ListExecutionsRequest(workflow_id=workflow), EMPTY),
        "GetExecutionHistory": (ex.GetExecutionHistoryRequest(execution_id=run), NOT_FOUND),
        "WatchExecution": (ex.WatchExecutionRequest(execution_id=run), NOT_FOUND),
        "CancelExecution": (ex.CancelExecutionRequest(execution_id=run), NOT_FOUND),
        "PauseExecution": (ex.PauseExecutionRequest(execution_id=run), NOT_FOUND),
        "ResumeExecution": (ex.ResumeExecutionRequest(execution_id=run), NOT_FOUND),
        "RetryExecution": (ex.RetryExecutionRequest(execution_id=run, node="T"), NOT_FOUND),
        "DeleteExecution": (ws.DeleteExecutionRequest(execution_id=run), NOT_FOUND),
        "TestNode": (ex.TestNodeRequest(workflow_id=workflow, node="T"), NOT_FOUND),
        "ListCredentialTypes": (ig.ListCredentialTypesRequest(), OWN),
        "GetIntegration": (ig.GetIntegrationRequest(**there), NOT_FOUND),
        "ListIntegrations": (ig.ListIntegrationsRequest(), EMPTY),
        "UpdateIntegration": (ig.UpdateIntegrationRequest(name="x", **there), NOT_FOUND),
        "RotateIntegration": (ig.RotateIntegrationRequest(**there), NOT_FOUND),
        "DeleteIntegration": (ig.DeleteIntegrationRequest(**there), NOT_FOUND),
        "TestIntegration": (ig.TestIntegrationRequest(**there), NOT_FOUND),
        "StartAuthorization": (
            ig.StartAuthorizationRequest(redirect_uri="https://example.org/cb", **there),
            NOT_FOUND,
        ),
        "ListHumanTasks": (ht.ListHumanTasksRequest(execution_id=run), EMPTY),
        "GetHumanTask": (ht.GetHumanTaskRequest(task_id=task), NOT_FOUND),
        "AnswerHumanTask": (ht.AnswerHumanTaskRequest(task_id=task, decision="yes"), NOT_FOUND),
        "ReassignHumanTask": (ht.ReassignHumanTaskRequest(task_id=task, assignees=["x"]), NOT_FOUND),
        "CommentHumanTask": (ht.CommentHumanTaskRequest(task_id=task, comment="x"), NOT_FOUND),
        "ListMembers": (auth_pb2.ListMembersRequest(), OWN),
        "UpdateMember": (auth_pb2.UpdateMemberRequest(user_id=scene.owner.id, role=auth_pb2.VIEWER), NOT_FOUND),
        "RemoveMember": (auth_pb2.RemoveMemberRequest(user_id=scene.owner.id), NOT_FOUND),
        "ListApiKeys": (auth_pb2.ListApiKeysRequest(), EMPTY),
        "RevokeApiKey": (auth_pb2.RevokeApiKeyRequest(api_key_id=scene.key), NOT_FOUND),
        "ListAuditEvents": (auth_pb2.ListAuditEventsRequest(object_id=workflow), EMPTY),
    }


async def test_every_method_has_its_row(scene: Scene) -> None:
    assert set(rows(scene)) | ABOUT_THE_CALLER == {method.name for service in DESCRIPTORS for method in service.methods}


METHODS = [
    (service.name, method.name)
    for service in DESCRIPTORS
    for method in service.methods
    if method.name not in ABOUT_THE_CALLER
]


@pytest.mark.parametrize(("service", "method"), METHODS)
async def test_a_stranger_sees_nothing(guarded: Guarded, scene: Scene, service: str, method: str) -> None:
    request, expected = rows(scene)[method]
    call = getattr(guarded.stubs[service], method)

    async def asked(person: Person, wanted: Any) -> Any:
        answer = call(wanted, metadata=person.metadata)
        return await (answer.read() if method == "WatchExecution" else answer)

    if expected == NOT_FOUND:
        found = await refusal(asked(scene.stranger, request))
        nowhere = renamed(request)
        assert found == mended(await refusal(asked(scene.stranger, nowhere)), nowhere, request)
        assert found[0] is Code.NOT_FOUND
    elif expected == EMPTY:
        answer = await asked(scene.stranger, request)
        assert [field.name for field, _ in answer.ListFields()] == []
        shown = await asked(scene.owner, request)
        assert shown.ListFields()
    else:
        await asked(scene.stranger, request)


async def refusal(call: Any) -> tuple[grpc.StatusCode, str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = caught.value
    reason = reason_of(error) if error.code() is not Code.UNIMPLEMENTED else ""
    return error.code(), reason, error.details() or ""


_IDS = ("workflow_id", "execution_id", "task_id", "integration_id", "user_id", "api_key_id")


def renamed(request: Any) -> Any:
    """The same about something that never was."""
    other = type(request)()
    other.CopyFrom(request)
    for name in _IDS:
        if getattr(other, name, ""):
            setattr(other, name, "never-was")
    return other


def mended(found: tuple[Any, str, str], asked: Any, request: Any) -> tuple[Any, str, str]:
    """A refusal as it were with the other's ids."""
    code, reason, message = found
    for name in _IDS:
        if getattr(asked, name, ""):
            message = message.replace(getattr(asked, name), getattr(request, name))
    return code, reason, message


async def test_another_users_id_is_refused(guarded: Guarded, scene: Scene) -> None:
    mine = {"metadata": scene.owner.metadata}
    foreign = ws.CreateWorkflowRequest(name="w", user_id=scene.stranger.id)
    assert await refused(guarded.workflows.CreateWorkflow(foreign, **mine)) == (Code.PERMISSION_DENIED, "FOREIGN_USER")
    listing = guarded.stubs["IntegrationService"].ListIntegrations(ig.ListIntegrationsRequest(user_id="x"), **mine)
    assert await refused(listing) == (Code.PERMISSION_DENIED, "FOREIGN_USER")
    own = ws.CreateWorkflowRequest(name="w", user_id=scene.owner.id)
    made = (await guarded.workflows.CreateWorkflow(own, **mine)).workflow
    assert made.user_id == scene.owner.id


async def test_whoever_answers_is_who_signed_in(guarded: Guarded, scene: Scene) -> None:
    mine = {"metadata": scene.owner.metadata}
    answering = guarded.stubs["HumanTaskService"]
    foreign = ht.AnswerHumanTaskRequest(task_id=scene.task, decision="yes", user_id="boss")
    assert await refused(answering.AnswerHumanTask(foreign, **mine)) == (Code.PERMISSION_DENIED, "FOREIGN_USER")


async def test_an_unsaved_test_runs_in_its_workspace(guarded: Guarded, scene: Scene) -> None:
    mine = {"metadata": scene.owner.metadata}
    inline = workflow_pb2.Workflow(name="w", nodes=[node("T", workflow_pb2.TRIGGER_NODE, "MANUAL")])
    await guarded.workflows.TestNode(ex.TestNodeRequest(workflow=inline, node="T"), **mine)
    listed = (await guarded.workflows.ListExecutions(ex.ListExecutionsRequest(), **mine)).executions
    tested = next(each for each in listed if each.mode == ex.TEST)
    reading = guarded.workflows.GetExecution(
        ex.GetExecutionRequest(execution_id=tested.execution_id), metadata=scene.stranger.metadata
    )
    assert await refused(reading) == (Code.NOT_FOUND, "EXECUTION_NOT_FOUND")

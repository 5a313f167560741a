"""Workflows through gRPC."""

from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from google.rpc.status_pb2 import Status
from workflow_engine.v1 import workflow_pb2
from workflow_engine.v1 import workflow_service_pb2 as pb

from services.rpc import deep_messages
from services.store.ids import new_id
from tests.services.conftest import Api, chain

Code = grpc.StatusCode


async def refused(call: Any) -> tuple[grpc.StatusCode, list[str]]:
    """The status a call ends with, and the codes of its problems."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    trailers = dict(caught.value.trailing_metadata() or ())
    status = Status.FromString(trailers["grpc-status-details-bin"])
    problems = workflow_pb2.Problems()
    if len(status.details) > 1:
        assert status.details[1].Unpack(problems)
    return caught.value.code(), [problem.code for problem in problems.problems]


def workflow(data: dict[str, Any]) -> workflow_pb2.Workflow:
    return json_format.ParseDict(data, workflow_pb2.Workflow())


async def test_a_workflow_through_its_life(api: Api) -> None:
    created = await api.stub.CreateWorkflow(json_format.ParseDict(chain("A"), pb.CreateWorkflowRequest(user_id="u")))
    stored = created.workflow
    assert (stored.version, stored.user_id, stored.name, len(stored.nodes)) == (1, "u", "chain", 2)
    assert stored.created_at == stored.updated_at

    got = await api.stub.GetWorkflow(pb.GetWorkflowRequest(workflow_id=stored.id))
    assert got.workflow == stored

    updated = await api.stub.UpdateWorkflow(
        pb.UpdateWorkflowRequest(workflow_id=stored.id, workflow=workflow(chain("A", "B") | {"name": "two"}))
    )
    assert (updated.workflow.id, updated.workflow.version, updated.workflow.name) == (stored.id, 2, "two")
    old = await api.stub.GetWorkflow(pb.GetWorkflowRequest(workflow_id=stored.id, version=1))
    assert (old.workflow.version, old.workflow.name) == (1, "chain")

    restored = await api.stub.RestoreWorkflowVersion(pb.RestoreWorkflowVersionRequest(workflow_id=stored.id, version=1))
    assert (restored.workflow.version, restored.workflow.name, restored.workflow.nodes) == (3, "chain", stored.nodes)
    first = await api.stub.ListWorkflowVersions(pb.ListWorkflowVersionsRequest(workflow_id=stored.id, page_size=2))
    rest = await api.stub.ListWorkflowVersions(
        pb.ListWorkflowVersionsRequest(workflow_id=stored.id, page_size=2, page_token=first.next_page_token)
    )
    shown = [(v.version, v.name, v.node_count, v.restored_from) for v in (*first.versions, *rest.versions)]
    assert shown == [(3, "chain", 2, 1), (2, "two", 3, 0), (1, "chain", 2, 0)]
    assert rest.next_page_token == ""

    await api.stub.DeleteWorkflow(pb.DeleteWorkflowRequest(workflow_id=stored.id))
    for call in (
        api.stub.GetWorkflow(pb.GetWorkflowRequest(workflow_id=stored.id)),
        api.stub.DeleteWorkflow(pb.DeleteWorkflowRequest(workflow_id=stored.id)),
        api.stub.UpdateWorkflow(pb.UpdateWorkflowRequest(workflow_id=stored.id, workflow=stored)),
        api.stub.ValidateWorkflow(pb.ValidateWorkflowRequest(workflow_id=stored.id)),
    ):
        assert await refused(call) == (Code.NOT_FOUND, [])


async def test_updates_on_an_old_version_are_aborted(api: Api) -> None:
    workflow_id = await api.create(chain("A"))
    request = pb.UpdateWorkflowRequest(workflow_id=workflow_id, workflow=workflow(chain("B")), expected_version=1)
    await api.stub.UpdateWorkflow(request)
    assert await refused(api.stub.UpdateWorkflow(request)) == (Code.ABORTED, [])


async def test_an_id_of_the_clients_own(api: Api) -> None:
    own = f"mine-{new_id()}"
    request = json_format.ParseDict(chain("A") | {"id": own}, pb.CreateWorkflowRequest())
    assert (await api.stub.CreateWorkflow(request)).workflow.id == own
    assert await refused(api.stub.CreateWorkflow(request)) == (Code.ALREADY_EXISTS, [])
    mismatch = pb.UpdateWorkflowRequest(workflow_id=own, workflow=workflow(chain("A") | {"id": "other"}))
    assert await refused(api.stub.UpdateWorkflow(mismatch)) == (Code.INVALID_ARGUMENT, ["ID_MISMATCH"])


async def test_drafts_are_stored_with_their_problems(api: Api) -> None:
    data = chain("A")
    data["nodes"][1]["subtype"] = "NO_SUCH"
    created = await api.stub.CreateWorkflow(json_format.ParseDict(data, pb.CreateWorkflowRequest()))
    assert created.workflow.version == 1
    assert [(p.node, p.severity) for p in created.problems] == [("A", workflow_pb2.ERROR)]
    by_id = await api.stub.ValidateWorkflow(pb.ValidateWorkflowRequest(workflow_id=created.workflow.id))
    inline = await api.stub.ValidateWorkflow(pb.ValidateWorkflowRequest(workflow=workflow(data)))
    assert not by_id.valid
    assert list(by_id.problems) == list(inline.problems) == list(created.problems)
    good = await api.stub.ValidateWorkflow(pb.ValidateWorkflowRequest(workflow=workflow(chain("A"))))
    assert (good.valid, list(good.problems)) == (True, [])


async def test_what_does_not_parse_is_refused(api: Api) -> None:
    request = pb.CreateWorkflowRequest(name="x" * 200)
    assert await refused(api.stub.CreateWorkflow(request)) == (Code.INVALID_ARGUMENT, ["NAME_TOO_LONG"])
    request = pb.CreateWorkflowRequest(name="w\0")
    assert await refused(api.stub.CreateWorkflow(request)) == (Code.INVALID_ARGUMENT, ["NUL_CHARACTER"])


async def test_parameters_nest_as_deep_as_the_limit_says(api: Api) -> None:
    data = chain("A")
    channel = api.channel
    for depth, accepted in ((64, True), (65, False)):
        value: Any = "x"
        for _ in range(depth - 2):
            value = {"v": value}
        data["nodes"][1]["parameters"] = {"operation": "set", "fields": {"deep": value}}
        message = pb.CreateWorkflowRequest(name="deep")
        json_format.ParseDict({k: v for k, v in data.items() if k != "nodes"}, message)
        for node in data["nodes"]:
            target = message.nodes.add(id=node["id"], name=node["name"], type=node["type"], subtype=node["subtype"])
            fill(target.parameters, node.get("parameters", {}))
        create = channel.unary_unary(
            "/workflow_engine.v1.WorkflowService/CreateWorkflow",
            pb.CreateWorkflowRequest.SerializeToString,
            lambda data: deep_messages.decode(pb.CreateWorkflowResponse, data),
        )
        if accepted:
            response = await create(message)
            assert list(response.problems) == []
            assert response.workflow.nodes[1].parameters == message.nodes[1].parameters
        else:
            assert await refused(create(message)) == (Code.INVALID_ARGUMENT, ["NESTED_TOO_DEEP"])


def fill(struct: Struct, values: dict[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict):
            struct.fields[key].struct_value.SetInParent()
            fill(struct.fields[key].struct_value, value)
        else:
            struct.fields[key].string_value = value


async def test_lists_are_filtered_and_paged(api: Api) -> None:
    user = new_id()
    for name in ("one", "two", "three"):
        await api.stub.CreateWorkflow(pb.CreateWorkflowRequest(name=name, user_id=user, tags=["t", name]))
    first = await api.stub.ListWorkflows(pb.ListWorkflowsRequest(user_id=user, page_size=2))
    rest = await api.stub.ListWorkflows(
        pb.ListWorkflowsRequest(user_id=user, page_size=2, page_token=first.next_page_token)
    )
    assert [w.name for w in (*first.workflows, *rest.workflows)] == ["three", "two", "one"]
    assert (rest.next_page_token, list(first.workflows[0].tags)) == ("", ["t", "three"])
    some = await api.stub.ListWorkflows(pb.ListWorkflowsRequest(user_id=user, tags=["t", "two"], name_contains="W"))
    assert [w.name for w in some.workflows] == ["two"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (pb.ListWorkflowsRequest(page_token="nonsense"), "BAD_PAGE_TOKEN"),
        (pb.ListWorkflowsRequest(page_size=-1), "BAD_PAGE_SIZE"),
        (pb.ListWorkflowsRequest(name_contains="\0"), "NUL_CHARACTER"),
    ],
)
async def test_bad_lists(api: Api, request_: pb.ListWorkflowsRequest, code: str) -> None:
    assert await refused(api.stub.ListWorkflows(request_)) == (Code.INVALID_ARGUMENT, [code])


@pytest.mark.parametrize("version", [0, -1, 5])
async def test_versions_that_are_not(api: Api, version: int) -> None:
    workflow_id = await api.create(chain("A"))
    request = pb.RestoreWorkflowVersionRequest(workflow_id=workflow_id, version=version)
    assert await refused(api.stub.RestoreWorkflowVersion(request)) == (Code.NOT_FOUND, [])
    if version:
        get = pb.GetWorkflowRequest(workflow_id=workflow_id, version=version)
        assert await refused(api.stub.GetWorkflow(get)) == (Code.NOT_FOUND, [])

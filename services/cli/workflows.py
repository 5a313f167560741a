"""What `orchestrator workflows …` does."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from workflow_engine.v1 import workflow_service_pb2 as wire

from services.cli.console import local_time, table
from services.cli.failure import Exit, plain, print_json, print_text
from services.cli.server import TIMEOUT, address, connected

if TYPE_CHECKING:
    from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceAsyncStub as Stub

_PAGE = 1000


async def list_all(name: str, tags: list[str], limit: int, as_json: bool) -> Exit:
    """List workflows."""
    request = wire.ListWorkflowsRequest(name_contains=name, tags=tags)
    async with connected(address()) as stub:
        found = [each async for each in summaries(stub, request, limit)]
    if as_json:
        print_json({"workflows": [_summary(each) for each in found]})
        return Exit.OK
    rows = [(each.id, each.name, each.version, each.node_count, local_time(each.updated_at)) for each in found]
    table(("ID", "NAME", "VERSION", "NODES", "UPDATED"), rows)
    return Exit.OK


async def summaries(
    stub: "Stub", request: wire.ListWorkflowsRequest, limit: int | None = None
) -> AsyncIterator[wire.WorkflowSummary]:
    """All that a request asks for, page by page."""
    left = limit
    while left is None or left > 0:
        request.page_size = _PAGE if left is None else min(left, _PAGE)
        page = await stub.ListWorkflows(request, timeout=TIMEOUT)
        for each in page.workflows:
            yield each
        left = None if left is None else left - len(page.workflows)
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return


async def show(workflow_id: str, version: int) -> Exit:
    """Print a definition."""
    request = wire.GetWorkflowRequest(workflow_id=workflow_id, version=version)
    async with connected(address()) as stub:
        found = await stub.GetWorkflow(request, timeout=TIMEOUT)
    print_text(json_format.MessageToJson(found.workflow, preserving_proto_field_name=True, ensure_ascii=False))
    return Exit.OK


async def versions(workflow_id: str, as_json: bool) -> Exit:
    """List versions."""
    found: list[wire.WorkflowVersion] = []
    request = wire.ListWorkflowVersionsRequest(workflow_id=workflow_id, page_size=_PAGE)
    async with connected(address()) as stub:
        while not found or request.page_token:
            page = await stub.ListWorkflowVersions(request, timeout=TIMEOUT)
            found += page.versions
            request.page_token = page.next_page_token
            if not page.versions:
                break
    if as_json:
        print_json({"versions": [_version(each) for each in found]})
        return Exit.OK
    headers = ("VERSION", "NAME", "NODES", "CREATED", "RESTORED FROM")
    rows = [
        (each.version, each.name, each.node_count, local_time(each.created_at), each.restored_from or "")
        for each in found
    ]
    table(headers, rows)
    return Exit.OK


async def delete(workflow_id: str, as_json: bool) -> Exit:
    """Delete a workflow."""
    async with connected(address()) as stub:
        await stub.DeleteWorkflow(wire.DeleteWorkflowRequest(workflow_id=workflow_id), timeout=TIMEOUT)
    if as_json:
        print_json({"deleted": workflow_id})
    else:
        print(f"Deleted workflow {plain(workflow_id)}")
    return Exit.OK


def _summary(each: wire.WorkflowSummary) -> dict[str, Any]:
    return {
        "id": each.id,
        "name": each.name,
        "description": each.description,
        "tags": list(each.tags),
        "version": each.version,
        "node_count": each.node_count,
        "created_at": each.created_at.ToJsonString(),
        "updated_at": each.updated_at.ToJsonString(),
    }


def _version(each: wire.WorkflowVersion) -> dict[str, Any]:
    return {
        "version": each.version,
        "name": each.name,
        "node_count": each.node_count,
        "created_at": each.created_at.ToJsonString(),
        "restored_from": each.restored_from or None,
    }

"""The REST paths and Connect's protocol, on the real API."""

import asyncio
import json
import struct
from typing import Any

import httpx
import pytest

from services.gateway.contract import KNOWN, methods
from services.gateway.rest import parameters_of
from services.gateway.rest_table import TABLE
from tests.services.conftest import Api, chain
from tests.services.gateway.conftest import Gateway

RPC = "/workflow_engine.v1.WorkflowService/"
BIG = '[{"a": 12345678901234567890.000000000000000000001}]'


async def created(gateway: Gateway, **changes: Any) -> str:
    answer = await gateway.client.post("/api/v1/workflows", json=chain("A") | changes)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["workflow"]["id"])


async def run(gateway: Gateway, items: str = '[{"a": 1}]') -> str:
    workflow = await created(gateway)
    body = {"mode": "MANUAL", "input": {"json": items}}
    answer = await gateway.client.post(f"/api/v1/workflows/{workflow}:execute", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["executionId"])


def test_the_table_is_total() -> None:
    all_methods = methods(KNOWN)
    assert {method.path for method in all_methods} == set(TABLE)
    places = [(place.verb, place.path) for place in TABLE.values()]
    assert len(set(places)) == len(places)
    for method in all_methods:
        assert set(parameters_of(TABLE[method.path])) <= {field.name for field in method.request.DESCRIPTOR.fields}


async def test_a_workflow_from_its_making_to_its_end(gateway: Gateway) -> None:
    workflow = await created(gateway, tags=["x"])
    path = f"/api/v1/workflows/{workflow}"
    got = (await gateway.client.get(path, params={"version": "1"})).json()["workflow"]
    assert got["name"] == "chain"
    changed = await gateway.client.put(path, json={"workflow": got | {"name": "other"}, "expectedVersion": 1})
    assert changed.json()["workflow"]["version"] == 2
    again = await gateway.client.put(path, json={"workflow": got, "expected_version": 1})
    assert (again.status_code, again.json()["code"]) == (409, "aborted")
    listed = await gateway.client.get("/api/v1/workflows", params={"tags": "x", "nameContains": "othe"})
    assert [row["id"] for row in listed.json()["workflows"]] == [workflow]
    restored = await gateway.client.post(f"{path}/versions/1:restore")
    assert restored.json()["workflow"]["version"] == 3
    assert len((await gateway.client.get(f"{path}/versions?page_size=2")).json()["versions"]) == 2
    assert (await gateway.client.delete(path)).status_code == 200
    gone = await gateway.client.get(path)
    assert gone.status_code == 404
    assert gone.json()["reason"] == "WORKFLOW_NOT_FOUND"
    assert gone.json()["details"][0]["type"] == "google.rpc.ErrorInfo"


async def test_numbers_keep_their_digits(gateway: Gateway) -> None:
    execution = await run(gateway, BIG)
    async with gateway.client.stream("GET", f"/api/v1/executions/{execution}/events") as events:
        assert "EXECUTION_FINISHED" in "".join([line async for line in events.aiter_lines()])
    got = (await gateway.client.get(f"/api/v1/executions/{execution}")).json()["execution"]
    assert "12345678901234567890.000000000000000000001" in got["outputJson"]
    history = (await gateway.client.get(f"/api/v1/executions/{execution}/history")).json()
    assert {run["node"] for run in history["nodeRuns"]} == {"T", "A"}


async def test_events_go_on_where_they_broke(gateway: Gateway) -> None:
    execution = await run(gateway)
    path = f"/api/v1/executions/{execution}/events"
    async with gateway.client.stream("GET", path, params={"after": "0"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = "".join([part async for part in answer.aiter_text()])
    assert text.endswith("event: end\ndata: {}\n\n")
    ids = [line.removeprefix("id: ") for line in text.splitlines() if line.startswith("id: ")]
    assert ids == sorted(ids, key=int)
    rest = await gateway.client.get(path, headers={"last-event-id": ids[-2]})
    assert [line for line in rest.text.splitlines() if line.startswith("id: ")] == [f"id: {ids[-1]}"]
    assert (await gateway.client.get(path, headers={"last-event-id": ids[-1]})).status_code == 204
    only = await gateway.client.get(path, params={"types": "EXECUTION_STARTED,EXECUTION_FINISHED"})
    assert only.text.count('data: {"event"') == 2
    missing = await gateway.client.get("/api/v1/executions/nope/events")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_a_client_that_goes_away_ends_its_stream(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.gateway import calls, events

    cancelled = asyncio.Event()
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    real = calls.stream

    def watched(*given: Any) -> Any:
        call = real(*given)
        call.add_done_callback(lambda done: done.cancelled() and cancelled.set())
        return call

    monkeypatch.setattr(calls, "stream", watched)
    wait = {
        "id": "w",
        "name": "W",
        "type": "FLOW_NODE",
        "subtype": "WAIT",
        "parameters": {"mode": "duration", "duration": "1h"},
    }
    workflow = chain("A")
    workflow["nodes"].append(wait)
    workflow["connections"] = {"connections": {"T": {"connection_types": {"main": {"connections": [{"node": "W"}]}}}}}
    workflow["nodes"] = [node for node in workflow["nodes"] if node["name"] != "A"]
    made = await gateway.client.post("/api/v1/workflows", json=workflow)
    assert made.json()["problems"] == [], made.text
    path = f"/api/v1/workflows/{made.json()['workflow']['id']}:execute"
    execution = (await gateway.client.post(path, json={"mode": "MANUAL"})).json()["executionId"]
    async with gateway.client.stream("GET", f"/api/v1/executions/{execution}/events") as answer:
        async for line in answer.aiter_lines():
            if line == ": still here":
                break
    await asyncio.wait_for(cancelled.wait(), 60)
    assert (await gateway.client.post(f"/api/v1/executions/{execution}:cancel")).status_code == 200


async def test_connect_unary(gateway: Gateway, api: Api) -> None:
    from workflow_engine.v1 import workflow_service_pb2 as pb

    workflow = await created(gateway)
    answer = await gateway.client.post(RPC + "GetWorkflow", json={"workflowId": workflow})
    assert answer.json()["workflow"]["id"] == workflow
    body = pb.GetWorkflowRequest(workflow_id=workflow).SerializeToString()
    answer = await gateway.client.post(RPC + "GetWorkflow", content=body, headers={"content-type": "application/proto"})
    assert answer.headers["content-type"] == "application/proto"
    assert pb.GetWorkflowResponse.FromString(answer.content).workflow.id == workflow


async def test_connect_stream(gateway: Gateway) -> None:
    execution = await run(gateway)
    body = json.dumps({"executionId": execution}).encode()
    headers = {"content-type": "application/connect+json", "connect-protocol-version": "1"}
    content = struct.pack(">BI", 0, len(body)) + body
    answer = await gateway.client.post(RPC + "WatchExecution", content=content, headers=headers)
    *events, end = envelopes(answer.content)
    assert events[-1][1]["event"]["type"] == "EXECUTION_FINISHED"
    assert end == (2, {})
    content = struct.pack(">BI", 0, 2) + b"{}"
    answer = await gateway.client.post(RPC + "WatchExecution", content=content, headers=headers)
    ((flags, said),) = envelopes(answer.content)
    assert (flags, said["error"]["code"]) == (2, "not_found")


def envelopes(data: bytes) -> list[tuple[int, Any]]:
    found = []
    while data:
        flags, size = struct.unpack_from(">BI", data)
        found.append((flags, json.loads(data[5 : 5 + size])))
        data = data[5 + size :]
    return found


JSON = {"content-type": "application/json"}
REFUSED: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("deep", "POST", {"content": b'{"nodes":' + b"[" * 100_000, "headers": JSON}, 400, "TOO_DEEP"),
    ("no JSON", "POST", {"content": b"{", "headers": JSON}, 400, "BAD_JSON"),
    ("no UTF-8", "POST", {"content": b'{"name":"\xff"}', "headers": JSON}, 400, "BAD_JSON"),
    ("a list", "POST", {"content": b"[]", "headers": JSON}, 400, "BAD_JSON"),
    ("twice", "POST", {"content": b'{"name":"a","name":"b"}', "headers": JSON}, 400, "BAD_JSON"),
    ("surrogate", "POST", {"content": b'{"name":"\\ud800"}', "headers": JSON}, 400, "BAD_JSON"),
    ("digits", "POST", {"content": b'{"name":' + b"9" * 5000 + b"}", "headers": JSON}, 400, "BAD_JSON"),
    ("NUL", "POST", {"json": {"name": "a\0"}}, 400, "NUL_CHARACTER"),
    ("unknown field", "POST", {"json": {"nope": 1}}, 400, "BAD_JSON"),
    ("text", "POST", {"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    (
        "two types",
        "POST",
        {"content": b"{}", "headers": [("content-type", "application/json")] * 2},
        400,
        "CONTENT_TYPE_TWICE",
    ),
    (
        "joined types",
        "POST",
        {"content": b"{}", "headers": {"content-type": "application/json, text/html"}},
        400,
        "BAD_CONTENT_TYPE",
    ),
    ("timeout", "POST", {"json": {}, "headers": {"connect-timeout-ms": "soon"}}, 400, "BAD_TIMEOUT"),
    ("query", "GET", {"params": {"nope": "1"}}, 400, "UNKNOWN_PARAMETER"),
    ("query twice", "GET", {"params": [("page_size", "1"), ("pageSize", "2")]}, 400, "PARAMETER_TWICE"),
    ("number", "GET", {"params": {"page_size": "many"}}, 400, "BAD_PARAMETERS"),
    ("method", "DELETE", {}, 405, "METHOD_NOT_ALLOWED"),
    ("origin", "POST", {"json": {}, "headers": {"origin": "https://evil.example"}}, 403, "OTHER_ORIGIN"),
    ("null origin", "POST", {"json": {}, "headers": {"origin": "null"}}, 403, "OTHER_ORIGIN"),
    ("fetch site", "POST", {"json": {}, "headers": {"sec-fetch-site": "cross-site"}}, 403, "OTHER_ORIGIN"),
]


@pytest.mark.parametrize(
    ("method", "given", "status", "reason"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED]
)
async def test_refusals_are_typed(gateway: Gateway, method: str, given: Any, status: int, reason: str) -> None:
    answer = await gateway.client.request(method, "/api/v1/workflows", **given)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason), answer.text
    assert answer.json()["message"]


async def test_problems_are_plain_json(gateway: Gateway) -> None:
    workflow = await created(
        gateway, nodes=[{"id": "a", "name": "A", "type": "ACTION_NODE", "subtype": "NOPE"}], connections={}
    )
    answer = await gateway.client.post(f"/api/v1/workflows/{workflow}:execute", json={})
    assert (answer.status_code, answer.json()["code"]) == (400, "failed_precondition")
    problem = answer.json()["problems"][0]
    assert problem["node"] == "A"
    assert problem["code"]
    assert problem["message"]


async def test_a_body_above_the_limit_is_refused_before_it_is_read(gateway: Gateway) -> None:
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /api/v1/workflows HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {80 << 20}\r\n\r\n{{".encode())
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"BODY_TOO_LARGE" in answer


async def test_a_deadline_is_passed_on(gateway: Gateway) -> None:
    answer = await gateway.client.post(RPC + "ListWorkflows", json={}, headers={"connect-timeout-ms": "0"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


async def test_unknown_addresses(gateway: Gateway) -> None:
    for path in ("/api/v1/nope", "/nope", RPC + "Nope"):
        answer = await gateway.client.post(path, json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    shown = await gateway.client.get("/nope", headers={"accept": "text/html"})
    assert shown.status_code == 404
    assert "<h1>This page doesn’t exist</h1>" in shown.text


async def test_the_path_and_the_body_must_agree(gateway: Gateway) -> None:
    answer = await gateway.client.post("/api/v1/workflows/a:execute", json={"workflow_id": "b"})
    assert answer.json()["reason"] == "PARAMETER_TWICE"


async def test_headers_of_every_answer(gateway: Gateway) -> None:
    for path in ("/nope", "/healthz", "/docs", "/api/v1/workflows"):
        answer: httpx.Response = await gateway.client.get(path)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers

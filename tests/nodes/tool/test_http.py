"""The HTTP tool against a real server."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.http.authentication import HTTP_BEARER, HTTP_QUERY
from nodes.http.egress import Egress
from nodes.tool.http import HttpTool
from orchestrator.errors import Problem
from tests.nodes.tool.parts import call_of, credential, emitted, parts
from tests.nodes.tool.web import Web

TOOL = HttpTool()
SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "tags": {"type": "array"}, "note": {"type": "string"}},
    "required": ["id"],
    "additionalProperties": False,
}


async def call(egress: Egress, web: Web, path: str, arguments: dict[str, Any], **parameters: Any) -> Any:
    given = {"url": web.url + path, "arguments": arguments, **parameters}
    (item,) = await emitted(TOOL, parts(egress), given)
    return item


@pytest.mark.parametrize(
    ("method", "arguments", "target", "body"),
    [
        ("GET", {"id": 7}, "/users/7", b""),
        ("GET", {"id": 7, "q": "a b", "tags": ["x", "y"]}, "/users/7?q=a%20b&tags=x&tags=y", b""),
        ("delete", {"id": 7, "force": True}, "/users/7?force=true", b""),
        ("POST", {"id": "a/b", "note": {"x": 1.5}}, "/users/a%2Fb", b'{"note":{"x":1.5}}'),
        ("POST", {"id": 7}, "/users/7", b""),
        ("PATCH", {"id": 7, "n": None}, "/users/7", b'{"n":null}'),
    ],
)
async def test_arguments_go_where_they_belong(
    egress: Egress, web: Web, method: str, arguments: dict[str, Any], target: str, body: bytes
) -> None:
    web.answers(body={"ok": True})
    item = await call(egress, web, "/users/{id}", arguments, method=method)
    assert item == {"json": {"status": 200, "body": {"ok": True}}}
    assert (web.last.method, web.last.target, web.last.body) == (method.upper(), target, body)
    assert web.last.headers.get("idempotency-key") == (None if method == "GET" else "key-1")
    assert web.last.headers.get("content-type") == ("application/json" if body else None)


@pytest.mark.parametrize(
    ("content_type", "body", "emitted_body"),
    [
        ("text/plain", "héllo".encode(), "héllo"),
        ("application/json", b"[1, 0.10]", [1, 0.1]),
        ("application/json", b"", None),
    ],
)
async def test_bodies(egress: Egress, web: Web, content_type: str, body: bytes, emitted_body: Any) -> None:
    web.answers(body=body, content_type=content_type)
    assert (await call(egress, web, "/x", {}))["json"] == {"status": 200, "body": emitted_body}


async def test_a_binary_body_becomes_a_file(egress: Egress, web: Web) -> None:
    web.answers(body=b"\x89PNG\xff", content_type="image/png")
    item = await call(egress, web, "/x", {}, name="picture")
    assert item["json"] == {"status": 200, "body": None}
    assert item["files"]["body"] == {"name": "picture.png", "content_type": "image/png", "size": 5, "ref": "ref-0"}


async def test_an_agent_sees_one_function(egress: Egress) -> None:
    parameters = {"name": "find", "description": "Finds.", "url": "https://a.example/{id}?q={q}"}
    (tool,) = await TOOL.list_tools(call_of(TOOL, parts(egress), parameters))
    assert (tool.name, tool.description, tool.schema["required"]) == ("find", "Finds.", ["id", "q"])
    (tool,) = await TOOL.list_tools(
        call_of(TOOL, parts(egress), {**parameters, "schema": {"properties": {"id": {}, "q": {}}}})
    )
    assert tool.schema == {"properties": {"id": {}, "q": {}}}


async def test_an_agent_calls_as_a_run_does(egress: Egress, web: Web) -> None:
    context = replace(call_of(TOOL, parts(egress), {"url": web.url + "/{id}"}), idempotency_key="another")
    (item,) = await TOOL.call_tool(context, "http_request", {"id": 1})
    assert item["json"]["status"] == 200
    with pytest.raises(PermanentError) as caught:
        await TOOL.call_tool(context, "other", {"id": 1})
    assert caught.value.code == "UNKNOWN_TOOL"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, '"arguments.id" is missing'),
        ({"id": "x"}, '"arguments.id": "x" is not of type "integer"'),
        ({"id": 1, "other": 2}, '"arguments.other" is unknown'),
        ({"id": 1, "tags": "x"}, '"arguments.tags": "x" is not of type "array"'),
    ],
)
async def test_arguments_are_checked_before_the_call(
    egress: Egress, web: Web, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(PermanentError) as caught:
        await call(egress, web, "/{id}", arguments, schema=SCHEMA)
    assert said in caught.value.message
    assert caught.value.code == "INVALID_ARGUMENTS"
    assert web.asked == []


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (400, PermanentError, "HTTP_STATUS"),
        (401, PermanentError, "HTTP_STATUS"),
        (404, PermanentError, "HTTP_STATUS"),
        (429, RetryableError, "HTTP_STATUS"),
        (500, RetryableError, "HTTP_STATUS"),
        (503, RetryableError, "HTTP_STATUS"),
    ],
)
async def test_statuses(egress: Egress, web: Web, status: int, error: type[NodeError], code: str) -> None:
    web.answers(status, {"why": "no"}, headers={"retry-after": "3"})
    with pytest.raises(error, match=f"answered {status}") as caught:
        await call(egress, web, "/x?key=hidden", {})
    assert caught.value.code == code
    assert "hidden" not in caught.value.message
    assert caught.value.retry_after == (3 if error is RetryableError else None)


async def test_a_slow_server_times_out(egress: Egress, web: Web) -> None:
    web.answers(delay=5)
    with pytest.raises(RetryableError) as caught:
        await call(egress, web, "/x", {}, timeout=0.1)
    assert caught.value.code == "TIMEOUT"


async def test_a_malformed_body_is_named(egress: Egress, web: Web) -> None:
    web.answers(body=b"{")
    with pytest.raises(PermanentError, match="isn't") as caught:
        await call(egress, web, "/x", {})
    assert caught.value.code == "INVALID_RESPONSE"


async def test_credentials(egress: Egress, web: Web) -> None:
    bearer = parts(egress, opened=credential(HTTP_BEARER, token="t0ken"))
    await emitted(TOOL, bearer, {"url": web.url + "/x"})
    assert web.last.headers["authorization"] == "Bearer t0ken"
    query = parts(egress, opened=credential(HTTP_QUERY, name="key", value="s&cret"))
    await emitted(TOOL, query, {"url": web.url + "/x?a=1"})
    assert web.last.target == "/x?a=1&key=s%26cret"


async def test_a_credential_goes_to_its_hosts_only(egress: Egress, web: Web) -> None:
    resources = parts(egress, opened=credential(HTTP_BEARER, "api.example", token="t0ken"))
    with pytest.raises(PermanentError) as caught:
        await emitted(TOOL, resources, {"url": web.url + "/x"})
    assert (caught.value.code, web.asked) == ("CREDENTIAL_HOST", [])


async def test_a_refused_credential_is_named(egress: Egress, web: Web) -> None:
    web.answers(401, {})
    with pytest.raises(PermanentError) as caught:
        await emitted(TOOL, parts(egress, opened=credential(HTTP_BEARER, token="t")), {"url": web.url + "/x"})
    assert caught.value.code == "CREDENTIAL_REJECTED"


async def test_egress_is_asked() -> None:
    closed = Egress()
    with pytest.raises(PermanentError) as caught:
        await emitted(TOOL, parts(closed), {"url": "http://127.0.0.1:1/x"})
    await closed.close()
    assert caught.value.code == "EGRESS_DENIED"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, '"url" is missing'),
        ({"url": "https://{host}/"}, "before its path"),
        ({"url": "https://a.example", "method": "FETCH"}, "expected 'GET'"),
        ({"url": "https://a.example", "name": "a b"}, '"name"'),
        ({"url": "https://a.example", "schema": {"type": "strin"}}, "is no JSON Schema"),
        ({"url": "https://a.example", "schema": {"type": "array"}}, "must describe an object"),
        ({"url": "https://a.example/{id}", "schema": {"properties": {"x": {}}}}, 'without "id"'),
        ({"url": "https://a.example", "timeout": "0s"}, "more than 0"),
        ({"url": "https://a.example", "argument": {}}, 'did you mean "arguments"'),
    ],
)
def test_parameters_are_checked_when_saved(
    problems: Callable[..., list[Problem]], parameters: dict[str, Any], said: str
) -> None:
    (problem,) = problems("TOOL.HTTP", **parameters)
    assert said in problem.message


@pytest.mark.parametrize(
    "parameters",
    [
        {"url": "https://a.example/{{ $json.path }}/{id}", "arguments": {"id": "{{ $json.id }}"}},
        {"url": "https://a.example/{id}", "schema": "{{ $json.schema }}", "arguments": "{{ $json }}"},
    ],
)
def test_expressions_are_spared(problems: Callable[..., list[Problem]], parameters: dict[str, Any]) -> None:
    assert problems("TOOL.HTTP", **parameters) == []

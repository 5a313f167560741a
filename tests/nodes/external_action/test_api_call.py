"""API_CALL against GitHub's own description, and against small ones that have what GitHub's hasn't."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from nodes.credentials.credential import Credential
from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.external_action.api_call import API_KEY, ApiCall
from nodes.http.authentication import HTTP_BASIC, HTTP_BEARER, HTTP_HEADER, HTTP_QUERY
from nodes.http.egress import Egress
from orchestrator.errors import Problem
from tests.nodes.tool.parts import call_of, credential, emitted, parts
from tests.nodes.tool.web import Web, serving
from tests.vendors.mock import Reply, VendorMock

GITHUB = json.loads((Path(__file__).parents[2] / "vendors" / "github.json").read_text(encoding="utf-8"))
REPOSITORY = {"owner": "octocat", "repo": "hello-world"}
CALL = ApiCall()
PET = {
    "type": "object",
    "required": ["id", "name", "secret"],
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string"},
        "secret": {"type": "string", "writeOnly": True},
        "owner": {"$ref": "#/components/schemas/Owner"},
        "age": {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "nullable": True},
    },
}
PETS: dict[str, Any] = {
    "openapi": "3.0.3",
    "paths": {
        "/pets/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "get": {
                "operationId": "getPet",
                "parameters": [
                    {"name": "id", "in": "query", "schema": {"type": "string"}},
                    {"name": "tags", "in": "query", "style": "pipeDelimited", "explode": False, "schema": {}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                    {"name": "session", "in": "cookie", "schema": {"type": "string"}},
                    {"$ref": "#/components/parameters/Filter"},
                ],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
                    "204": {"description": "none"},
                },
            },
        },
        "/pets": {
            "post": {
                "operationId": "addPet",
                "requestBody": {"$ref": "#/components/requestBodies/Pet"},
                "responses": {"2XX": {"content": {"application/json": {"schema": {"type": "array"}}}}},
            },
            "put": {
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {"type": "object", "properties": {"names": {"type": "array"}, "n": {}}}
                        }
                    }
                },
                "responses": {"default": {"description": "whatever"}},
            },
        },
        "/upload": {
            "post": {
                "operationId": "upload",
                "requestBody": {"content": {"image/png": {"schema": {"type": "string"}}}},
                "responses": {"default": {}},
            }
        },
        "/remote": {
            "get": {
                "operationId": "remote",
                "parameters": [{"name": "a", "in": "query", "schema": {"$ref": "https://other.example/a.json"}}],
                "responses": {"default": {}},
            }
        },
    },
    "components": {
        "schemas": {
            "Pet": PET,
            "Owner": {
                "type": "object",
                "properties": {"pets": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}},
            },
        },
        "parameters": {
            "Filter": {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}}
        },
        "requestBodies": {
            "Pet": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
            }
        },
    },
}


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as web:
        yield web


async def call(
    egress: Egress, url: str, operation_id: str, arguments: dict[str, Any], *, opened: Any = None, **given: Any
) -> list[Any]:
    parameters = {"spec": PETS, "base_url": url, "operation_id": operation_id, "arguments": arguments, **given}
    items = await emitted(CALL, parts(egress, opened=opened), parameters)
    return [item["json"] for item in items]


@pytest.mark.parametrize(
    ("operation_id", "arguments", "method", "path"),
    [
        ("repos/get", {}, "GET", "/repos/octocat/hello-world"),
        ("issues/list-for-repo", {"state": "all", "per_page": 5}, "GET", "/repos/octocat/hello-world/issues"),
        ("issues/create", {"body": {"title": "t", "labels": ["bug"]}}, "POST", "/repos/octocat/hello-world/issues"),
        ("issues/get", {"issue_number": 7}, "GET", "/repos/octocat/hello-world/issues/7"),
        (
            "PATCH /repos/{owner}/{repo}/issues/{issue_number}",
            {"issue_number": 7, "body": {"state": "closed"}},
            "PATCH",
            "/repos/octocat/hello-world/issues/7",
        ),
        ("pulls/list", {"state": "open"}, "GET", "/repos/octocat/hello-world/pulls"),
        ("repos/create-release", {"body": {"tag_name": "v1"}}, "POST", "/repos/octocat/hello-world/releases"),
        (
            "repos/create-or-update-file-contents",
            {"path": "a b.txt", "body": {"message": "m", "content": "YQ=="}},
            "PUT",
            "/repos/octocat/hello-world/contents/a%20b.txt",
        ),
    ],
)
async def test_github_by_its_own_description(
    egress: Egress,
    mocks: dict[str, VendorMock],
    operation_id: str,
    arguments: dict[str, Any],
    method: str,
    path: str,
) -> None:
    github = mocks["GITHUB"]
    opened = credential(HTTP_BEARER, token="ghp-secret")
    found = await call(egress, github.url, operation_id, {**REPOSITORY, **arguments}, opened=opened, spec=GITHUB)
    assert found
    (received,) = github.received
    assert (received.method, received.path) == (method, f"/base{path}")
    assert received.headers.get("idempotency-key") == (None if method == "GET" else "key-1")


@pytest.mark.parametrize(
    ("operation_id", "arguments", "said"),
    [
        ("issues/get", {}, '"arguments.issue_number" is missing'),
        ("issues/get", {"issue_number": "x"}, '"arguments.issue_number": "x" is not of type "integer"'),
        ("issues/create", {"body": {"labels": []}}, '"arguments.body.title" is missing'),
        ("issues/create", {}, '"arguments.body" is missing'),
        ("issues/list-for-repo", {"state": "shut"}, '"arguments.state"'),
        ("repos/get", {"branch": "x"}, '"arguments.branch" is unknown; there are "owner", "repo"'),
        ("repos/get", {"owner": ""}, '"arguments.owner" is empty'),
        ("repos/get", {"owner": ".."}, "another path"),
    ],
)
async def test_github_arguments_are_checked_before_the_call(
    egress: Egress, mocks: dict[str, VendorMock], operation_id: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(PermanentError) as caught:
        await call(egress, mocks["GITHUB"].url, operation_id, {**REPOSITORY, **arguments}, spec=GITHUB)
    assert (caught.value.code, said in caught.value.message) == ("INVALID_ARGUMENTS", True), caught.value.message
    assert mocks["GITHUB"].received == []


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        (Reply(401, {"message": "Bad credentials"}), PermanentError, "CREDENTIAL_REJECTED"),
        (Reply(403, {"message": "no"}), PermanentError, "HTTP_STATUS"),
        (Reply(404, {"message": "Not Found"}), PermanentError, "HTTP_STATUS"),
        (Reply(422, {"message": "Validation Failed"}), PermanentError, "HTTP_STATUS"),
        (Reply(429, {}, {"retry-after": "4"}), RetryableError, "HTTP_STATUS"),
        (Reply(500, {}), RetryableError, "HTTP_STATUS"),
        (Reply(503, {}), RetryableError, "HTTP_STATUS"),
        (Reply(200, b"{"), PermanentError, "INVALID_RESPONSE"),
        (Reply(200, {}, delay=1), RetryableError, "TIMEOUT"),
    ],
)
async def test_what_github_may_answer(
    egress: Egress, mocks: dict[str, VendorMock], reply: Reply, error: type[NodeError], code: str
) -> None:
    github = mocks["GITHUB"]
    github.replies.append(reply)
    opened = credential(HTTP_BEARER, token="ghp-secret")
    with pytest.raises(error) as caught:
        await call(egress, github.url, "repos/get", REPOSITORY, opened=opened, spec=GITHUB, timeout=0.5)
    assert caught.value.code == code
    assert "ghp-secret" not in caught.value.message + caught.value.hint
    assert caught.value.retry_after == (4 if reply.status == 429 else None)


async def test_parameters_go_where_the_description_says(egress: Egress, web: Web) -> None:
    web.answers(body={"id": 1, "name": "Rex"})
    arguments = {
        "path.id": 7,
        "query.id": "x",
        "tags": ["a", "b"],
        "X-Trace": "t 1",
        "session": "s;1",
        "filter": {"a": 1},
    }
    assert await call(egress, web.url + "/v1", "getPet", arguments) == [{"id": 1, "name": "Rex"}]
    assert web.last.target == "/v1/pets/7?id=x&tags=a|b&filter%5Ba%5D=1"
    assert (web.last.headers["x-trace"], web.last.headers["cookie"]) == ("t 1", "session=s%3B1")


async def test_what_is_read_only_neednt_be_sent_and_a_form_is_written(egress: Egress, web: Web) -> None:
    web.answers(201, [{"n": 1}, {"n": 2}])
    body = {"name": "Rex", "secret": "s", "age": None}
    assert await call(egress, web.url, "addPet", {"body": body}) == [{"n": 1}, {"n": 2}]
    assert web.last.json == body
    web.answers(body=b"done", content_type="text/plain")
    assert await call(egress, web.url, "PUT /pets", {"body": {"names": ["a", "b"], "n": 1.5}}) == [{"data": "done"}]
    assert web.last.body == b"names=a&names=b&n=1.5"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "Rex"}, '"arguments.body.secret" is missing'),
        ({"name": "Rex", "secret": "s", "age": 0}, '"arguments.body.age": 0 is less than or equal to'),
        ({"name": "R", "secret": "s", "owner": {"pets": [{"name": 1, "secret": "s"}]}}, "body.owner.pets[0].name"),
    ],
)
async def test_bodies_are_checked(egress: Egress, web: Web, body: dict[str, Any], said: str) -> None:
    with pytest.raises(PermanentError) as caught:
        await call(egress, web.url, "addPet", {"body": body})
    assert said in caught.value.message, caught.value.message
    assert web.asked == []


@pytest.mark.parametrize(
    ("status", "body", "content_type", "said"),
    [
        (200, {"id": 1}, "application/json", '"body.name" is missing'),
        (200, {"id": "1", "name": "x"}, "application/json", '"body.id": "1" is not of type "integer"'),
        (200, {"id": 1, "name": "x", "owner": {"pets": [{"id": 1}]}}, "application/json", "body.owner.pets[0].name"),
        (200, [], "application/json", "is not of type"),
        (200, b"", "application/json", "an empty answer"),
        (200, b"<html>", "text/html", 'of the type "text/html"'),
        (202, {}, "application/json", 'the status 202; the description has "200", "204"'),
    ],
)
async def test_answers_are_checked(
    egress: Egress, web: Web, status: int, body: Any, content_type: str, said: str
) -> None:
    web.answers(status, body, content_type=content_type)
    with pytest.raises(PermanentError) as caught:
        await call(egress, web.url, "getPet", {"path.id": 1})
    assert (caught.value.code, said in caught.value.message) == ("INVALID_RESPONSE", True), caught.value.message
    taken = await call(egress, web.url, "getPet", {"path.id": 1}, validate_response=False)
    assert len(taken) == (0 if body == [] else 1)


async def test_an_empty_answer_and_the_full_one(egress: Egress, web: Web) -> None:
    web.answers(204, b"", content_type="")
    assert await call(egress, web.url, "getPet", {"path.id": 1}) == [{}]
    (full,) = await call(egress, web.url, "getPet", {"path.id": 1}, full_response=True)
    assert (full["status"], full["body"], full["headers"]["content-length"]) == (204, None, "0")


async def test_a_binary_answer_becomes_a_file(egress: Egress, web: Web) -> None:
    web.answers(200, b"\x89PNG\xff", content_type="image/png")
    (item,) = await emitted(
        CALL, parts(egress), {"spec": PETS, "base_url": web.url, "operation_id": "PUT /pets", "arguments": {}}
    )
    assert (item["json"], item["files"]["body"]["content_type"]) == ({}, "image/png")


@pytest.mark.parametrize("written", ["object", "json", "yaml", "url"])
async def test_a_description_may_be_given_in_every_way(egress: Egress, web: Web, written: str) -> None:
    described = {
        "openapi": "3.1.0",
        "servers": [{"url": "{scheme}/v{n}", "variables": {"scheme": {"default": web.url}, "n": {"default": "2"}}}],
        "paths": {"/ping": {"get": {"operationId": "ping", "responses": {"default": {}}}}},
    }
    yaml = (
        f"openapi: 3.1.0\nservers: [{{url: '{web.url}/v2'}}]\n"
        "paths: {/ping: {get: {operationId: ping, responses: {200: {description: fine}}}}}\n"
    )
    spec = {"object": described, "json": json.dumps(described), "yaml": yaml, "url": web.url + "/openapi.yaml"}
    web.answers(body=yaml.encode() if written == "url" else b"{}", content_type="application/yaml")
    assert await call(egress, "", "ping", {}, spec=spec[written], validate_response=False)
    assert web.last.target == "/v2/ping"


async def test_a_description_is_fetched_once_and_its_server_may_be_relative(egress: Egress, web: Web) -> None:
    described = {
        "openapi": "3.0.0",
        "servers": [{"url": "../api"}],
        "paths": {"/p": {"get": {"responses": {"default": {}}}}},
    }
    web.answers(body=described)
    executor = ApiCall()
    for _ in range(2):
        await emitted(executor, parts(egress), {"spec": web.url + "/docs/openapi.json", "operation_id": "GET /p"})
    assert [asked.target for asked in web.asked] == ["/docs/openapi.json", "/api/p", "/api/p"]


@pytest.mark.parametrize(
    ("scheme", "header", "target"),
    [
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, ("x-key", "s&cret"), "/p?a=1"),
        ({"type": "apiKey", "in": "query", "name": "api key"}, None, "/p?a=1&api%20key=s%26cret"),
        ({"type": "apiKey", "in": "cookie", "name": "key"}, ("cookie", "b=2; key=s&cret"), "/p?a=1"),
        ({"type": "http", "scheme": "bearer"}, ("authorization", "Bearer s&cret"), "/p?a=1"),
    ],
)
async def test_an_api_key_goes_where_the_description_says(
    egress: Egress, web: Web, scheme: dict[str, str], header: tuple[str, str] | None, target: str
) -> None:
    described = secured(scheme)
    opened = credential(API_KEY, key="s&cret")
    await call(egress, web.url, "GET /p", {"a": 1, "b": "2"}, opened=opened, spec=described)
    assert web.last.target == target
    if header:
        assert web.last.headers[header[0]] == header[1]


def secured(scheme: dict[str, str], **operation: Any) -> dict[str, Any]:
    parameters = [{"name": "a", "in": "query", "schema": {}}, {"name": "b", "in": "cookie", "schema": {}}]
    return {
        "openapi": "3.1.0",
        "security": [{"key": []}],
        "components": {"securitySchemes": {"key": scheme}},
        "paths": {"/p": {"get": {"parameters": parameters, "responses": {"default": {}}, **operation}}},
    }


@pytest.mark.parametrize(
    ("opened", "header", "target"),
    [
        (credential(HTTP_BEARER, token="t"), ("authorization", "Bearer t"), "/p"),
        (credential(HTTP_BASIC, user="u", password="p"), ("authorization", "Basic dTpw"), "/p"),
        (credential(HTTP_HEADER, name="X-A", value="v"), ("x-a", "v"), "/p"),
        (credential(HTTP_QUERY, name="k", value="v&w"), ("host", ""), "/p?k=v%26w"),
    ],
)
async def test_other_credentials_say_themselves_where_they_go(
    egress: Egress, web: Web, opened: Credential, header: tuple[str, str], target: str
) -> None:
    await call(egress, web.url, "GET /p", {}, opened=opened, spec=secured({"type": "oauth2"}))
    assert web.last.target == target
    assert header[1] in web.last.headers[header[0]]


async def test_credentials_that_are_missing_or_cant_be_placed(egress: Egress, web: Web) -> None:
    with pytest.raises(PermanentError, match='needs a credential \\("key"\\)') as caught:
        await call(egress, web.url, "GET /p", {}, spec=secured({"type": "http", "scheme": "bearer"}))
    assert caught.value.code == "MISSING_CREDENTIAL"
    with pytest.raises(PermanentError, match="doesn't say where") as caught:
        await call(egress, web.url, "GET /p", {}, spec=secured({"type": "oauth2"}), opened=credential(API_KEY, key="k"))
    assert caught.value.code == "INVALID_CREDENTIAL"
    assert web.asked == []
    optional = secured({"type": "http", "scheme": "bearer"}, security=[{"key": []}, {}])
    assert await call(egress, web.url, "GET /p", {}, spec=optional)


async def test_a_credential_goes_to_its_hosts_only(egress: Egress, web: Web) -> None:
    opened = credential(HTTP_BEARER, "api.example", token="t")
    with pytest.raises(PermanentError) as caught:
        await call(egress, web.url, "getPet", {"path.id": 1}, opened=opened)
    assert (caught.value.code, web.asked) == ("CREDENTIAL_HOST", [])


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({"operation_id": "getPets"}, "UNKNOWN_OPERATION", 'there are "getPet"'),
        ({"operation_id": "remote", "arguments": {"a": 1}}, "INVALID_SPEC", "other documents aren't followed"),
        ({"operation_id": "upload", "arguments": {"body": "x"}}, "UNSUPPORTED_BODY", '"image/png"'),
        ({"spec": {"swagger": "2.0", "paths": {}}}, "INVALID_SPEC", "is Swagger 2.0"),
        ({"spec": {"openapi": "4.0", "paths": {}}}, "INVALID_SPEC", 'says openapi "4.0"'),
        ({"spec": {"openapi": "3.0.0"}}, "INVALID_SPEC", 'no object "paths"'),
        ({"spec": "openapi: ["}, "INVALID_SPEC", "is no YAML"),
        ({"spec": {"openapi": "3.0.0", "paths": {"/p": {"$ref": "#/x"}}}}, "INVALID_SPEC", 'refers to "#/x"'),
        ({"spec": {"openapi": "3.0.0", "paths": {"/p": {"$ref": "#/paths/~1p"}}}}, "INVALID_SPEC", "in a circle"),
        ({"base_url": "", "arguments": {"path.id": 1}}, "MISSING_PARAMETER", '"base_url" is missing'),
        ({"base_url": "ftp://a.example", "arguments": {"path.id": 1}}, "INVALID_PARAMETER", "http:// or https://"),
        ({"spec": "http://127.0.0.1:1/openapi.json"}, "CONNECTION_FAILED", "127.0.0.1:1"),
    ],
)
async def test_descriptions_that_cant_be_used(
    egress: Egress, web: Web, given: dict[str, Any], code: str, said: str
) -> None:
    parameters = {"spec": PETS, "base_url": web.url, "operation_id": "getPet", **given}
    with pytest.raises(NodeError) as caught:
        await CALL.run(call_of(CALL, parts(egress), parameters))
    assert (caught.value.code, said in caught.value.message) == (code, True), caught.value.message
    assert web.asked == []


async def test_a_description_with_broken_parts_is_no_crash(egress: Egress, web: Web) -> None:
    for broken in (
        {"/p": []},
        {"/p": {"get": {"parameters": [7]}}},
        {"/p": {"get": {"parameters": {"a": 1}}}},
        {"/p": {"get": {"parameters": [{"name": "a", "in": "query", "schema": 7}]}}},
        {"/p": {"get": {"parameters": [{"name": "a", "in": "query", "content": {"application/json": 7}}]}}},
        {"/p": {"get": {"requestBody": {"content": []}}}},
        {"/p": {"get": {"responses": []}}},
        {"/p": {"get": {"responses": {"200": {"content": {"application/json": 7}}}}}},
        {"/p": {"get": {"servers": ["x"]}}},
        {"/p": {"get": {"servers": [{"url": "x", "variables": []}]}}},
        {"/p": {"get": {"security": 7}}},
        {"/p": {"get": {"security": [7]}}},
        {"/p": {"get": {"requestBody": {"content": {"application/json": {"schema": {"required": [[]], "type": 1}}}}}}},
    ):
        spec = {"openapi": "3.1.0", "paths": broken, "components": [], "security": [{"a": 1}]}
        arguments = {"body": 1} if "requestBody" in str(broken) else {"a": 1} if "'a'" in str(broken) else {}
        parameters = {"spec": spec, "base_url": web.url, "operation_id": "GET /p", "arguments": arguments}
        with pytest.raises(PermanentError) as caught:
            await CALL.run(call_of(CALL, parts(egress), parameters))
        assert caught.value.code == "INVALID_SPEC", (broken, caught.value.message)


async def test_egress_is_asked() -> None:
    closed = Egress()
    for parameters in ({"spec": "http://10.0.0.1/openapi.json"}, {"spec": PETS, "base_url": "http://10.0.0.1"}):
        given = {"operation_id": "getPet", "arguments": {"path.id": 1}, **parameters}
        with pytest.raises(PermanentError) as caught:
            await emitted(CALL, parts(closed), given)
        assert caught.value.code == "EGRESS_DENIED"
    await closed.close()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"spec": "https://a.example/openapi.json"}, '"operation_id" is missing'),
        ({"operation_id": "a"}, '"spec" is missing'),
        ({"operation_id": "a", "spec": {}}, '"spec" is empty'),
        ({"operation_id": "a", "spec": " "}, '"spec" is empty'),
        ({"operation_id": "a", "spec": "https://a.example/openapi.json", "argument": {}}, 'did you mean "arguments"'),
    ],
)
def test_parameters_are_checked_when_saved(
    problems: Callable[..., list[Problem]], parameters: dict[str, Any], said: str
) -> None:
    (problem,) = problems("EXTERNAL_ACTION.API_CALL", **parameters)
    assert said in problem.message

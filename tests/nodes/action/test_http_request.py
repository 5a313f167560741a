"""HTTP_REQUEST against a real server."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from email import message_from_bytes
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from nodes.base import Output
from nodes.credentials.credential import Credential, CredentialType
from nodes.errors import PermanentError, RetryableError
from nodes.files.files import FileRef
from nodes.files.store import FileStore
from nodes.http import exchange, reading
from nodes.http.authentication import HTTP_BASIC, HTTP_BEARER, HTTP_HEADER, HTTP_QUERY, OAUTH2
from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy
from orchestrator.errors import Problem
from tests.nodes.http.server import Received, Reply, Server, serving

Run = Callable[..., Awaitable[Any]]
KIND = "ACTION.HTTP_REQUEST"


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    running.clear()
    return running


class OneCredential:
    """Opens the one credential there is."""

    def __init__(self, credential: Credential | None) -> None:
        self.credential = credential

    async def open(self, workspace: str, credential_id: str, types: tuple[CredentialType, ...]) -> Credential:
        assert self.credential is not None
        assert self.credential.type in types
        return self.credential


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path))


@pytest.fixture
async def call(execute: Run, files: FileStore) -> AsyncIterator[Run]:
    http = Egress(EgressPolicy.parse("127.0.0.0/8"))

    async def send(
        parameters: dict[str, Any], *, item: Any = None, credential: Credential | None = None, **fields: Any
    ) -> Any:
        resources = SimpleNamespace(http=http, files=files, credentials=OneCredential(credential))
        named = {"auth": credential.id} if credential else {}
        return await execute(KIND, parameters, [item or {}], resources=resources, credentials=named, **fields)

    yield send
    await http.close()


def credential(
    kind: CredentialType, *, access: str = "", hosts: Sequence[str] = ("127.0.0.1",), **fields: Any
) -> Credential:
    return Credential("c1", "mine", kind, kind.fields(**fields), tuple(hosts), SecretStr(access) if access else None)


@pytest.mark.parametrize(
    ("reply", "parameters", "expected"),
    [
        (Reply(body=b'{"n": 12345678901234567890}'), {}, {"n": 12345678901234567890}),
        (Reply(body=b'[{"a": 1}, {"a": 2}]'), {}, [{"a": 1}, {"a": 2}]),
        (Reply(body=b"[]"), {}, []),
        (Reply(body=b"[1, {}]"), {}, {"data": [1, {}]}),
        (Reply(body=b"null"), {}, {}),
        (Reply(body=b'"x"'), {}, {"data": "x"}),
        (Reply(body=b"\xef\xbb\xbf{}"), {}, {}),
        (Reply(204, b""), {}, {}),
        (Reply(body=b"{broken"), {}, {"data": "{broken"}),
        (Reply(body=b"{}"), {"response": "text"}, {"data": "{}"}),
        (Reply(body=b"", headers={}), {"response": "text"}, {"data": ""}),
        (Reply(body=b'{"a": 1}', headers={"content-type": "text/plain"}), {}, {"data": '{"a": 1}'}),
        (Reply(body=b'{"a": 1}', headers={}), {"response": "json"}, {"a": 1}),
        (Reply(body=b'{"a": 1}', headers={"content-type": "application/problem+json; charset=utf-8"}), {}, {"a": 1}),
        (
            Reply(body="é".encode("latin-1"), headers={"content-type": "text/html; charset=ISO-8859-1"}),
            {},
            {"data": "é"},
        ),
        (Reply(body=b"\xff", headers={"content-type": "text/plain"}), {}, {"data": "\ufffd"}),
        (
            Reply(
                body=gzip.compress(b'{"a": 1}'),
                headers={"content-type": "application/json", "content-encoding": "gzip"},
            ),
            {},
            {"a": 1},
        ),
        (Reply(404, b'{"why": "gone"}'), {"fail_on_status": False}, {"why": "gone"}),
    ],
)
async def test_answers(server: Server, call: Run, reply: Reply, parameters: dict[str, Any], expected: Any) -> None:
    server.replies["/x"] = reply
    assert await call({"url": f"{server.url}/x", **parameters}) == expected


async def test_a_full_response(server: Server, call: Run) -> None:
    server.replies["/x"] = Reply(418, b"teapot", {"content-type": "text/plain", "X-Kind": "pot"})
    got = await call({"url": f"{server.url}/x", "full_response": True, "fail_on_status": False})
    assert (got["status"], got["body"], got["headers"]["x-kind"]) == (418, "teapot", "pot")


@pytest.mark.parametrize(
    ("parameters", "method", "path", "headers", "body"),
    [
        ({}, "GET", "/x", {}, b""),
        (
            {"query": {"a": "ä b", "n": 1, "l": [1, True], "none": None}},
            "GET",
            "/x?a=%C3%A4%20b&n=1&l=1&l=true",
            {},
            b"",
        ),
        (
            {"method": "post", "body": {"n": 12345678901234567890, "t": "é"}},
            "POST",
            "/x",
            {"content-type": "application/json"},
            '{"n":12345678901234567890,"t":"é"}'.encode(),
        ),
        ({"method": "PUT", "body": '{"a": "b"}'}, "PUT", "/x", {"content-type": "application/json"}, b'{"a": "b"}'),
        (
            {"method": "POST", "body_type": "form", "body": {"a": "x y", "l": [1, 2], "n": None}},
            "POST",
            "/x",
            {"content-type": "application/x-www-form-urlencoded"},
            b"a=x+y&l=1&l=2",
        ),
        (
            {"method": "PATCH", "body_type": "text", "body": "é", "headers": {"Content-Type": "text/markdown"}},
            "PATCH",
            "/x",
            {"content-type": "text/markdown"},
            "é".encode(),
        ),
        ({"headers": {"X-A": 5, "X-B": None, "X-C": " y "}}, "GET", "/x", {"x-a": "5", "x-c": "y"}, b""),
        ({"method": "HEAD"}, "HEAD", "/x", {}, b""),
    ],
)
async def test_requests(
    server: Server, call: Run, parameters: Any, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    await call({"url": f"{server.url}/x", **parameters})
    (got,) = server.received
    assert (got.method, got.path, got.body) == (method, path, body)
    assert {name: got.headers.get(name) for name in headers} == headers
    assert "x-b" not in got.headers


async def test_a_query_joins_the_urls_own(server: Server, call: Run) -> None:
    await call({"url": f"{server.url}/x?a=1&b=%20", "query": {"a": 2}})
    assert server.received[0].path == "/x?a=1&b=%20&a=2"


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("POST", {}, "key-1"),
        ("PUT", {}, "key-1"),
        ("PATCH", {}, "key-1"),
        ("DELETE", {}, "key-1"),
        ("GET", {}, None),
        ("POST", {"idempotency-KEY": "mine"}, "mine"),
    ],
)
async def test_idempotency_key(server: Server, call: Run, method: str, headers: Any, expected: str | None) -> None:
    parameters = {"url": f"{server.url}/x", "method": method, "headers": headers}
    await call(parameters, idempotency_key="key-1")
    assert server.received[0].headers.get("idempotency-key") == expected


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_statuses_worth_retrying(server: Server, call: Run, status: int) -> None:
    server.replies["/x"] = Reply(status, b"busy", {"retry-after": "7"})
    with pytest.raises(RetryableError, match=rf"GET http://127\.0\.0\.1:\d+/x answered {status}: busy") as caught:
        await call({"url": f"{server.url}/x"}, item_index=4)
    assert (caught.value.code, caught.value.item) == ("HTTP_STATUS", 4)
    assert "after 7 s" in caught.value.hint
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 422])
async def test_statuses_not_worth_retrying(server: Server, call: Run, status: int) -> None:
    server.replies["/x"] = Reply(status, b"e" * 2000)
    with pytest.raises(PermanentError, match=f"answered {status}: e+$") as caught:
        await call({"url": f"{server.url}/x"})
    assert caught.value.hint
    assert len(caught.value.message) < 600


async def test_errors_show_no_secrets_of_the_url(server: Server, call: Run) -> None:
    server.replies["/x"] = Reply(404, b"")
    url = server.url.replace("//", "//user:hunter2@") + "/x?token=s3cret"
    logs: list[str] = []
    with pytest.raises(PermanentError) as caught:
        await call({"url": url}, logs=logs)
    said = caught.value.message + caught.value.hint + "".join(logs)
    assert "hunter2" not in said
    assert "s3cret" not in said
    assert "?token=…" in said
    assert server.received[0].headers["authorization"].startswith("Basic ")


async def test_redirects(server: Server, call: Run) -> None:
    server.replies["/from"] = Reply(302, b"", {"location": "/to"})
    server.replies["/to"] = Reply(body=b'{"here": true}')
    server.replies["/loop"] = Reply(302, b"", {"location": "/loop"})
    server.replies["/file"] = Reply(302, b"", {"location": "file:///etc/passwd"})
    assert await call({"url": f"{server.url}/from"}) == {"here": True}
    stayed = await call({"url": f"{server.url}/from", "follow_redirects": False, "full_response": True})
    assert stayed["status"] == 302
    with pytest.raises(PermanentError, match="more than 10 redirects"):
        await call({"url": f"{server.url}/loop"})
    with pytest.raises(PermanentError, match="can't be sent"):
        await call({"url": f"{server.url}/file"})


async def test_no_cookie_of_one_request_goes_with_the_next(server: Server, call: Run) -> None:
    server.replies["/x"] = Reply(headers={"set-cookie": "session=1; Path=/"})
    await call({"url": f"{server.url}/x"})
    await call({"url": f"{server.url}/x"})
    assert "cookie" not in server.received[1].headers


async def test_a_slow_answer_times_out(server: Server, call: Run) -> None:
    server.replies["/slow"] = Reply(delay=1)
    with pytest.raises(RetryableError, match=r"no complete answer within 0\.05 s") as caught:
        await call({"url": f"{server.url}/slow", "timeout": "50ms"})
    assert caught.value.code == "TIMEOUT"


async def test_cancelling_is_no_timeout(server: Server, call: Run) -> None:
    server.replies["/slow"] = Reply(delay=1)
    task = asyncio.create_task(call({"url": f"{server.url}/slow"}))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_broken_connection(server: Server, call: Run) -> None:
    server.replies["/cut"] = Reply(body=b"half", cut=True)
    with pytest.raises(RetryableError) as caught:
        await call({"url": f"{server.url}/cut"})
    assert caught.value.code == "CONNECTION_FAILED"


async def test_nobody_listens(call: Run) -> None:
    with pytest.raises(RetryableError, match=r"GET http://127\.0\.0\.1:1/") as caught:
        await call({"url": "http://127.0.0.1:1/"})
    assert caught.value.code == "CONNECTION_FAILED"


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_has_a_size_limit(
    server: Server, call: Run, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(reading, "OUTPUT_LIMIT", 100_000)
    body = b"0" * 200_000
    headers = {"content-encoding": "gzip"} if packed else {}
    server.replies["/big"] = Reply(body=gzip.compress(body) if packed else body, headers=headers)
    with pytest.raises(PermanentError, match="larger than") as caught:
        await call({"url": f"{server.url}/big"})
    assert caught.value.code == "RESPONSE_TOO_LARGE"


@pytest.mark.parametrize(
    ("reply", "parameters", "message"),
    [
        (Reply(body=b"{broken"), {"response": "json"}, "is no JSON"),
        (
            Reply(body=b"\x89PNG\xff", headers={"content-type": "image/png"}),
            {"response": "text"},
            r"\(image/png\) is neither JSON nor text",
        ),
        (Reply(body=b"\xff", headers={}), {"response": "json"}, r"\(of no stated type\) is neither JSON nor text"),
        (Reply(body=b"no gzip", headers={"content-encoding": "gzip"}), {}, "can't be unpacked"),
    ],
)
async def test_unreadable_answers(server: Server, call: Run, reply: Reply, parameters: Any, message: str) -> None:
    server.replies["/x"] = reply
    with pytest.raises(PermanentError, match=message) as caught:
        await call({"url": f"{server.url}/x", **parameters})
    assert caught.value.code == "INVALID_RESPONSE"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"url": "ftp://example.com/"}, 'must begin with http:// or https://, not "ftp"'),
        ({"url": "file:///etc/passwd"}, "must begin with http"),
        ({"url": "example.com"}, 'must begin with http:// or https://, not "example.com"'),
        ({"url": "http://"}, "names no host"),
        ({"url": "http://[::1"}, "is no URL"),
        ({"url": "http://a\nb/"}, "is no URL"),
        ({"url": "http://a:99999/"}, "names the port 99999"),
        ({"url": "http://a/", "headers": {"X": "a\r\nY: b"}}, '"headers.X" has a line break'),
        ({"url": "http://a/", "headers": {"X Y": "a"}}, "which is no header name"),
        ({"url": "http://a/", "headers": {"X": [1]}}, "is a list of 1; expected text"),
        ({"url": "http://a/", "headers": {"Content-Length": "5"}}, "set by the engine"),
        ({"url": "http://a/", "headers": {"transfer-encoding": "chunked"}}, "set by the engine"),
        ({"url": "http://a/", "query": {"q": {"a": 1}}}, '"query.q" holds an object'),
        ({"url": "http://a/", "method": "POST", "body": "plain"}, '"body" is no JSON'),
        ({"url": "http://a/", "method": "POST", "body": {"a": float("nan")}}, '"body" is no JSON'),
        ({"url": "http://a/", "method": "POST", "body_type": "form", "body": "a=1"}, "needs an object"),
        ({"url": "http://a/", "method": "POST", "body_type": "form", "body": {"a": {}}}, '"body.a" holds'),
        ({"url": "http://a/", "timeout": 0}, '"timeout" is the number 0; expected more than 0'),
        ({"url": 5}, '"url" is the number 5; expected text'),
        ({"url": "http://a/", "headers": ["X"]}, '"headers" is a list of 1; expected an object'),
    ],
)
async def test_bad_requests(call: Run, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message) as caught:
        await call(parameters)
    assert caught.value.code in ("INVALID_PARAMETER", "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@example.com:8443/a/b?x=1&y=2&x=3#f", "https://example.com:8443/a/b?x=…&y=…&x=…"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("http://example.com", "http://example.com/"),
    ],
)
def test_shown_url(url: str, shown: str) -> None:
    assert exchange.shown_url(httpx.URL(url)) == shown


def emitted_file(returned: Any, name: str = "data") -> tuple[dict[str, Any], FileRef]:
    assert isinstance(returned, Output)
    (item,) = returned.ports["main"]
    return item["json"], item["files"][name]


async def content(files: FileStore, file: FileRef) -> bytes:
    return b"".join([piece async for piece in files.of("default", "").open(file)])


@pytest.mark.parametrize(
    ("path", "headers", "parameters", "name", "kind"),
    [
        ("/x", {"content-type": "image/png"}, {}, "x.png", "image/png"),
        ("/a/b.tar.gz", {"content-type": "application/octet-stream"}, {}, "b.tar.gz", "application/octet-stream"),
        ("/x", {}, {}, "x", "application/octet-stream"),
        ("/", {"content-type": "application/pdf"}, {}, "file.pdf", "application/pdf"),
        ("/x.csv", {"content-type": "text/csv; charset=utf-8"}, {"response": "file"}, "x.csv", "text/csv"),
        (
            "/x",
            {"content-type": "application/zip", "content-disposition": 'attachment; filename="../../etc/r e.zip"'},
            {},
            "r e.zip",
            "application/zip",
        ),
        (
            "/x",
            {"content-type": "application/zip", "content-disposition": "attachment; filename*=UTF-8''%C3%A9.zip"},
            {},
            "é.zip",
            "application/zip",
        ),
        ("/%2e%2e%2f", {"content-type": "application/x-odd"}, {}, "file", "application/x-odd"),
    ],
)
async def test_files(
    server: Server,
    call: Run,
    files: FileStore,
    path: str,
    headers: dict[str, str],
    parameters: Any,
    name: str,
    kind: str,
) -> None:
    body = b"\x89PNG\xff" * 100_000
    server.replies[path] = Reply(body=body, headers=headers)
    data, file = emitted_file(await call({"url": f"{server.url}{path}", **parameters}))
    assert (data, file["name"], file["content_type"], file["size"]) == ({}, name, kind, len(body))
    assert await content(files, file) == body


async def test_a_file_with_the_full_response(server: Server, call: Run, files: FileStore) -> None:
    server.replies["/x"] = Reply(404, gzip.compress(b"\xff"), {"content-type": "image/png", "content-encoding": "gzip"})
    parameters = {"url": f"{server.url}/x", "full_response": True, "fail_on_status": False, "output_file": "picture"}
    data, file = emitted_file(await call(parameters), "picture")
    assert (data["status"], data["body"], data["headers"]["content-type"]) == (404, None, "image/png")
    assert await content(files, file) == b"\xff"


async def test_no_file_of_nothing(server: Server, call: Run) -> None:
    server.replies["/x"] = Reply(204, b"")
    assert await call({"url": f"{server.url}/x", "response": "file"}) == {}
    assert await call({"url": f"{server.url}/x", "response": "file", "method": "HEAD"}) == {}


async def test_a_file_larger_than_the_store_takes(server: Server, call: Run, files: FileStore) -> None:
    files.limit = 1000
    server.replies["/x"] = Reply(body=b"\xff" * 1001, headers={"content-type": "image/png"})
    with pytest.raises(PermanentError, match="1000"):
        await call({"url": f"{server.url}/x"})


async def stored(files: FileStore, name: str, kind: str, body: bytes) -> FileRef:
    return await files.of("default", "").create(name, kind, body)


async def test_sending_a_file(server: Server, call: Run, files: FileStore) -> None:
    body = b"\x00\xff" * 200_000
    server.replies["/from"] = Reply(307, b"", {"location": "/to"})
    item = {"json": {}, "files": {"report": await stored(files, "r.bin", "application/x-r", body)}}
    for given in ("report", None):
        server.received.clear()
        parameters = {"url": f"{server.url}/from", "method": "PUT", "body_type": "file", "body": given}
        await call(parameters, item=item)
        assert [one.path for one in server.received] == ["/from", "/to"]
        for one in server.received:
            assert (one.headers["content-type"], one.headers["content-length"]) == ("application/x-r", "400000")
            assert one.body == body


async def test_sending_multipart(server: Server, call: Run, files: FileStore) -> None:
    one = FileRef({**await stored(files, "one.txt", "text/plain", b"one"), "name": 'a"b\r\nc.txt'})
    two = FileRef({**await stored(files, "two.bin", "x/y", b"two\r\n"), "content_type": "x/y\r\nEvil: 1"})
    item = {"json": {}, "files": {"one": one, "two": two}}
    body = {"title": "Résumé", "n": 5, "tags": ["a", "b"], "none": None, "up": [{"file": "one"}, {"file": "two"}]}
    parameters = {
        "url": f"{server.url}/x",
        "method": "POST",
        "body_type": "multipart",
        "body": body,
        "headers": {"Content-Type": "multipart/form-data"},
    }
    await call(parameters, item=item)
    (got,) = server.received
    message = message_from_bytes(b"Content-Type: " + got.headers["content-type"].encode() + b"\r\n\r\n" + got.body)
    parts: list[Any] = message.get_payload()  # type: ignore[assignment]
    found = [(part.get_param("name", header="content-disposition"), part.get_payload(decode=True)) for part in parts]
    assert found == [
        ("title", "Résumé".encode()),
        ("n", b"5"),
        ("tags", b"a"),
        ("tags", b"b"),
        ("up", b"one"),
        ("up", b"two\r\n"),
    ]
    assert parts[4].get_filename() == "a%22b%0D%0Ac.txt"
    assert parts[5].get_content_type() == "application/octet-stream"
    assert "Evil" not in parts[5]
    assert got.headers["content-length"] == str(len(got.body))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"body_type": "file", "body": "x"}, '"body" names the file "x", which the item lacks; it has "a", "b"'),
        ({"body_type": "file"}, 'needs the name of a file of the item, which has "a", "b"'),
        ({"body_type": "file", "body": 5}, '"body" is the number 5'),
        ({"body_type": "multipart", "body": "x"}, 'body_type "multipart" needs an object'),
        ({"body_type": "multipart", "body": {"f": {"file": "x"}}}, '"body.f.file" names the file "x"'),
        ({"body_type": "multipart", "body": {"f": {"a": 1}}}, '"body.f" holds an object with "a"'),
        ({"body_type": "multipart", "body": [1]}, 'has a "body" that is a list; body_type "multipart" needs an object'),
    ],
)
async def test_files_that_cant_be_sent(
    server: Server, call: Run, files: FileStore, parameters: Any, message: str
) -> None:
    file = await stored(files, "a", "text/plain", b"a")
    with pytest.raises(PermanentError) as caught:
        await call(
            {"url": server.url, "method": "POST", **parameters}, item={"json": {}, "files": {"a": file, "b": file}}
        )
    assert message in caught.value.message
    assert server.received == []


@pytest.mark.parametrize(
    ("given", "header", "value", "path"),
    [
        (credential(HTTP_BEARER, token="t0ken"), "authorization", "Bearer t0ken", "/x"),
        (credential(HTTP_BASIC, user="é", password="p:w"), "authorization", "Basic w6k6cDp3", "/x"),
        (credential(HTTP_HEADER, name="X-Key", value="k3y"), "x-key", "k3y", "/x"),
        (credential(HTTP_QUERY, name="key", value="a b"), "authorization", None, "/x?key=a%20b"),
        (
            credential(OAUTH2, access="acc", client_id="i", token_url="https://a.example/t"),
            "authorization",
            "Bearer acc",
            "/x",
        ),
    ],
)
async def test_credentials(
    server: Server, call: Run, given: Credential, header: str, value: str | None, path: str
) -> None:
    headers = {"AUTHORIZATION": "mine", "X-KEY": "mine"} if value else {}
    await call({"url": f"{server.url}/x", "headers": headers}, credential=given)
    (got,) = server.received
    assert (got.headers.get(header), got.path) == (value, path)


async def test_a_credential_for_other_hosts(server: Server, call: Run) -> None:
    given = credential(HTTP_HEADER, name="X-Key", value="k3y", hosts=("api.example.com",))
    with pytest.raises(PermanentError, match="may not be sent to 127") as caught:
        await call({"url": server.url}, credential=given)
    assert caught.value.code == "CREDENTIAL_HOST"
    assert server.received == []


async def test_a_credential_that_isnt_taken(server: Server, call: Run) -> None:
    server.replies["/x"] = Reply(401, b"who are you?")
    given = credential(HTTP_HEADER, name="X-Key", value="k3y")
    with pytest.raises(PermanentError, match='the credential "mine" was refused') as caught:
        await call({"url": f"{server.url}/x"}, credential=given)
    assert caught.value.code == "CREDENTIAL_REJECTED"
    with pytest.raises(PermanentError, match="has no access token yet") as caught:
        await call({"url": server.url}, credential=credential(OAUTH2, client_id="i", token_url="https://a.example/t"))
    assert caught.value.code == "CREDENTIAL_NOT_AUTHORIZED"
    with pytest.raises(PermanentError, match="has a user name, and the node a credential"):
        await call({"url": server.url.replace("//", "//u:p@")}, credential=given)


async def test_nothing_inside_is_reached_by_default(execute: Run, server: Server) -> None:
    http = Egress()
    with pytest.raises(PermanentError, match=r"127\.0\.0\.1 is a loopback address") as caught:
        await execute(KIND, {"url": server.url}, [{}], resources=SimpleNamespace(http=http))
    assert caught.value.code == "EGRESS_DENIED"
    assert server.received == []
    await http.close()


async def test_a_large_error_is_cut(server: Server, call: Run) -> None:
    server.replies["/x"] = Reply(500, b"e" * 1_000_000)
    with pytest.raises(RetryableError, match=r"answered 500: e+$"):
        await call({"url": f"{server.url}/x"})


def listing(count: int) -> Callable[[Received], Reply]:
    """A service with so many items that knows every way to number them."""

    def reply(received: Received) -> Reply:
        given = dict(httpx.QueryParams(received.path.partition("?")[2]))
        given |= {name[2:]: value for name, value in received.headers.items() if name.startswith("p-")}
        given |= json.loads(received.body or b"{}")
        size = int(given.get("size", 2))
        at = int(given.get("offset") or given.get("cursor") or (int(given.get("page", 1)) - 1) * size)
        page = [{"n": number} for number in range(at, min(at + size, count))]
        more = at + size < count
        headers = {"content-type": "application/json"}
        if more:
            headers["link"] = (
                f'<{received.path.partition("?")[0]}?cursor={at + size}>; rel="next", <https://a.example/>; rel="last"'
            )
        body = {
            "data": {"list": page},
            "next": f"?cursor={at + size}" if more else None,
            "cursor": at + size if more else "",
            "more": more,
        }
        return Reply(body=json.dumps(page if received.path.startswith("/bare") else body).encode(), headers=headers)

    return reply


@pytest.mark.parametrize(
    ("path", "parameters", "pagination", "requests"),
    [
        ("/bare", {}, {"mode": "next_link"}, 3),
        ("/wrapped", {}, {"mode": "next_link", "items": "data.list", "next": "next"}, 3),
        ("/wrapped", {}, {"mode": "next_link", "items": "data.list"}, 3),
        ("/bare", {}, {"mode": "page"}, 4),
        ("/bare", {"query": {"page": 7}}, {"mode": "page", "size": 2}, 3),
        ("/bare", {}, {"mode": "page", "size": 3, "size_parameter": "size"}, 2),
        ("/wrapped", {}, {"mode": "page", "items": "data.list", "more": "more"}, 3),
        ("/bare", {}, {"mode": "offset"}, 4),
        ("/wrapped", {}, {"mode": "offset", "items": "data.list", "size": 4, "size_parameter": "size"}, 2),
        ("/wrapped", {}, {"mode": "cursor", "items": "data.list", "next": "cursor"}, 3),
        (
            "/wrapped",
            {"method": "POST", "body": {"q": 1}},
            {"mode": "cursor", "items": "data.list", "next": "cursor", "place": "body"},
            3,
        ),
        ("/bare", {}, {"mode": "offset", "place": "headers", "parameter": "P-Offset", "size": 2}, 3),
        ("/bare", {"query": {"q": "x"}}, {"mode": "next_link", "interval": "10ms"}, 3),
    ],
)
async def test_pages(server: Server, call: Run, path: str, parameters: Any, pagination: Any, requests: int) -> None:
    server.replies[path] = listing(5)
    returned = await call({"url": f"{server.url}{path}", "pagination": pagination, **parameters}, idempotency_key="k")
    assert [item["json"] for item in returned.ports["main"]] == [{"n": number} for number in range(5)]
    assert len(server.received) == requests
    if "body" in parameters:
        assert [json.loads(one.body).get("q") for one in server.received] == [1, 1, 1]
        assert [one.headers["idempotency-key"] for one in server.received] == ["k", "k-1", "k-2"]


async def test_every_page_as_a_full_response(server: Server, call: Run) -> None:
    server.replies["/bare"] = listing(3)
    parameters = {"url": f"{server.url}/bare", "pagination": {"mode": "next_link"}, "full_response": True}
    returned = await call(parameters)
    assert [item["json"]["body"] for item in returned.ports["main"]] == [[{"n": 0}, {"n": 1}], [{"n": 2}]]


async def test_pages_have_a_limit(server: Server, call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    server.replies["/bare"] = listing(1000)
    logs: list[str] = []
    parameters = {"url": f"{server.url}/bare", "pagination": {"mode": "page", "limit": 3}}
    returned = await call(parameters, logs=logs)
    assert len(returned.ports["main"]) == 6
    assert logs[-1] == "stopped after 3 pages, though there are more"
    monkeypatch.setattr("nodes.action.http_request.OUTPUT_LIMIT", 100)
    with pytest.raises(PermanentError, match="the answer is larger than 100 bytes"):
        await call({"url": f"{server.url}/bare", "pagination": {"mode": "page"}})


async def test_a_credential_on_every_page(server: Server, call: Run) -> None:
    server.replies["/bare"] = listing(5)
    given = credential(HTTP_QUERY, name="key", value="k3y")
    await call({"url": f"{server.url}/bare", "pagination": {"mode": "next_link"}}, credential=given)
    assert [one.path.count("key=k3y") for one in server.received] == [1, 1, 1]


async def test_the_next_page_is_elsewhere(server: Server, call: Run) -> None:
    with serving() as other:
        server.replies["/x"] = Reply(body=b"[]", headers={"link": f'<{other.url}/y>; rel="next"'})
        other.replies["/y"] = Reply(body=b"[]")
        parameters = {"url": f"{server.url}/x", "headers": {"Authorization": "t", "Accept": "a/b"}}
        await call({**parameters, "pagination": {"mode": "next_link"}})
        (got,) = other.received
        assert ("authorization" in got.headers, got.headers["accept"]) == (False, "a/b")
        foreign = credential(HTTP_HEADER, name="X-Key", value="k3y", hosts=("127.0.0.1",))
        server.replies["/x"] = Reply(body=b"[]", headers={"link": '<http://127.0.0.2/y>; rel="next"'})
        with pytest.raises(PermanentError, match=r"may not be sent to 127\.0\.0\.2"):
            await call({"url": f"{server.url}/x", "pagination": {"mode": "next_link"}}, credential=foreign)


@pytest.mark.parametrize(
    ("reply", "pagination", "message"),
    [
        (Reply(body=b"{}"), {"mode": "page"}, r"the answer is an empty object; expected a list"),
        (Reply(body=b'{"a": 5}'), {"mode": "page", "items": "a"}, '"a" of the answer is the number 5; expected a list'),
        (Reply(body=b'{"n": "/x"}'), {"mode": "next_link", "next": "n"}, "the answer leads to itself"),
        (Reply(body=b'{"n": "?a=1"}'), {"mode": "next_link", "next": "n"}, "a second time"),
        (Reply(body=b'{"n": "c"}'), {"mode": "cursor", "next": "n"}, "a second time"),
        (
            Reply(body=b'{"n": {}}'),
            {"mode": "cursor", "next": "n"},
            '"n" of the answer is an empty object; expected text',
        ),
        (Reply(body=b'{"n": "http://a\\u0001/"}'), {"mode": "next_link", "next": "n"}, "which is no URL"),
        (Reply(body=b'{"n": "file:///x"}'), {"mode": "next_link", "next": "n"}, "must begin with http"),
        (Reply(500, b""), {"mode": "page"}, "answered 500"),
        (Reply(body=b"\xff", headers={"content-type": "image/png"}), {"mode": "page"}, "neither JSON nor text"),
        (Reply(body=b"<html>", headers={}), {"mode": "page"}, "the answer is no JSON"),
    ],
)
async def test_pages_that_lead_nowhere(server: Server, call: Run, reply: Reply, pagination: Any, message: str) -> None:
    server.replies["/x"] = reply
    with pytest.raises((PermanentError, RetryableError), match=message):
        await call({"url": f"{server.url}/x", "pagination": pagination})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"pagination": {"mode": "cursor"}}, '"pagination.next" is missing; mode "cursor" needs the path'),
        ({"pagination": {"mode": "pages"}}, '"pagination.mode" is the text "pages"; expected'),
        ({"pagination": {"limit": 5}}, '"pagination.mode" is missing'),
        ({"pagination": {"mode": "page", "limit": 0}}, '"pagination.limit" is the number 0; expected at least 1'),
        ({"pagination": {"mode": "page", "size_parameter": "n"}}, '"pagination.size" is missing'),
        ({"pagination": {"mode": "next_link", "start": 1}}, 'mode "next_link" sends none'),
        ({"pagination": {"mode": "page", "pages": 1}}, '"pagination.pages" is unknown'),
        ({"pagination": {"mode": "page"}, "response": "file"}, 'has a "pagination", which reads JSON'),
        ({"body_type": "xml"}, '"body_type" is the text "xml"; expected'),
        ({"response": "binary"}, '"response" is the text "binary"; expected'),
        ({"bodytype": "json"}, '"bodytype" is unknown; did you mean "body_type"?'),
    ],
)
def test_what_validation_says(problems: Callable[..., list[Problem]], parameters: Any, message: str) -> None:
    (problem,) = problems(KIND, url="https://example.com/", **parameters)
    assert message in problem.message

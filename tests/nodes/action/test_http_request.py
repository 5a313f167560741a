"""HTTP_REQUEST against a real server."""

import asyncio
import gzip
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from nodes.errors import PermanentError, RetryableError
from nodes.http import exchange
from nodes.http.egress import Egress

Run = Callable[..., Awaitable[Any]]
KIND = "ACTION.HTTP_REQUEST"


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    delay: float = 0
    cut: bool = False


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[Received] = []
        self.replies: dict[str, Reply] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *arguments: Any) -> None:
        """A client that hangs up is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def handle_any(self) -> None:
        length = int(self.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append(Received(self.command, self.path, headers, self.rfile.read(length)))
        reply = self.server.replies.get(self.path.partition("?")[0], Reply())
        time.sleep(reply.delay)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body) + (100 if reply.cut else 0)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.close_connection = self.close_connection or reply.cut

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_any

    def log_message(self, *arguments: Any) -> None:
        """Keeps the test's output clean."""


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(running: Server) -> Server:
    running.received.clear()
    running.replies.clear()
    return running


@pytest.fixture
async def call(execute: Run) -> AsyncIterator[Run]:
    http = Egress()

    async def send(parameters: dict[str, Any], **fields: Any) -> Any:
        return await execute(KIND, parameters, [{}], resources=SimpleNamespace(http=http), **fields)

    yield send
    await http.close()


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
    assert "after 7" in caught.value.hint


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
    monkeypatch.setattr(exchange, "OUTPUT_LIMIT", 100_000)
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
            {},
            r"\(image/png\) is neither JSON nor text",
        ),
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

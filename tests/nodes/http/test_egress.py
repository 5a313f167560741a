"""The one way out: redirects, credentials, limits, TLS."""

import asyncio
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import httpx2
import pytest
from pydantic import SecretStr

from nodes.credentials.credential import Credential
from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.http.authentication import HTTP_HEADER, HTTP_QUERY, HeaderFields, QueryFields, authorization
from nodes.http.client2 import Hook, open_client2
from nodes.http.egress import Egress
from nodes.http.exchange import retry_after, status_error
from tests.nodes.http.conftest import Internet
from tests.nodes.http.server import Reply
from tests.nodes.http.server2 import Network2

SECRET = "s3cr3t value"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def header_credential(*hosts: str) -> Credential:
    fields = HeaderFields(name="X-Api-Key", value=SecretStr(SECRET))
    return Credential("c1", "the shop", HTTP_HEADER, fields, hosts or ("example.com",))


def query_credential(*hosts: str) -> Credential:
    fields = QueryFields(name="key", value=SecretStr(SECRET))
    return Credential("c1", "the shop", HTTP_QUERY, fields, hosts or ("example.com",))


def to(location: str, status: int = 302) -> Reply:
    return Reply(status, b"", {"location": location})


def client2(egress: Egress, internet: Internet, *, headers: Any = None, hook: Hook | None = None) -> httpx2.AsyncClient:
    network = Network2(internet.network)
    return open_client2(egress._gate, internet.tls, headers=headers or {}, hook=hook, timeout=5, network=network)


async def get(
    egress: Egress, url: str, *, headers: Any = None, credential: Credential | None = None, **more: Any
) -> Any:
    proof = authorization(credential).headers if credential else {}
    request = egress.build("GET", url, headers={**(headers or {}), **proof})
    return await egress.send(request, credential=credential, **more)


async def test_a_credential_stays_with_its_origin(internet: Internet, egress: Egress) -> None:
    internet.secure.replies |= {"/here": to("/there"), "/there": to("https://other.example/end?key=s3cr3t+value&a=1")}
    headers = {"authorization": "Bearer t", "cookie": "c=1", "x-own": "mine", "accept": "text/csv"}
    answer = await get(egress, "https://example.com/here", headers=headers, credential=header_credential())
    assert answer.status == 200
    first, second, third = internet.secure.received
    for own in (first, second):
        assert (own.headers["x-api-key"], own.headers["authorization"]) == (SECRET, "Bearer t")
    assert third.host == "other.example"
    assert third.path == "/end?a=1"
    assert third.headers["accept"] == "text/csv"
    assert not {"x-api-key", "authorization", "cookie", "x-own"} & third.headers.keys()


async def test_what_was_dropped_doesnt_come_back(internet: Internet, egress: Egress) -> None:
    internet.secure.replies |= {
        "example.com/a": to("https://other.example/b"),
        "other.example/b": to("https://example.com/c"),
    }
    await get(egress, "https://example.com/a", headers={"authorization": "Bearer t"}, credential=header_credential())
    assert [one.headers.get("x-api-key") for one in internet.secure.received] == [SECRET, None, None]
    assert [one.headers.get("authorization") for one in internet.secure.received] == ["Bearer t", None, None]


@pytest.mark.parametrize("host", ["example.com", "other.example"])
async def test_no_credential_without_encryption(internet: Internet, egress: Egress, host: str) -> None:
    internet.secure.replies["/down"] = to(f"http://{host}/")
    with pytest.raises(PermanentError, match=f"from https://example.com to http://{host}") as caught:
        await get(egress, "https://example.com/down", credential=header_credential())
    assert caught.value.code == "REDIRECT_REFUSED"
    with pytest.raises(PermanentError):
        await get(egress, "https://example.com/down", headers={"authorization": "Bearer t"})
    assert internet.plain.received == []
    await get(egress, "https://example.com/down")
    assert len(internet.plain.received) == 1


async def test_an_upgrade_keeps_the_credential(internet: Internet, egress: Egress) -> None:
    internet.plain.replies["/up"] = to("https://example.com/")
    await get(egress, "http://example.com/up", credential=header_credential())
    assert internet.secure.received[0].headers["x-api-key"] == SECRET


async def test_a_credentials_hosts(internet: Internet, egress: Egress) -> None:
    with pytest.raises(
        PermanentError, match=r'"the shop" may not be sent to other\.example; its hosts are: exam'
    ) as caught:
        await get(egress, "https://other.example/", credential=header_credential())
    assert caught.value.code == "CREDENTIAL_HOST"
    assert internet.secure.received == []
    await get(egress, "https://EXAMPLE.com./", credential=header_credential())
    await get(egress, "https://api.example.com/", credential=header_credential("*.example.com"))
    assert len(internet.secure.received) == 2


@pytest.mark.parametrize(
    ("location", "sent"),
    [("https://other.example/?key=s3cr3t%20value&b=2", "/?b=2"), ("https://other.example/?a=s3cr3t+value", "/")],
)
async def test_a_query_credential_isnt_passed_on(internet: Internet, egress: Egress, location: str, sent: str) -> None:
    internet.secure.replies["/q"] = to(location)
    request = egress.build("GET", "https://example.com/q", query={"key": SECRET})
    await egress.send(request, credential=query_credential())
    assert internet.secure.received[1].path == sent


async def test_a_credential_hidden_elsewhere_stops_a_redirect(internet: Internet, egress: Egress) -> None:
    internet.secure.replies |= {
        "/path": to("https://other.example/s3cr3t%20value/"),
        "/body": to("https://other.example/", 307),
    }
    with pytest.raises(PermanentError, match="would take a credential's value there"):
        await get(egress, "https://example.com/path", credential=header_credential())
    request = egress.build("POST", "https://example.com/body", content=b"client_secret=s3cr3t+value")
    with pytest.raises(PermanentError, match="would take a credential's value there") as caught:
        await egress.send(request, credential=header_credential())
    assert caught.value.code == "CREDENTIAL_HOST"
    assert [one.host for one in internet.secure.received] == ["example.com", "example.com"]


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
async def test_what_becomes_of_a_post(internet: Internet, egress: Egress, status: int, method: str) -> None:
    internet.secure.replies["/from"] = to("/to", status)
    await egress.send(egress.build("POST", "https://example.com/from", json={"a": 1}))
    last = internet.secure.received[-1]
    assert (last.method, last.body) == (method, b'{"a":1}' if method == "POST" else b"")


async def test_too_many_redirects(internet: Internet, egress: Egress) -> None:
    internet.secure.replies["/loop"] = to("/loop")
    with pytest.raises(PermanentError, match="more than 10 redirects") as caught:
        await get(egress, "https://example.com/loop")
    assert caught.value.code == "TOO_MANY_REDIRECTS"
    assert len(internet.secure.received) == 11


@pytest.mark.parametrize(
    "location", ["ftp://example.com/", "javascript:alert(1)", "http://a:99999999/", "http://\x7f/"]
)
async def test_redirects_to_nowhere(internet: Internet, egress: Egress, location: str) -> None:
    internet.secure.replies["/from"] = to(location)
    with pytest.raises(PermanentError):
        await get(egress, "https://example.com/from")


async def test_the_address_that_was_checked_is_connected_to(
    make_egress: Callable[..., Egress], internet: Internet
) -> None:
    asked: list[str] = []

    async def resolver(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    network = internet.network
    egress = make_egress(resolver=resolver, network=network)
    await get(egress, "http://rebind.example/")
    assert (asked, network.connected) == (["rebind.example"], [("93.184.216.34", 80)])


async def test_another_address_is_tried(make_egress: Callable[..., Egress], internet: Internet) -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    egress = Egress(make_egress("127.0.0.0/8")._gate._policy, resolver=resolver, tls=internet.tls)
    answer = await get(egress, f"http://two.example:{internet.plain.server_port}/")
    assert answer.status == 200
    await egress.close()


async def test_tls_is_by_the_name(make_egress: Callable[..., Egress], internet: Internet, egress: Egress) -> None:
    assert (await get(egress, "https://example.com/")).status == 200
    for url in ("https://elsewhere.example/", "https://93.184.216.34/"):
        with pytest.raises(PermanentError, match="certificate isn't valid") as caught:
            await get(egress, url)
        assert caught.value.code == "TLS"


async def test_an_unknown_authority(internet: Internet) -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        return ["93.184.216.34"]

    egress = Egress(resolver=resolver, network=internet.network)
    with pytest.raises(PermanentError, match="certificate isn't valid: self-signed"):
        await get(egress, "https://example.com/")
    await egress.close()


async def test_proxies_of_the_environment_arent_used(
    internet: Internet, make_egress: Callable[..., Egress], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert (await get(make_egress(), "http://example.com/")).status == 200


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(bytes(100 << 20)), "gzip"),
        (zlib.compress(bytes(100 << 20)), "deflate"),
        (b"".join(gzip.compress(bytes(10 << 20)) for _ in range(10)), "gzip"),
        (bytes(1 << 20), "identity"),
    ],
)
async def test_bombs_stop_early(internet: Internet, egress: Egress, body: bytes, encoding: str) -> None:
    internet.secure.replies["/bomb"] = Reply(200, body, {"content-encoding": encoding})
    with pytest.raises(PermanentError, match="larger than 100000 bytes") as caught:
        await get(egress, "https://example.com/bomb", limit=100_000)
    assert caught.value.code == "RESPONSE_TOO_LARGE"


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "gzip, deflate"])
async def test_packings_that_nobody_asked_for(internet: Internet, egress: Egress, encoding: str) -> None:
    internet.secure.replies["/bomb"] = Reply(
        200, gzip.compress(gzip.compress(bytes(1 << 20))), {"content-encoding": encoding}
    )
    async with client2(egress, internet) as other:
        for client in (egress.client, other):
            with pytest.raises(PermanentError, match="can't be unpacked: it is packed as") as caught:
                await client.request("GET", "https://example.com/bomb")
            assert caught.value.code == "INVALID_RESPONSE"


def endless_headers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(100_000):
        yield f"x-{number}: {'a' * 100}\r\n".encode()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (endless_headers, "RESPONSE_TOO_LARGE"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300 + b"\r\n", "RESPONSE_TOO_LARGE"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", "RESPONSE_TOO_LARGE"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "INVALID_RESPONSE"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "INVALID_RESPONSE"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "INVALID_RESPONSE"),
        (b"", "CONNECTION_FAILED"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc", "CONNECTION_FAILED"),
    ],
)
async def test_answers_that_are_none(internet: Internet, egress: Egress, raw: Any, code: str) -> None:
    internet.plain.replies["/raw"] = Reply(raw=raw)
    with pytest.raises(NodeError) as caught:
        await get(egress, "http://example.com/raw")
    assert caught.value.code == code
    assert isinstance(caught.value, RetryableError) == (code == "CONNECTION_FAILED")


async def test_the_time_is_for_all_of_it(internet: Internet, egress: Egress) -> None:
    internet.secure.replies |= {
        "/drip": Reply(body=b"x" * 100, drip=0.05),
        "/hop": lambda _: Reply(302, b"", {"location": "/hop"}, delay=0.05),
    }
    for path in ("drip", "hop"):
        started = asyncio.get_running_loop().time()
        with pytest.raises(RetryableError, match=r"no complete answer within 0\.2 s") as caught:
            await get(egress, f"https://example.com/{path}", timeout=0.2)
        assert caught.value.code == "TIMEOUT"
        assert asyncio.get_running_loop().time() - started < 1


async def test_a_timeout_of_ones_own_inside_stays_what_it_is(internet: Internet, egress: Egress) -> None:
    with pytest.raises(TimeoutError, match="mine"):
        async with egress.stream(egress.build("GET", "https://example.com/")):
            raise TimeoutError("mine")


async def test_an_answer_in_pieces(internet: Internet, egress: Egress) -> None:
    body = b"0123456789" * 100_000
    internet.secure.replies |= {
        "/from": to("/file"),
        "/file": Reply(200, gzip.compress(body), {"content-encoding": "gzip", "content-type": "Text/CSV; charset=x"}),
    }
    async with egress.stream(egress.build("GET", "https://example.com/from")) as incoming:
        assert (incoming.status, incoming.content_type, incoming.url.path) == (200, "text/csv", "/file")
        assert "content-encoding" not in incoming.headers
        pieces = [piece async for piece in incoming.chunks()]
    assert b"".join(pieces) == body
    assert len(pieces) > 1


async def test_a_redirect_with_an_endless_body(internet: Internet, egress: Egress) -> None:
    reply = Reply(302, gzip.compress(bytes(50 << 20)), {"location": "/", "content-encoding": "gzip"})
    internet.secure.replies["/from"] = reply
    with pytest.raises(PermanentError, match="larger than 1 MiB"):
        await get(egress, "https://example.com/from", limit=1 << 50)


async def test_leaving_early_frees_the_connection(internet: Internet, egress: Egress) -> None:
    internet.secure.replies["/drip"] = Reply(body=b"x" * 100, drip=0.05)
    async with egress.stream(egress.build("GET", "https://example.com/drip")) as incoming:
        async for _ in incoming.chunks():
            break
    assert (await get(egress, "https://example.com/")).status == 200


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("999999999999999", 3600.0),
        ("Sun, 22 Nov 2026 12:01:30 GMT", 90.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Mon, 22 Nov 2027 11:00:00 GMT", 3600.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, NOW) == seconds


async def test_a_refused_credential_is_named(internet: Internet, egress: Egress) -> None:
    internet.secure.replies["/"] = Reply(401, b"no", {})
    request = egress.build("GET", "https://example.com/")
    error = status_error(request, await egress.send(request, credential=header_credential()))
    assert error.code == "CREDENTIAL_REJECTED"
    assert 'the credential "the shop" was refused' in error.message
    without = egress.build("GET", "https://example.com/")
    assert status_error(without, await egress.send(without)).code == "HTTP_STATUS"


async def test_a_busy_server_says_when(internet: Internet, egress: Egress) -> None:
    internet.secure.replies["/"] = Reply(429, b"slow down", {"retry-after": "12"})
    request = egress.build("GET", "https://example.com/")
    error = status_error(request, await egress.send(request))
    assert isinstance(error, RetryableError)
    assert error.retry_after == 12
    assert "after 12 s" in error.hint


async def test_the_httpx2_client_keeps_the_same_rules(internet: Internet, egress: Egress) -> None:
    seen: list[int] = []

    async def hook(response: Any) -> None:
        seen.append(response.status_code)

    internet.secure.replies |= {
        "example.com/a": to("https://other.example/b"),
        "other.example/b": Reply(200, gzip.compress(b"hello"), {"content-encoding": "gzip"}),
        "/huge": Reply(200, gzip.compress(bytes(65 << 20)), {"content-encoding": "gzip"}),
        "/in": to("http://10.0.0.1/"),
    }
    headers = {"authorization": "Bearer t", "x-api-key": "k"}
    client = client2(egress, internet, headers=headers, hook=hook)
    async with client:
        answer = await client.get("https://example.com/a")
        assert (answer.text, seen) == ("hello", [302, 200])
        first, second = internet.secure.received
        assert first.headers["x-api-key"] == "k"
        assert not {"x-api-key", "authorization"} & second.headers.keys()
        with pytest.raises(PermanentError, match="larger than 64 MiB"):
            await client.get("https://example.com/huge")
        with pytest.raises(PermanentError, match="isn't allowed"):
            await client.get("https://example.com/in", headers={"authorization": ""})


async def test_cookies_arent_kept(internet: Internet, egress: Egress) -> None:
    internet.secure.replies["/"] = lambda received: Reply(headers={"set-cookie": "a=1; Path=/"})
    await get(egress, "https://example.com/")
    await get(egress, "https://example.com/")
    assert all("cookie" not in one.headers for one in internet.secure.received)


def test_a_url_that_is_none(egress: Egress) -> None:
    for url in ("http://[::1", "example.com", "http://"):
        with pytest.raises(PermanentError) as caught:
            egress.build("GET", url)
        assert caught.value.code == "INVALID_PARAMETER"
    assert isinstance(egress.client, httpx.AsyncClient)

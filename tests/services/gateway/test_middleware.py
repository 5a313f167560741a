"""What every request passes: hosts, addresses behind proxies, limits, other origins, the log, files of the web."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.gateway.clients import ClientAddress, address_of
from services.gateway.contract import KNOWN
from services.gateway.options import Options, parse_networks
from services.gateway.rates import Buckets
from services.gateway.site import Site
from services.gateway.web import web
from services.store.keyring import read_keys
from tests.services.conftest import SECRET_KEY
from tests.services.gateway.conftest import UNUSED, Gateway, served

PROXIES = parse_networks("10.0.0.0/8, 127.0.0.1, ::1")
ADDRESSES = [
    ("no proxy", "203.0.113.7", "198.51.100.1", "203.0.113.7"),
    ("one proxy", "10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ("made up before it", "10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
    ("two proxies", "10.0.0.1", "1.1.1.1, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
    ("nothing", "10.0.0.1", "", "10.0.0.1"),
    ("no address", "10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
    ("a port", "10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
    ("version 6", "10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
]


@pytest.mark.parametrize(("peer", "given", "address"), [pytest.param(*row[1:], id=row[0]) for row in ADDRESSES])
async def test_addresses(peer: str, given: str, address: str) -> None:
    async def show(request: Request) -> JSONResponse:
        return JSONResponse([address_of(request), request.url.scheme])

    app = ClientAddress(Starlette(routes=[Route("/", show)]), PROXIES)
    transport = httpx.ASGITransport(app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.get("/", headers={"x-forwarded-for": given, "x-forwarded-proto": "https"})
    trusted = peer.startswith("10.")
    assert answer.json() == [address, "https" if trusted else "http"]


async def test_buckets_fill_up() -> None:
    now = 0.0
    buckets = Buckets(60, clock=lambda: now)
    assert [await buckets.take("a") for _ in range(15)] == [0.0] * 15
    assert await buckets.take("a") == pytest.approx(1.0)
    assert await buckets.take("b") == 0.0
    now = 1.0
    assert await buckets.take("a") == 0.0
    assert await buckets.take("a") > 0


def site(channel: grpc.aio.Channel, **given: Any) -> Site:
    ring = read_keys(SECRET_KEY)
    return Site(UNUSED, channel, "http://flows.example", ring, services=KNOWN, **given)


@pytest.fixture
async def local(auth_channel: grpc.aio.Channel) -> AsyncIterator[Gateway]:
    async for gateway in served(site(auth_channel, local=True)):
        yield gateway


@pytest.fixture
async def limited(auth_channel: grpc.aio.Channel) -> AsyncIterator[Gateway]:
    options = Options(parse_networks("127.0.0.1"), ("https://app.example",), 8)
    async for gateway in served(site(auth_channel, options=options)):
        yield gateway


HOSTS = [("localhost:80", 200), ("127.0.0.1", 200), ("[::1]:1", 200), ("flows.example", 200), ("evil.example", 403)]
HOSTS += [("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403), ("", 400), ("a@localhost", 400)]


@pytest.mark.parametrize(("host", "status"), HOSTS)
async def test_a_local_server_answers_as_itself_only(local: Gateway, host: str, status: int) -> None:
    answer = await local.client.get("/docs", headers={"host": host})
    assert answer.status_code == status


async def test_too_many_requests(limited: Gateway) -> None:
    answers = [await limited.client.get("/docs") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["reason"] == "RATE_LIMITED"
    other = await limited.client.get("/docs", headers={"x-forwarded-for": "198.51.100.1"})
    assert other.status_code == 200
    assert (await limited.client.get("/healthz")).status_code == 200


async def test_other_origins_that_may_call(limited: Gateway) -> None:
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    for origin, allowed in (("https://app.example", "https://app.example"), ("https://evil.example", None)):
        headers = asks | {"origin": origin, "x-forwarded-for": f"198.51.100.{len(origin)}"}
        answer = await limited.client.options("/api/v1/workspaces", headers=headers)
        assert answer.headers.get("access-control-allow-origin") == allowed
        assert "access-control-allow-credentials" not in answer.headers


async def test_https_is_kept(limited: Gateway) -> None:
    answer = await limited.client.get("/docs", headers={"x-forwarded-proto": "https"})
    assert answer.headers["strict-transport-security"].startswith("max-age=")


async def test_the_log_has_no_secrets(local: Gateway) -> None:
    with structlog.testing.capture_logs() as lines:
        await local.client.get("/docs?token=sesame")
        await local.client.post("/webhook-test/sesame", content=b"sesame", headers={"authorization": "Bearer sesame"})
    logged = [line for line in lines if line["event"] == "http request"]
    assert [(line["path"], line["status"]) for line in logged] == [("/docs", 200), ("/webhook-test/…", 404)]
    assert "sesame" not in str(logged)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>web</title>")
    (folder / "assets" / "a-1234.js").write_text("1")
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    return folder


WEB = [
    ("/", 200, "no-cache"),
    ("/executions/01-a", 200, "no-cache"),
    ("/assets/a-1234.js", 200, "public, max-age=31536000, immutable"),
    ("/assets/gone.js", 404, None),
    ("/other", 404, None),
    ("/../secret", 404, None),
    ("/%2e%2e/secret", 404, None),
    ("/link", 404, None),
    ("/%00", 404, None),
]


@pytest.mark.parametrize(("path", "status", "cached"), WEB)
async def test_the_web(built: Path, path: str, status: int, cached: str | None) -> None:
    app = Starlette()
    app.router.default = web(built)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        answer = await client.get(path)
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["cache-control"] == cached


async def test_a_web_that_is_not_built_says_so(tmp_path: Path) -> None:
    app = Starlette()
    app.router.default = web(tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        answer = await client.get("/inbox")
    assert answer.status_code == 503
    assert "The web isn’t built" in answer.text

"""Signing in with a browser: cookies, renewal, and proofs that a page of ours asks."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import grpc
import httpx
import pytest

from services.gateway.contract import KNOWN
from services.gateway.csrf import Csrf
from services.gateway.session import local_path
from services.gateway.site import Site
from services.identity.caller import current_caller
from services.store.keyring import read_keys
from tests.services.conftest import SECRET_KEY
from tests.services.gateway.conftest import UNUSED, Gateway, People, served

SESSION = "/api/v1/session"
WORKSPACES = "/api/v1/workspaces"
CREDENTIALS = {"email": "ada@example.com", "password": "right"}


async def signed_in(gateway: Gateway) -> str:
    """The session's CSRF token."""
    answer = await gateway.client.post(SESSION, json=CREDENTIALS, headers={"origin": gateway.url})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["csrfToken"])


async def test_tokens_are_in_cookies_alone(signing: Gateway) -> None:
    answer = await signing.client.post(SESSION, json=CREDENTIALS)
    assert "refresh-s1" not in answer.text
    assert "tokens" not in answer.json()
    given = answer.headers.get_list("set-cookie")
    assert len(given) == 2
    for cookie in given:
        assert {"httponly", "path=/", "samesite=lax"} <= {part.strip().lower() for part in cookie.split(";")}
    who = await signing.client.get(SESSION)
    assert who.json()["user"]["id"] == "u1"
    assert who.json()["csrfToken"] == answer.json()["csrfToken"]


async def test_beyond_this_machine_cookies_are_for_https(signing: Gateway) -> None:
    answer = await signing.client.post(SESSION, json=CREDENTIALS, headers={"host": "flows.example"})
    for cookie in answer.headers.get_list("set-cookie"):
        assert cookie.startswith("__Host-")
        assert "; secure" in cookie.lower()


async def test_nobody_is_let_in_without_the_password(signing: Gateway) -> None:
    answer = await signing.client.post(SESSION, json=CREDENTIALS | {"password": "wrong"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert "set-cookie" not in answer.headers
    assert (await signing.client.get(SESSION)).status_code == 401


async def test_signing_out_ends_the_session(signing: Gateway, people: People) -> None:
    csrf = await signed_in(signing)
    refused = await signing.client.delete(SESSION, headers={"origin": signing.url})
    assert (refused.status_code, refused.json()["reason"]) == (403, "CSRF")
    answer = await signing.client.delete(SESSION, headers={"origin": signing.url, "x-csrf-token": csrf})
    assert answer.status_code == 204
    assert not people.sessions
    assert not signing.client.cookies
    assert (await signing.client.get(SESSION)).status_code == 401


CSRF: list[tuple[str, dict[str, str], int]] = [
    ("all", {"origin": "ours", "x-csrf-token": "ours"}, 200),
    ("fetch site", {"sec-fetch-site": "same-origin", "x-csrf-token": "ours"}, 200),
    ("no token", {"origin": "ours"}, 403),
    ("wrong token", {"origin": "ours", "x-csrf-token": "x" * 43}, 403),
    ("no text", {"origin": "ours", "x-csrf-token": "é"}, 403),
    ("no origin", {"x-csrf-token": "ours"}, 403),
    ("another origin", {"origin": "https://evil.example", "x-csrf-token": "ours"}, 403),
    ("a sibling", {"sec-fetch-site": "same-site", "x-csrf-token": "ours"}, 403),
    ("a form's type", {"origin": "ours", "content-type": "application/x-www-form-urlencoded"}, 403),
]


@pytest.mark.parametrize(("headers", "status"), [pytest.param(*row[1:], id=row[0]) for row in CSRF])
async def test_cookies_change_nothing_without_a_proof(signing: Gateway, headers: dict[str, str], status: int) -> None:
    csrf = await signed_in(signing)
    ours = {"origin": signing.url, "x-csrf-token": csrf}
    given = {name: (ours[name] if value == "ours" else value).encode("utf-8") for name, value in headers.items()}
    answer = await signing.client.post(WORKSPACES, json={"name": "n"}, headers=given)
    assert answer.status_code == status, answer.text


async def test_a_token_of_another_session_proves_nothing(signing: Gateway) -> None:
    await signed_in(signing)
    other = Csrf(signing.site.keys).token("s2")
    answer = await signing.client.post(WORKSPACES, json={}, headers={"origin": signing.url, "x-csrf-token": other})
    assert (answer.status_code, answer.json()["reason"]) == (403, "CSRF")


async def test_bearers_need_no_proof(signing: Gateway, people: People) -> None:
    await signed_in(signing)
    access = next(token for token in people.sessions if token.startswith("e30"))
    signing.client.cookies.clear()
    headers = {"authorization": f"Bearer {access}", "x-workspace": "w1"}
    answer = await signing.client.post(WORKSPACES, json={"name": "n"}, headers=headers)
    assert answer.json()["workspace"]["name"] == "n"
    carried = people.metadata[-1]
    assert (carried["x-workspace"], carried["x-client-address"], carried["x-via"]) == ("w1", "127.0.0.1", "rest")
    bad = await signing.client.get(SESSION, headers={"authorization": b"Bearer \xe9"})
    assert (bad.status_code, bad.json()["reason"]) == (400, "BAD_HEADER")


async def test_a_session_is_renewed_once_for_all_requests(signing: Gateway, people: People) -> None:
    people.seconds = 5
    await signed_in(signing)
    before = dict(signing.client.cookies)
    answers = await asyncio.gather(*(signing.client.get(SESSION) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert people.refreshed == 1
    assert dict(signing.client.cookies) != before
    assert (await signing.client.get(SESSION)).status_code == 200
    assert people.refreshed == 1


async def test_a_session_that_is_over_is_forgotten(signing: Gateway, people: People) -> None:
    people.seconds = 5
    await signed_in(signing)
    people.sessions.clear()
    answer = await signing.client.get(SESSION)
    assert answer.status_code == 401
    assert not signing.client.cookies


async def test_the_page_works_without_javascript(signing: Gateway) -> None:
    page = await signing.client.get("/signin", params={"next": "/inbox"})
    assert '<form method="post" action="/signin">' in page.text
    assert "<script" not in page.text
    form = CREDENTIALS | {"next": "/inbox"}
    wrong = await signing.client.post("/signin", data=form | {"password": '"><b>'}, headers={"origin": signing.url})
    assert wrong.status_code == 401
    assert 'role="alert"' in wrong.text
    assert "<b>" not in wrong.text
    right = await signing.client.post("/signin", data=form, headers={"origin": signing.url})
    assert (right.status_code, right.headers["location"]) == (303, "/inbox")
    assert (await signing.client.get(SESSION)).status_code == 200
    other = await signing.client.post("/signin", data=form, headers={"origin": "https://evil.example"})
    assert other.status_code == 403


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "", "x", "/a\r\nb", "/é"]
)
def test_nobody_is_sent_elsewhere(path: str) -> None:
    assert local_path(path) == "/"


@dataclass
class Provider:
    """Signs in whoever brings the code."""

    people: People
    caller: Any = None
    configured: bool = True

    async def begin(self, redirect_uri: str) -> Any:
        return SimpleNamespace(url=f"https://id.example/auth?redirect_uri={redirect_uri}", state="state-1")

    async def finish(self, state: str, code: str, error: str = "") -> Any:
        from services.errors import precondition

        self.caller = current_caller()
        if not code:
            raise precondition("SIGN_IN_REFUSED", f"the OpenID provider gave no code ({error})")
        tokens = self.people._tokens("s9")
        until = datetime.now(UTC) + timedelta(days=1)
        given = SimpleNamespace(
            access_token=tokens.access_token, refresh_token=tokens.refresh_token, refresh_expires_at=until
        )
        return SimpleNamespace(tokens=given)


@pytest.fixture
def provider(people: People) -> Provider:
    return Provider(people)


@pytest.fixture
async def signing_on(auth_channel: grpc.aio.Channel, provider: Provider) -> AsyncIterator[Gateway]:
    ring = read_keys(SECRET_KEY)
    site = Site(UNUSED, auth_channel, "http://127.0.0.1", ring, sign_on=provider, services=KNOWN)
    async for gateway in served(site):
        yield gateway


async def test_an_openid_provider_signs_in(signing_on: Gateway, provider: Provider) -> None:
    client = signing_on.client
    assert "/oauth/login?next=/inbox" in (await client.get("/signin?next=/inbox")).text
    sent = await client.get("/oauth/login?next=/inbox")
    assert (sent.status_code, sent.headers["location"].partition("?")[0]) == (303, "https://id.example/auth")
    back = await client.get("/oauth/callback", params={"state": "state-1", "code": "c"})
    assert (back.status_code, back.headers["location"]) == (303, "/inbox")
    assert (provider.caller.address, provider.caller.via) == ("127.0.0.1", "web")
    assert (await client.get(SESSION)).json()["user"]["id"] == "u1"


async def test_only_the_browser_that_began_finishes(
    signing_on: Gateway, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nowhere(site: Site, state: str) -> str:
        return ""

    monkeypatch.setattr("services.gateway.oauth._workspace", nowhere)
    back = await signing_on.client.get("/oauth/callback", params={"state": "state-1", "code": "c"})
    # It is taken for a consent's, which this API doesn't know.
    assert back.status_code == 501
    assert provider.caller is None
    await signing_on.client.get("/oauth/login")
    denied: httpx.Response = await signing_on.client.get(
        "/oauth/callback", params={"state": "state-1", "error": "<b>denied"}, headers={"accept": "text/html"}
    )
    assert denied.status_code == 400
    assert "&lt;b&gt;denied" in denied.text

"""What is asked of an authorization server, and what its answers mean."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from nodes.credentials.credential import CredentialFields, CredentialType, OAuth2
from nodes.credentials.oauth2 import Client, client_of
from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.http.authentication import OAUTH2
from nodes.http.egress import Egress
from nodes.http.exchange import Answer

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
# The example of RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
FIELDS = {
    "authorize_url": "https://auth.example.com/authorize?tenant=7&state=old",
    "token_url": "https://auth.example.com/token",
    "client_id": "us",
    "client_secret": "client-secret",
    "scopes": ["read", "write"],
}


class Answering:
    """Stands for the egress client: notes requests, gives one answer. The real servers are in tests/services."""

    def __init__(self, status: int, body: str, content_type: str = "application/json") -> None:
        self.answer = Answer(status, httpx.Headers({"content-type": content_type}), body.encode())
        self.requests: list[httpx.Request] = []
        self.options: dict[str, Any] = {}

    def build(self, method: str, url: str, *, headers: dict[str, str], content: bytes) -> httpx.Request:
        return httpx.Request(method, url, headers=headers, content=content)

    async def send(self, request: httpx.Request, **options: Any) -> Answer:
        self.requests.append(request)
        self.options = options
        return self.answer


def client(**changes: Any) -> Client:
    return client_of(OAUTH2, OAUTH2.fields.model_validate(FIELDS | changes))


def test_the_consent_has_state_and_a_hashed_verifier() -> None:
    url = urlsplit(client().consent_url("https://us.example.com/back", "the-state", VERIFIER))
    query = parse_qs(url.query)
    assert url.hostname == "auth.example.com"
    assert query == {
        "tenant": ["7"],
        "response_type": ["code"],
        "client_id": ["us"],
        "redirect_uri": ["https://us.example.com/back"],
        "state": ["the-state"],
        "scope": ["read write"],
        "code_challenge": ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
        "code_challenge_method": ["S256"],
    }
    assert "client-secret" not in url.query


def test_a_type_knows_its_addresses() -> None:
    class Fields(CredentialFields):
        client_id: str
        client_secret: str

    said = OAuth2("https://a.example.com/auth", "https://a.example.com/token", ("mail",), (("access_type", "offline"),))
    kind = CredentialType("example", "Example", Fields, oauth2=said)
    made = client_of(kind, Fields(client_id="us", client_secret="s"))
    query = parse_qs(urlsplit(made.consent_url("https://b/", "s", "v")).query)
    assert query["access_type"] == ["offline"]
    assert query["scope"] == ["mail"]
    assert (made.token_url, made.authentication) == ("https://a.example.com/token", "body")


@pytest.mark.parametrize(
    ("body", "content_type", "expires", "scopes"),
    [
        (json.dumps({"access_token": "t", "expires_in": 60}), "application/json", 60, ()),
        (json.dumps({"access_token": "t", "expires_in": "60", "scope": "a b"}), "application/json", 60, ("a", "b")),
        (json.dumps({"access_token": "t", "expires_in": 0, "scope": "a,b"}), "application/json", None, ("a", "b")),
        ("access_token=t&expires_in=60&token_type=bearer", "application/x-www-form-urlencoded", 60, ()),
    ],
)
async def test_answers(body: str, content_type: str, expires: int | None, scopes: tuple[str, ...]) -> None:
    http = Answering(200, body, content_type)
    tokens = await client(client_authentication="body").refresh(cast(Egress, http), "refresh-1", NOW)
    assert tokens.access_token == "t"
    assert tokens.refresh_token == "refresh-1"
    assert tokens.expires_at == (NOW + timedelta(seconds=expires) if expires else None)
    assert tokens.scopes == scopes
    assert "refresh-1" not in repr(tokens)
    assert http.options["follow_redirects"] is False
    sent = parse_qs(http.requests[0].content.decode())
    assert sent["client_secret"] == ["client-secret"]
    assert sent["grant_type"] == ["refresh_token"]


async def test_basic_authentication_escapes_both_parts() -> None:
    http = Answering(200, '{"access_token": "t"}')
    made = client(client_id="a:b", client_secret="c d", client_authentication="basic")
    await made.own(cast(Egress, http), NOW)
    assert http.requests[0].headers["authorization"] == "Basic YSUzQWI6YyUyMGQ="
    assert b"client_secret" not in http.requests[0].content


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, '{"error": "invalid_grant"}', PermanentError, "CREDENTIAL_EXPIRED"),
        (
            400,
            '{"error": "invalid_client", "error_description": "client-secret?"}',
            PermanentError,
            "CREDENTIAL_REFUSED",
        ),
        (200, '{"error": "bad_verification_code"}', PermanentError, "CREDENTIAL_REFUSED"),
        (200, "{}", PermanentError, "CREDENTIAL_REFUSED"),
        (200, "<html>login=1</html>", PermanentError, "CREDENTIAL_REFUSED"),
        (302, "", PermanentError, "CREDENTIAL_REFUSED"),
        (503, "busy", RetryableError, "TOKEN_UNAVAILABLE"),
        (429, '{"error": "slow_down"}', RetryableError, "TOKEN_UNAVAILABLE"),
    ],
)
async def test_refusals(status: int, body: str, kind: type[NodeError], code: str) -> None:
    with pytest.raises(kind, match=r"auth\.example\.com") as caught:
        await client().refresh(cast(Egress, Answering(status, body)), "refresh-1", NOW)
    assert caught.value.code == code
    assert "client-secret" not in caught.value.message

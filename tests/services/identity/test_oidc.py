"""Signing in by an OpenID provider: a small one of our own, whose tokens may be wrong in every way."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy
from services.errors import ServiceError
from services.identity.caller import Role
from services.identity.identity import Identity
from services.identity.oidc import Oidc
from services.identity.provider import Provider
from services.settings import SettingsError, load_settings
from services.store.engine import Database
from services.store.identity import members, users
from services.store.listen import Listener
from tests.services.conftest import api_settings

REDIRECT = "http://127.0.0.1:9/oauth/callback"
CLIENT, SECRET = "orchestrator", "the client's secret"


@dataclass
class OpenId:
    """A provider at which everybody consents at once. `changes` are what its ID tokens say otherwise."""

    url: str = ""
    keys: list[Any] = field(default_factory=lambda: [RSAKey.generate_key(2048, {"kid": "r1"})])
    algorithm: str = "RS256"
    changes: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    signing: Any = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """What discovery says."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }

    def consent(self, url: str) -> tuple[str, str]:
        """What a browser brings back: the state and the code."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT, "openid email profile")
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return asked["state"], code

    def id_token(self, nonce: str) -> str:
        """Signed, and wrong as the test wants it."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "sub": "sub-1", "exp": now + 60, "iat": now, "nonce": nonce}
        claims |= {"email": "Ada@Example.org", "email_verified": True, "name": "Ada"}
        claims = {name: value for name, value in (claims | self.changes).items() if value is not None}
        key = self.signing or self.keys[0]
        header = {"alg": self.algorithm, "kid": key.kid} | self.header
        return jwt.encode(header, claims, key, algorithms=[self.algorithm])

    async def discover(self, request: Request) -> Response:
        self.fetched.append("discovery")
        return JSONResponse(self.document())

    async def key_set(self, request: Request) -> Response:
        self.fetched.append("keys")
        return JSONResponse(KeySet(self.keys).as_dict(private=False))

    async def token(self, request: Request) -> Response:
        import base64
        import hashlib

        form = await request.form()
        asked = self.codes.pop(str(form["code"]), None)
        basic = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        assert basic.startswith(f"{CLIENT}:")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest()).decode()
        if asked is None or asked["code_challenge"] != challenge.rstrip("=") or form["redirect_uri"] != REDIRECT:
            return JSONResponse({"error": "invalid_grant"}, 400)
        answer = {"access_token": "x", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}
        return JSONResponse(answer)


@pytest.fixture
async def provider() -> AsyncIterator[OpenId]:
    """One that listens on this machine."""
    found = OpenId()
    routes = [
        Route("/.well-known/openid-configuration", found.discover),
        Route("/keys", found.key_set),
        Route("/token", found.token, methods=["POST"]),
    ]
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    found.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve([listening]))
    yield found
    server.should_exit = True
    await running
    listening.close()


@pytest.fixture
async def oidc(provider: OpenId, postgres_url: str) -> AsyncIterator[Oidc]:
    """Newcomers become operators of the workspace `guests`."""
    settings = api_settings(
        postgres_url,
        orchestrator_oidc_issuer=provider.url,
        orchestrator_oidc_client_id=CLIENT,
        orchestrator_oidc_client_secret=SECRET,
        orchestrator_oidc_role="OPERATOR",
        orchestrator_oidc_workspace="guests",
        orchestrator_egress_allow="",
    )
    async with Database(postgres_url) as database:
        identity = Identity(settings, database, Listener(postgres_url), local=False)
        yield identity.oidc
        await identity.close()


async def came(oidc: Oidc, provider: OpenId) -> Any:
    begun = await oidc.begin(REDIRECT)
    state, code = provider.consent(begun.url)
    assert state == begun.state
    return await oidc.finish(state, code)


async def refusal(call: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code


async def test_a_newcomer_becomes_a_member_once(oidc: Oidc, provider: OpenId) -> None:
    first = await came(oidc, provider)
    assert (first.user.email, first.user.name, first.user.oidc_subject) == ("ada@example.org", "Ada", "sub-1")
    assert [(each.workspace, each.role) for each in first.memberships] == [("guests", Role.OPERATOR)]
    # The name at the provider counts, not the address, which may change.
    provider.changes = {"email": "ada@new.example.org"}
    second = await came(oidc, provider)
    assert (second.user.id, second.user.email) == (first.user.id, "ada@example.org")
    assert first.tokens.access_token != second.tokens.access_token
    assert provider.fetched == ["discovery", "keys"]


async def test_a_known_address_is_linked_and_its_password_goes(oidc: Oidc, provider: OpenId) -> None:
    async with oidc._database.transaction() as session:
        known = await users.create(session, "ada@example.org", "Ada", "a hash that somebody else may know")
        await members.make_workspace(session, "w", "w")
        await members.add(session, "w", known.id, Role.EDITOR)
    done = await came(oidc, provider)
    assert (done.user.id, done.user.password_hash) == (known.id, None)
    assert [(each.workspace, each.role) for each in done.memberships] == [("w", Role.EDITOR)]
    provider.changes = {"sub": "somebody else"}
    assert await refusal(came(oidc, provider)) == "OTHER_SUBJECT"


async def test_the_unknown_are_refused_where_the_operator_says_so(oidc: Oidc, provider: OpenId) -> None:
    from services.identity.oidc import Newcomers

    oidc._newcomers = Newcomers()
    assert await refusal(came(oidc, provider)) == "UNKNOWN_USER"
    async with oidc._database.reading() as session:
        assert await users.by_email(session, "ada@example.org") is None


OTHER = RSAKey.generate_key(2048, {"kid": "r1"})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"email_verified": False}, "EMAIL_NOT_VERIFIED"),
        ({"email_verified": "true"}, "EMAIL_NOT_VERIFIED"),
        ({"email_verified": None}, "EMAIL_NOT_VERIFIED"),
        ({"email": None}, "EMAIL_NOT_VERIFIED"),
        ({"iss": "https://evil.example.org"}, "BAD_ID_TOKEN"),
        ({"aud": "another"}, "BAD_ID_TOKEN"),
        ({"aud": [CLIENT, "another"]}, "BAD_ID_TOKEN"),
        ({"azp": "another"}, "BAD_ID_TOKEN"),
        ({"exp": 1}, "BAD_ID_TOKEN"),
        ({"exp": None}, "BAD_ID_TOKEN"),
        ({"iat": 2**33}, "BAD_ID_TOKEN"),
        ({"nonce": "another"}, "BAD_ID_TOKEN"),
        ({"nonce": None}, "BAD_ID_TOKEN"),
        ({"sub": None}, "BAD_ID_TOKEN"),
    ],
    ids=str,
)
async def test_claims_that_are_not_good(oidc: Oidc, provider: OpenId, changes: dict[str, Any], code: str) -> None:
    provider.changes = changes
    assert await refusal(came(oidc, provider)) == code


@pytest.mark.parametrize(
    ("algorithm", "signing"),
    [
        ("RS256", OTHER),
        ("HS256", OctKey.import_key(SECRET, {"kid": "r1"})),
        ("none", OctKey.import_key("x" * 32, {"kid": "r1"})),
    ],
)
async def test_signatures_that_are_not_the_providers(
    oidc: Oidc, provider: OpenId, algorithm: str, signing: Any
) -> None:
    provider.algorithm, provider.signing = algorithm, signing
    assert await refusal(came(oidc, provider)) == "BAD_ID_TOKEN"


async def test_a_state_works_once_and_only_if_it_is_ours(oidc: Oidc, provider: OpenId) -> None:
    begun = await oidc.begin(REDIRECT)
    state, code = provider.consent(begun.url)
    assert await refusal(oidc.finish("another", code)) == "UNKNOWN_STATE"
    await oidc.finish(state, code)
    assert await refusal(oidc.finish(state, code)) == "UNKNOWN_STATE"
    begun = await oidc.begin(REDIRECT)
    state, code = provider.consent(begun.url)
    assert await refusal(oidc.finish(state, "another code")) == "SIGN_IN_REFUSED"
    assert await refusal(oidc.finish(state, code)) == "UNKNOWN_STATE"
    begun = await oidc.begin(REDIRECT)
    assert await refusal(oidc.finish(begun.state, "", "access_denied")) == "SIGN_IN_REFUSED"


async def test_a_state_grows_old(oidc: Oidc, provider: OpenId) -> None:
    state, code = provider.consent((await oidc.begin(REDIRECT)).url)
    async with oidc._database.single() as connection:
        await connection.exec_driver_sql("UPDATE oidc_logins SET expires_at = now()")
    assert await refusal(oidc.finish(state, code)) == "UNKNOWN_STATE"


async def test_the_providers_keys_are_replaced(oidc: Oidc, provider: OpenId) -> None:
    now = 0.0
    assert oidc._provider is not None
    oidc._provider._clock = lambda: now
    oidc._provider._keys = (-1e9, KeySet([]))
    oidc._provider._document = (-1e9, {})
    await came(oidc, provider)
    provider.keys, provider.algorithm = [ECKey.generate_key("P-256", {"kid": "e2"})], "ES256"
    # Unknown keys make us ask again, but not at every token.
    assert await refusal(came(oidc, provider)) == "BAD_ID_TOKEN"
    assert provider.fetched.count("keys") == 1
    now = 31.0
    await came(oidc, provider)
    assert provider.fetched.count("keys") == 2


@pytest.mark.parametrize("uri", ["http://example.org/cb", "https://example.org/cb#x", "javascript:alert(1)", ""])
async def test_redirects_that_are_not_safe(oidc: Oidc, uri: str) -> None:
    assert await refusal(oidc.begin(uri)) == "INVALID_REDIRECT_URI"


@pytest.mark.parametrize(("issuer", "code"), [("{}/", "BAD_PROVIDER"), ("http://127.0.0.1:1", "PROVIDER_UNAVAILABLE")])
async def test_providers_that_are_not_there(provider: OpenId, issuer: str, code: str) -> None:
    http = Egress(EgressPolicy.parse(["127.0.0.1"]))
    try:
        assert await refusal(Provider(http, issuer.format(provider.url), CLIENT, SECRET).client()) == code
    finally:
        await http.close()


async def test_without_a_provider(postgres_url: str) -> None:
    async with Database(postgres_url) as database:
        oidc = Identity(api_settings(postgres_url), database, Listener(postgres_url), local=False).oidc
        assert not oidc.configured
        assert await refusal(oidc.begin(REDIRECT)) == "OIDC_NOT_CONFIGURED"


def test_an_issuer_must_be_protected() -> None:
    with pytest.raises(SettingsError, match="ORCHESTRATOR_OIDC_ISSUER"):
        load_settings(orchestrator_oidc_issuer="http://id.example.org")

"""The OpenID provider: its discovery document, its keys, and what its ID tokens say."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from nodes.credentials.filling import is_protected
from nodes.credentials.oauth2 import Client
from nodes.errors import NodeError
from nodes.http.egress import Egress
from orchestrator import exact_json
from services.errors import Unavailable, precondition

# Asymmetric ones only: none, and no key that the client's secret could stand for.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_TIMEOUT = 20.0
_LEEWAY = 60
# Its documents are asked for again after that many seconds; its keys also when a token names one that isn't known.
_FRESH, _KEYS_AGAIN = 3600.0, 30.0


@dataclass(frozen=True)
class Identified:
    """Whom the provider vouches for."""

    issuer: str
    subject: str
    email: str
    name: str


class Provider:
    """Reaches the provider by the egress policy, and believes what its keys have signed for this client."""

    def __init__(
        self,
        http: Egress,
        issuer: str,
        client_id: str,
        client_secret: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._document: tuple[float, dict[str, Any]] = (-_FRESH, {})
        self._keys: tuple[float, KeySet] = (-_FRESH, KeySet([]))

    async def client(self) -> Client:
        """The OAuth 2 client that we are to it."""
        document = await self._discovered()
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        basic = bool(self._client_secret) and "client_secret_basic" in methods
        return Client(
            authorize_url=_address(document, "authorization_endpoint"),
            token_url=_address(document, "token_endpoint"),
            client_id=self._client_id,
            client_secret=self._client_secret,
            scopes=("openid", "email", "profile"),
            parameters=(),
            authentication="basic" if basic else "post",
        )

    async def exchanged(self, code: str, verifier: str, redirect_uri: str) -> str:
        """The ID token for a code."""
        client = await self.client()
        try:
            tokens = await client.exchange(self._http, code, verifier, redirect_uri, datetime.now(UTC))
        except NodeError as error:
            raise precondition("SIGN_IN_REFUSED", f"the OpenID provider gave no token: {error.message}") from None
        if not tokens.id_token:
            raise precondition("SIGN_IN_REFUSED", "the OpenID provider gave no ID token")
        return tokens.id_token

    async def identified(self, id_token: str, nonce: str) -> Identified:
        """Whom an ID token speaks of, once it was checked: signature, issuer, audience, time, nonce."""
        claims = await self._claims(id_token, nonce)
        email = claims.get("email")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            message = "the OpenID provider doesn't say that the e-mail address is verified; verify it there"
            raise precondition("EMAIL_NOT_VERIFIED", message)
        name = claims.get("name")
        return Identified(self.issuer, str(claims["sub"]), email, name if isinstance(name, str) else "")

    async def _claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        rules = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            read = await self._decoded(id_token)
            rules.validate(read.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise precondition("BAD_ID_TOKEN", f"the ID token isn't good: {type(error).__name__}") from None
        several = isinstance(read.claims["aud"], list) and len(read.claims["aud"]) > 1
        if (several or "azp" in read.claims) and read.claims.get("azp") != self._client_id:
            raise precondition("BAD_ID_TOKEN", "the ID token is meant for another client")
        return read.claims

    async def _decoded(self, id_token: str) -> jwt.Token:
        keys = await self._key_set(_FRESH)
        try:
            return jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        except (InvalidKeyIdError, ValueError):
            # Maybe the provider has new keys; but who sends bad tokens doesn't make us ask at every one.
            return jwt.decode(id_token, await self._key_set(_KEYS_AGAIN), algorithms=ALGORITHMS)

    async def _key_set(self, fresh: float) -> KeySet:
        at, keys = self._keys
        if self._clock() - at >= fresh:
            found = await self._fetched(_address(await self._discovered(), "jwks_uri"))
            keys = KeySet.import_key_set({"keys": [key for key in found.get("keys", []) if _signs(key)]})
            self._keys = self._clock(), keys
        return keys

    async def _discovered(self) -> dict[str, Any]:
        at, document = self._document
        if self._clock() - at >= _FRESH:
            document = await self._fetched(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if document.get("issuer") != self.issuer:
                message = f"the OpenID provider calls itself {str(document.get('issuer'))[:200]!r}, not {self.issuer!r}"
                raise precondition("BAD_PROVIDER", f"{message}; set ORCHESTRATOR_OIDC_ISSUER to exactly that")
            self._document = self._clock(), document
        return document

    async def _fetched(self, url: str) -> dict[str, Any]:
        host = urlsplit(url).hostname or ""
        try:
            request = self._http.build("GET", url, headers={"accept": "application/json"})
            answer = await self._http.send(request, timeout=_TIMEOUT, follow_redirects=False)
            found = exact_json.loads(answer.body) if answer.status == httpx.codes.OK else None
        except (NodeError, ValueError) as error:
            raise Unavailable("PROVIDER_UNAVAILABLE", f"the OpenID provider at {host} can't be reached") from error
        if not isinstance(found, dict):
            raise Unavailable("PROVIDER_UNAVAILABLE", f"the OpenID provider at {host} gives no document")
        return found


def _signs(key: Any) -> bool:
    return isinstance(key, dict) and key.get("use", "sig") == "sig" and key.get("kty") != "oct"


def _address(document: dict[str, Any], name: str) -> str:
    url = document.get(name)
    if not isinstance(url, str) or not is_protected(url):
        raise precondition("BAD_PROVIDER", f"the OpenID provider's {name} isn't an https:// address")
    return url

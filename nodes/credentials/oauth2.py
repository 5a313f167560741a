"""Gets OAuth 2 tokens: by a user's consent with PKCE, by refreshing, or for the client itself."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from nodes.credentials.credential import CredentialFields, CredentialType, secrets_in
from nodes.credentials.redaction import Redaction
from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.http.egress import Egress
from nodes.http.exchange import Answer
from orchestrator import exact_json

TIMEOUT = 20.0
AUTHORISE_AGAIN = "authorise the integration again: StartAuthorization gives the address"
_LONGEST_TOKEN = 64 * 1024
_WORTH_RETRYING = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Tokens:
    """What a token endpoint gave."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    # Who the user is, where a client asked an OpenID provider for that.
    id_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Client:
    """The client of an OAuth 2 service that a credential describes."""

    authorize_url: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]
    authentication: str

    @property
    def interactive(self) -> bool:
        """Whether a user must consent; otherwise the client gets tokens for itself."""
        return bool(self.authorize_url)

    def consent_url(self, redirect_uri: str, state: str, verifier: str) -> str:
        """Where to send the user's browser."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = dict(self.parameters) | {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if self.scopes:
            query["scope"] = " ".join(self.scopes)
        parts = urlsplit(self.authorize_url)
        kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in query]
        return urlunsplit(parts._replace(query=urlencode([*kept, *query.items()], quote_via=quote), fragment=""))

    async def exchange(self, http: Egress, code: str, verifier: str, redirect_uri: str, now: datetime) -> Tokens:
        """The tokens for a user's consent."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return await self._ask(http, form | {"code_verifier": verifier}, now)

    async def refresh(self, http: Egress, refresh_token: str, now: datetime) -> Tokens:
        """New tokens; the refresh token stays the same where no other is given."""
        found = await self._ask(http, {"grant_type": "refresh_token", "refresh_token": refresh_token}, now)
        kept = found.refresh_token or refresh_token
        return Tokens(found.access_token, kept, found.expires_at, found.scopes)

    async def own(self, http: Egress, now: datetime) -> Tokens:
        """Tokens for the client itself (client credentials)."""
        form = {"grant_type": "client_credentials"}
        if self.scopes:
            form["scope"] = " ".join(self.scopes)
        return await self._ask(http, form, now)

    async def _ask(self, http: Egress, form: dict[str, str], now: datetime) -> Tokens:
        headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        form = {**form, "client_id": self.client_id}
        if self.authentication == "basic":
            pair = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif self.client_secret:
            form["client_secret"] = self.client_secret
        hidden = Redaction([self.client_secret, *(form.get(name, "") for name in _SECRET_PARAMETERS)])
        request = http.build("POST", self.token_url, headers=headers, content=urlencode(form).encode())
        answer = await http.send(request, timeout=TIMEOUT, follow_redirects=False)
        body = _body(answer)
        if answer.status >= 400 or "error" in body or not isinstance(body.get("access_token"), str):
            raise _refusal(answer, body, hidden, urlsplit(self.token_url).hostname or "")
        return _tokens(body, now)


_SECRET_PARAMETERS = ("code", "code_verifier", "refresh_token")


def client_of(kind: CredentialType, fields: CredentialFields) -> Client:
    """The client that a credential of an OAuth 2 type describes."""
    said = kind.oauth2
    assert said is not None, f"{kind.name} is an OAuth 2 type"
    values: Mapping[str, Any] = dict(fields)
    secret = next(secrets_in(values.get("client_secret")), "")
    return Client(
        authorize_url=said.authorize_url or str(values.get("authorize_url") or ""),
        token_url=said.token_url or str(values.get("token_url") or ""),
        client_id=str(values.get("client_id") or ""),
        client_secret=secret,
        scopes=tuple(values.get("scopes") or said.scopes),
        parameters=said.parameters,
        authentication=str(values.get("client_authentication") or said.client_authentication),
    )


def new_secret() -> str:
    """A state or a PKCE verifier: 43 characters that nobody guesses."""
    return secrets.token_urlsafe(32)


def expired(name: str, reason: str = "") -> PermanentError:
    """The error of a credential whose tokens can't be renewed."""
    because = f" ({reason})" if reason else ""
    return PermanentError(
        f'the credential "{name[:100]}" has expired{because}', code="CREDENTIAL_EXPIRED", hint=AUTHORISE_AGAIN
    )


def _body(answer: Answer) -> dict[str, Any]:
    text = answer.text() or ""
    try:
        value = exact_json.loads(text)
    except exact_json.NotJson:
        # Some services answer with a form, whatever they are asked for.
        return dict(parse_qsl(text)) if "=" in text and "<" not in text else {}
    return value if isinstance(value, dict) else {}


def _refusal(answer: Answer, body: Mapping[str, Any], hidden: Redaction, host: str) -> NodeError:
    reason = hidden.text(str(body.get("error") or "")[:100])
    detail = hidden.text(str(body.get("error_description") or "")[:300])
    said = ": ".join(part for part in (reason, detail) if part) or f"status {answer.status}, without a reason"
    if answer.status >= 500 or answer.status in _WORTH_RETRYING:
        message = f"{host} gives no token at present ({said})"
        return RetryableError(message, code="TOKEN_UNAVAILABLE", hint="retry, or look at the service")
    if reason == "invalid_grant":
        message = f"{host} no longer takes the authorization ({said})"
        return PermanentError(message, code="CREDENTIAL_EXPIRED", hint=AUTHORISE_AGAIN)
    return PermanentError(
        f"{host} refuses to give a token ({said})",
        code="CREDENTIAL_REFUSED",
        hint="check the integration's client id, client secret, scopes and addresses",
    )


def _tokens(body: Mapping[str, Any], now: datetime) -> Tokens:
    access, refresh = body["access_token"], body.get("refresh_token")
    if len(access) > _LONGEST_TOKEN:
        raise PermanentError("the service gave a token that is too long", code="CREDENTIAL_REFUSED")
    scope, identity = body.get("scope"), body.get("id_token")
    return Tokens(
        access,
        refresh if isinstance(refresh, str) else "",
        _expiry(body.get("expires_in"), now),
        tuple(scope.replace(",", " ").split()) if isinstance(scope, str) else (),
        identity if isinstance(identity, str) and len(identity) <= _LONGEST_TOKEN else "",
    )


def _expiry(seconds: Any, now: datetime) -> datetime | None:
    try:
        lasts = float(seconds)
    except (TypeError, ValueError):
        return None
    return now + timedelta(seconds=min(lasts, 10 * 365 * 86400)) if lasts > 0 else None

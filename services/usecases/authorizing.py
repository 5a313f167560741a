"""OAuth 2 consent: where to send a user, and what to do with what the redirect brings back."""

from dataclasses import dataclass
from datetime import UTC, datetime

from nodes.credentials.filling import is_protected
from nodes.credentials.oauth2 import Client, client_of, new_secret
from nodes.errors import NodeError, RetryableError
from services.errors import ServiceError, Unavailable, invalid, precondition
from services.identity.caller import current_caller
from services.identity.scope import actor, home
from services.store import integrations, integrations_tokens
from services.store.audit import audit
from services.store.integrations import Content
from services.store.keyring import KeyRing, Unsealable
from services.store.tables import IntegrationRow
from services.usecases.backend import Backend
from services.usecases.integration_view import IntegrationView
from services.usecases.integrations import IntegrationCases

_LONGEST = 8192


@dataclass(frozen=True)
class Asked:
    """A consent that a user is asked for."""

    url: str
    state: str
    expires_at: datetime


@dataclass(frozen=True)
class Redirected:
    """What a service's redirect brought back."""

    state: str
    code: str = ""
    error: str = ""
    error_description: str = ""


class Authorizing:
    """The authorization-code grant with PKCE."""

    def __init__(self, backend: Backend, cases: IntegrationCases) -> None:
        self._database = backend.database
        self._http = backend.integrations.http
        self._cases = cases

    async def start(self, user_id: str, integration_id: str, redirect_uri: str) -> Asked:
        """The address at which the user consents."""
        keys = self._cases.keys
        if len(redirect_uri) > _LONGEST or not is_protected(redirect_uri) or "#" in redirect_uri:
            message = "redirect_uri must be an https:// address (or http:// on this machine), without a fragment"
            raise invalid("INVALID_REDIRECT_URI", message, "redirect_uri")
        state, verifier = new_secret(), new_secret()
        async with self._database.transaction() as session:
            row = await integrations.get(session, home(user_id), integration_id, lock=True)
            client = self._client(row, keys)
            until = await integrations_tokens.begin_consent(session, row, state, verifier, redirect_uri, keys)
        return Asked(client.consent_url(redirect_uri, state, verifier), state, until)

    async def complete(self, user_id: str, given: Redirected) -> IntegrationView:
        """Exchanges the code for tokens and keeps them."""
        keys, workspace = self._cases.keys, home(user_id)
        # The state is spent even where the rest fails: it is never good for a second try.
        async with self._database.transaction() as session:
            consent = await integrations_tokens.take_consent(session, workspace, given.state)
        if consent is None:
            message = "the state is unknown, was used already or has expired; call StartAuthorization again"
            raise invalid("UNKNOWN_STATE", message, "state")
        if given.error or not given.code:
            said = ": ".join(part[:300] for part in (given.error, given.error_description) if part)
            raise precondition("AUTHORIZATION_REFUSED", f"the service gave no code ({said or 'without a reason'})")
        async with self._database.reading() as session:
            row = await integrations.get(session, workspace, consent.integration_id)
        client = self._client(row, keys)
        try:
            verifier = integrations_tokens.verifier_of(consent, workspace, given.state, keys)
            tokens = await client.exchange(self._http, given.code, verifier, consent.redirect_uri, datetime.now(UTC))
        except Unsealable:
            raise invalid("UNKNOWN_STATE", "the keys were changed meanwhile; call StartAuthorization again") from None
        except NodeError as error:
            raise _refused(error) from None
        async with self._database.transaction() as session:
            row = await integrations.get(session, workspace, consent.integration_id, lock=True)
            await integrations_tokens.save(session, row, tokens, keys)
            audit(
                session,
                current_caller(),
                "integration.authorize",
                "integration",
                row.id,
                workspace=workspace,
                actor=actor(user_id),
            )
        return await self._cases.get(user_id, row.id)

    def _client(self, row: IntegrationRow, keys: KeyRing) -> Client:
        kind = self._cases.kind(row.type)
        if kind.oauth2 is None:
            message = f'an integration of the type "{row.type}" needs no authorization: it isn\'t OAuth 2'
            raise precondition("NOT_OAUTH2", message)
        try:
            content: Content = integrations.content_of(row, keys)
        except Unsealable as error:
            raise precondition("INTEGRATION_UNREADABLE", f"the integration can't be opened: {error}") from None
        client = client_of(kind, kind.fields.model_validate(content.fields))
        if not client.interactive:
            message = "the integration has no authorize_url: it gets tokens for itself, and nobody needs to consent"
            raise precondition("NOT_INTERACTIVE", message)
        return client


def _refused(error: NodeError) -> ServiceError:
    if isinstance(error, RetryableError):
        return Unavailable(error.code, f"{error.message}; call StartAuthorization again")
    return precondition("AUTHORIZATION_REFUSED", error.message)

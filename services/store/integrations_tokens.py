"""OAuth 2 tokens, and consents that are under way, sealed."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from nodes.credentials.oauth2 import Tokens
from services.store.ids import new_id
from services.store.integrations import place_of
from services.store.keyring import KeyRing, Place
from services.store.tables import AuthorizationRow, IntegrationRow, OAuthTokenRow

CONSENT_LASTS = timedelta(minutes=15)
# A token is renewed that long before it expires, or in the last quarter of its life if that is shorter.
_AHEAD = timedelta(minutes=2)
ACCESS, REFRESH, VERIFIER = "oauth access token", "oauth refresh token", "oauth verifier"


@dataclass(frozen=True)
class Consent:
    """A consent that was asked for, taken out to be completed."""

    integration_id: str
    redirect_uri: str
    verifier: bytes = field(repr=False)
    expires_at: datetime


async def find(session: AsyncSession, integration_id: str) -> OAuthTokenRow | None:
    """The tokens of an integration."""
    query = select(OAuthTokenRow).where(OAuthTokenRow.integration_id == integration_id)
    return await session.scalar(query.execution_options(populate_existing=True))


def is_fresh(row: OAuthTokenRow, now: datetime) -> bool:
    """Whether the access token needs no renewal yet."""
    if row.expires_at is None:
        return True
    return now < row.expires_at - min(_AHEAD, (row.expires_at - row.updated_at) / 4)


def is_valid(row: OAuthTokenRow, now: datetime) -> bool:
    """Whether the access token still works."""
    return row.expires_at is None or now < row.expires_at


def opened(row: OAuthTokenRow, owner: IntegrationRow, keys: KeyRing) -> Tokens:
    """The tokens in clear."""
    access = keys.open(row.access_token, place_of(owner, ACCESS)).decode()
    refresh = keys.open(row.refresh_token, place_of(owner, REFRESH)).decode() if row.refresh_token else ""
    return Tokens(access, refresh, row.expires_at, tuple(row.scopes))


async def save(session: AsyncSession, owner: IntegrationRow, tokens: Tokens, keys: KeyRing) -> None:
    """Keeps an integration's tokens in the place of earlier ones."""
    refresh = tokens.refresh_token
    values = {
        "access_token": keys.seal(tokens.access_token.encode(), place_of(owner, ACCESS)),
        "refresh_token": keys.seal(refresh.encode(), place_of(owner, REFRESH)) if refresh else None,
        "scopes": list(tokens.scopes),
        "expires_at": tokens.expires_at,
        "updated_at": datetime.now(UTC),
    }
    new = insert(OAuthTokenRow).values(id=new_id(), integration_id=owner.id, **values)
    await session.execute(new.on_conflict_do_update(index_elements=["integration_id"], set_=values))


async def forget(session: AsyncSession, integration_id: str) -> None:
    """Drops an integration's tokens, and consents that are under way."""
    await session.execute(delete(OAuthTokenRow).where(OAuthTokenRow.integration_id == integration_id))
    await session.execute(delete(AuthorizationRow).where(AuthorizationRow.integration_id == integration_id))


async def begin_consent(
    session: AsyncSession, owner: IntegrationRow, state: str, verifier: str, redirect_uri: str, keys: KeyRing
) -> datetime:
    """Notes that a consent was asked for; returns until when it may come. Forgets those that never came."""
    now = datetime.now(UTC)
    await session.execute(delete(AuthorizationRow).where(AuthorizationRow.expires_at < now))
    hashed = hashlib.sha256(state.encode()).hexdigest()
    sealed = keys.seal(verifier.encode(), Place(owner.workspace, hashed, VERIFIER))
    session.add(
        AuthorizationRow(
            state_sha256=hashed,
            integration_id=owner.id,
            redirect_uri=redirect_uri,
            verifier=sealed,
            expires_at=now + CONSENT_LASTS,
        )
    )
    return now + CONSENT_LASTS


async def take_consent(session: AsyncSession, workspace: str, state: str) -> Consent | None:
    """The consent that a state stands for, if it is the workspace's; a state works once."""
    hashed = hashlib.sha256(state.encode()).hexdigest()
    own = select(IntegrationRow.id).where(IntegrationRow.workspace == workspace)
    taking = (
        delete(AuthorizationRow)
        .where(AuthorizationRow.state_sha256 == hashed, AuthorizationRow.integration_id.in_(own))
        .returning(
            AuthorizationRow.integration_id,
            AuthorizationRow.redirect_uri,
            AuthorizationRow.verifier,
            AuthorizationRow.expires_at,
        )
    )
    row = (await session.execute(taking)).one_or_none()
    if row is None or row.expires_at < datetime.now(UTC):
        return None
    return Consent(row.integration_id, row.redirect_uri, row.verifier, row.expires_at)


async def workspace_of_consent(session: AsyncSession, state: str) -> str:
    """The workspace whose integration a state's consent is for; empty for a state that stands for nothing."""
    hashed = hashlib.sha256(state.encode()).hexdigest()
    query = select(IntegrationRow.workspace).join(AuthorizationRow)
    return await session.scalar(query.where(AuthorizationRow.state_sha256 == hashed)) or ""


def verifier_of(consent: Consent, workspace: str, state: str, keys: KeyRing) -> str:
    """The PKCE verifier of a consent, in clear."""
    hashed = hashlib.sha256(state.encode()).hexdigest()
    return keys.open(consent.verifier, Place(workspace, hashed, VERIFIER)).decode()

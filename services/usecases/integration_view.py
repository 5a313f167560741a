"""What may be shown of an integration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nodes.credentials.credential import CredentialType
from orchestrator import exact_json
from services.identity.caller import DEFAULT_WORKSPACE, current_caller
from services.store import integrations_tokens
from services.store.tables import IntegrationRow, OAuthTokenRow


@dataclass(frozen=True)
class IntegrationView:
    """What may be shown of an integration."""

    id: str
    name: str
    type: str
    user_id: str
    hosts: Sequence[str]
    fields: Mapping[str, Any]
    authorization: str
    token_expires_at: datetime | None
    scopes: Sequence[str]
    created_at: datetime
    updated_at: datetime
    rate: tuple[int, int] = (0, 0)


def view_of(row: IntegrationRow, kind: CredentialType | None, tokens: OAuthTokenRow | None) -> IntegrationView:
    """The view of an integration; its type is None if no node takes it any more."""
    shown = exact_json.loads(row.shown_fields)
    return IntegrationView(
        id=row.id,
        name=row.name,
        type=row.type,
        user_id=row.workspace if current_caller().local and row.workspace != DEFAULT_WORKSPACE else "",
        hosts=row.hosts,
        fields=shown,
        authorization=_authorization(kind, shown, tokens),
        token_expires_at=tokens.expires_at if tokens else None,
        scopes=tokens.scopes if tokens else (),
        created_at=row.created_at,
        updated_at=row.updated_at,
        rate=(row.rate_count, row.rate_seconds),
    )


def _authorization(kind: CredentialType | None, shown: Mapping[str, Any], tokens: OAuthTokenRow | None) -> str:
    if kind is None or kind.oauth2 is None:
        return "AUTHORIZATION_STATE_UNSPECIFIED"
    if not (kind.oauth2.authorize_url or shown.get("authorize_url")):
        return "AUTHORIZATION_NOT_NEEDED"
    if tokens is None:
        return "AUTHORIZATION_NEEDED"
    renewable = tokens.refresh_token is not None or integrations_tokens.is_valid(tokens, datetime.now(UTC))
    return "AUTHORIZED" if renewable else "AUTHORIZATION_EXPIRED"

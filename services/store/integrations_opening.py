"""Opens stored credentials for nodes, and keeps their OAuth 2 tokens fresh."""

import asyncio
import time
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from pydantic import SecretStr, ValidationError

from activities.patience import patiently
from nodes.credentials.credential import Credential, CredentialFields, CredentialType
from nodes.credentials.oauth2 import Client, Tokens, client_of, expired
from nodes.errors import NodeError, PermanentError, PostponedError
from nodes.http.egress import Egress
from services import logging
from services.rates import SharedRates
from services.store import integrations, integrations_tokens
from services.store.adapters import outages_named
from services.store.engine import Database
from services.store.integrations import Content
from services.store.keyring import KeyRing, Unsealable
from services.store.tables import IntegrationRow, OAuthTokenRow

# So long a node waits for its turn in its place; longer, and the place is given to another.
_MOMENT = 2.0


class Integrations:
    """Opens the credentials of a workspace; without keys it opens none."""

    def __init__(
        self, database: Database, keys: KeyRing | None, http: Egress, rates: SharedRates | None = None
    ) -> None:
        self.database = database
        self.keys = keys
        self.http = http
        self._rates = rates or SharedRates(database, None)
        # The tasks of one process wait here, so that only one of them keeps a connection while it renews.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def open(self, workspace: str, credential_id: str, types: tuple[CredentialType, ...]) -> Credential:
        """The credential; PermanentError if it isn't the workspace's, is gone, or is of none of the types."""
        keys = self.keys
        if keys is None:
            raise PermanentError(
                "this worker can't open credentials: it has no SECRET_KEY",
                code="SECRET_KEY_MISSING",
                hint="set SECRET_KEY for the worker to what the API server has",
            )
        row = await patiently(lambda: self._row(workspace, credential_id))
        if row is None:
            raise _not_found(credential_id)
        kind = _fitting(row, types)
        content = _content(row, keys)
        fields = _fields(row, kind, content)
        if row.rate_count:
            await self._turn(row)
        token = await self._token(row, kind, keys) if kind.oauth2 else None
        opened = Credential(row.id, row.name, kind, fields, content.hosts, token)
        logging.hide(opened.secrets())
        return opened

    async def _turn(self, row: IntegrationRow) -> None:
        """Returns once the third party may be called again; PostponedError if that takes longer than a moment."""

        async def take() -> float:
            async with outages_named():
                return await self._rates.take(f"integration:{row.id}", row.rate_count, row.rate_seconds)

        deadline = time.monotonic() + _MOMENT
        while wait := await patiently(take):
            if time.monotonic() + wait > deadline:
                calls = f"{row.rate_count} calls in {row.rate_seconds} s"
                raise PostponedError(f'the credential "{row.name[:100]}" is good for {calls}; waiting', wait)
            await asyncio.sleep(wait)

    async def _row(self, workspace: str, credential_id: str) -> IntegrationRow | None:
        async with outages_named(), self.database.reading() as session:
            return await integrations.find(session, workspace, credential_id)

    async def _token(self, row: IntegrationRow, kind: CredentialType, keys: KeyRing) -> SecretStr:
        found: Tokens | NodeError | None = await patiently(lambda: self._fresh(row, keys))
        if found is None:
            lock = self._locks.setdefault(row.id, asyncio.Lock())
            async with lock:
                found = await patiently(lambda: self._renewed(row, kind, keys))
        if isinstance(found, NodeError):
            raise found
        return SecretStr(found.access_token)

    async def _fresh(self, row: IntegrationRow, keys: KeyRing) -> Tokens | None:
        async with outages_named(), self.database.reading() as session:
            stored = await integrations_tokens.find(session, row.id)
        if stored is None or not integrations_tokens.is_fresh(stored, datetime.now(UTC)):
            return None
        return _tokens(row, stored, keys)

    async def _renewed(self, row: IntegrationRow, kind: CredentialType, keys: KeyRing) -> Tokens | NodeError:
        """New tokens, or those that another worker got while we waited for the row; or why there are none."""
        async with outages_named(), self.database.transaction() as session:
            owner = await integrations.find(session, row.workspace, row.id, lock=True)
            if owner is None:
                return _not_found(row.id)
            now = datetime.now(UTC)
            stored = await integrations_tokens.find(session, row.id)
            known = _tokens(owner, stored, keys) if stored else None
            if stored and integrations_tokens.is_fresh(stored, now):
                return known or _not_found(row.id)
            try:
                client = client_of(kind, _fields(owner, kind, _content(owner, keys)))
                tokens = await self._asked(client, owner.name, known, now)
            except NodeError as error:
                if stored and error.code == "CREDENTIAL_EXPIRED":
                    # It would be refused again: who runs next is told at once.
                    stored.refresh_token = None
                usable = stored is not None and integrations_tokens.is_valid(stored, now)
                return known if known and usable else error
            await integrations_tokens.save(session, owner, tokens, keys)
            return tokens

    async def _asked(self, client: Client, name: str, known: Tokens | None, now: datetime) -> Tokens:
        if not client.interactive:
            return await client.own(self.http, now)
        if known is None:
            raise expired(name, "nobody has authorised it yet")
        if not known.refresh_token:
            raise expired(name, "its service gave no way to renew it, or took that back")
        try:
            return await client.refresh(self.http, known.refresh_token, now)
        except PermanentError as error:
            if error.code != "CREDENTIAL_EXPIRED":
                raise
            raise expired(name, error.message) from None


def _not_found(credential_id: str) -> PermanentError:
    """Says the same of what is gone and of what is another's."""
    return PermanentError(
        f"there is no credential {credential_id[:128]!r}",
        code="CREDENTIAL_NOT_FOUND",
        hint="name an integration of the workflow's own user in the node's credentials",
    )


def _fitting(row: IntegrationRow, types: tuple[CredentialType, ...]) -> CredentialType:
    kind = next((kind for kind in types if kind.name == row.type), None)
    if kind is None:
        wanted = " or ".join(f'"{kind.name}"' for kind in types)
        raise PermanentError(
            f'the credential "{row.name[:100]}" is of the type "{row.type}"; the node needs {wanted}',
            code="CREDENTIAL_TYPE",
            hint="choose another integration for the node",
        )
    return kind


def _content(row: IntegrationRow, keys: KeyRing) -> Content:
    try:
        return integrations.content_of(row, keys)
    except Unsealable as error:
        raise _unreadable(row, error) from None


def _tokens(row: IntegrationRow, stored: OAuthTokenRow, keys: KeyRing) -> Tokens:
    try:
        return integrations_tokens.opened(stored, row, keys)
    except Unsealable as error:
        raise _unreadable(row, error) from None


def _unreadable(row: IntegrationRow, error: Unsealable) -> PermanentError:
    return PermanentError(
        f'the credential "{row.name[:100]}" can\'t be opened: {error}',
        code="CREDENTIAL_UNREADABLE",
        hint="give SECRET_KEY the key it is sealed under, or rotate the integration",
    )


def _fields(row: IntegrationRow, kind: CredentialType, content: Content) -> CredentialFields:
    try:
        return kind.fields.model_validate(content.fields)
    except ValidationError as error:
        names = ", ".join(str(detail["loc"][0]) for detail in error.errors(include_input=False) if detail["loc"])
        raise PermanentError(
            f'the credential "{row.name[:100]}" doesn\'t fit this release\'s type "{kind.name}": {names[:200]}',
            code="CREDENTIAL_OUTDATED",
            hint="update the integration's fields",
        ) from None

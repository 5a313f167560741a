"""Integrations: keeping them, changing them, trying them out; no answer ever holds a secret."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from nodes.credentials.credential import Credential, CredentialType
from nodes.credentials.filling import secret_names
from nodes.credentials.redaction import Redaction
from nodes.errors import NodeError, PostponedError
from orchestrator.errors import Problem
from services.errors import RateLimited, invalid, precondition
from services.identity.caller import current_caller
from services.identity.scope import actor, home
from services.store import integrations, integrations_tokens, paging
from services.store.audit import audit
from services.store.ids import new_id
from services.store.integrations import Content, Filters
from services.store.keyring import KeyRing, Unsealable, no_keys
from services.store.tables import IntegrationRow, OAuthTokenRow
from services.usecases.backend import Backend
from services.usecases.integration_content import content_from, named_hosts, require_secrets
from services.usecases.integration_view import IntegrationView, view_of

MOST_NAME = 200
_DAY = 86_400
_SHOWN_WORKFLOWS = 5


@dataclass(frozen=True)
class Tested:
    """What came of trying an integration out."""

    ok: bool
    code: str = ""
    message: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Change:
    """What is to be written: a name, fields and hosts, as a client gives them."""

    name: str
    fields: Mapping[str, Any]
    hosts: Sequence[str] = ()
    # Calls in so many seconds, over all workers.
    rate: tuple[int, int] | None = None


class IntegrationCases:
    """What can be done with integrations; `user_id` says whose they are."""

    def __init__(self, backend: Backend) -> None:
        self._database = backend.database
        self._catalogue = backend.catalogue
        self._opening = backend.integrations

    @property
    def keys(self) -> KeyRing:
        """What secrets are sealed with; PreconditionFailed on a server without."""
        if self._opening.keys is None:
            raise no_keys()
        return self._opening.keys

    async def create(self, user_id: str, type_name: str, given: Change) -> IntegrationView:
        """Keeps a new integration."""
        keys, kind = self.keys, self.kind(type_name)
        problems = [] if given.name.strip() else [Problem("MISSING_FIELD", "name is empty", field="name")]
        content, shown = content_from(kind, given.fields, given.hosts, problems)
        now = datetime.now(UTC)
        row = IntegrationRow(id=new_id(), workspace=home(user_id), created_at=now)
        row.name = _name(given.name)
        row.rate_count, row.rate_seconds = _rate(given.rate or (0, 0))
        integrations.fill(row, content, shown, keys)
        async with self._database.transaction() as session:
            session.add(row)
            _tell(session, "create", row, None, _shown(row))
        return view_of(row, kind, None)

    async def get(self, user_id: str, integration_id: str) -> IntegrationView:
        """One integration."""
        async with self._database.reading() as session:
            row = await integrations.get(session, home(user_id), integration_id)
            return self._view(row, await integrations_tokens.find(session, row.id))

    async def listed(self, filters: Filters, page_size: int, page_token: str) -> tuple[list[IntegrationView], str]:
        """A page of integrations, the newest first, and the next page's token."""
        size, after = paging.page_size(page_size, 50), paging.read_time_token(page_token)
        async with self._database.reading() as session:
            rows = await integrations.listed(session, filters, size + 1, after)
        shown = rows[:size]
        last = shown[-1][0] if shown else None
        token = paging.time_token(last.created_at, last.id) if last and len(rows) > size else ""
        return [self._view(row, tokens) for row, tokens in shown], token

    async def update(self, user_id: str, integration_id: str, given: Change) -> IntegrationView:
        """Changes what is given of the name, fields and hosts."""
        keys = self.keys
        async with self._database.transaction() as session:
            row = await integrations.get(session, home(user_id), integration_id, lock=True)
            before = _shown(row)
            if given.name.strip():
                row.name = _name(given.name)
            if given.rate is not None:
                row.rate_count, row.rate_seconds = _rate(given.rate)
            await self._write(session, row, given.fields, given.hosts, keys)
            _tell(session, "update", row, before, _shown(row) | {"fields": sorted(given.fields)})
            return self._view(row, await integrations_tokens.find(session, row.id))

    async def rotate(self, user_id: str, integration_id: str, fields: Mapping[str, Any]) -> IntegrationView:
        """Replaces secrets."""
        keys = self.keys
        async with self._database.transaction() as session:
            row = await integrations.get(session, home(user_id), integration_id, lock=True)
            secret = secret_names(self.kind(row.type).fields)
            wrong = [name for name in fields if name not in secret]
            if wrong or not fields:
                what = f'the field "{wrong[0][:100]}" is no secret' if wrong else "no new value is given"
                there = ", ".join(secret) or "none"
                message = f"{what}; the secrets of this type: {there}. UpdateIntegration changes other fields"
                raise invalid("NOT_A_SECRET", message, "fields")
            await self._write(session, row, fields, (), keys)
            _tell(session, "rotate", row, None, {"fields": sorted(fields)})
            return self._view(row, await integrations_tokens.find(session, row.id))

    async def delete(self, user_id: str, integration_id: str, *, force: bool) -> None:
        """Deletes an integration and its tokens."""
        workspace = home(user_id)
        async with self._database.transaction() as session:
            row = await integrations.get(session, workspace, integration_id, lock=True)
            names = [] if force else await integrations.used_by(session, workspace, integration_id)
            if names:
                shown = ", ".join(repr(name[:60]) for name in names[:_SHOWN_WORKFLOWS])
                more = f" and {len(names) - _SHOWN_WORKFLOWS} more" if len(names) > _SHOWN_WORKFLOWS else ""
                message = f"the integration is used by {shown}{more}; change them first, or delete with force"
                raise precondition("INTEGRATION_IN_USE", message)
            await session.delete(row)
            _tell(session, "delete", row, _shown(row), None)

    async def test(self, user_id: str, integration_id: str) -> Tested:
        """Opens it, and has its type's check try it out."""
        workspace, _ = home(user_id), self.keys
        async with self._database.reading() as session:
            row = await integrations.get(session, workspace, integration_id)
        kind = self.kind(row.type)
        opened: Credential | None = None
        try:
            opened = await self._opening.open(workspace, row.id, (kind,))
            said = await kind.check(opened, self._opening.http) if kind.check else "it can be opened"
        except PostponedError as error:
            raise RateLimited("RATE_LIMITED", str(error), error.seconds) from None
        except NodeError as error:
            hidden = Redaction(opened.secrets() if opened else ())
            return Tested(False, error.code, hidden.excerpt(error.message), hidden.excerpt(error.hint))
        return Tested(True, message=Redaction(opened.secrets()).text(said))

    def kind(self, name: str) -> CredentialType:
        """A credential type of the catalogue."""
        kind = self._catalogue.credential_types.get(name)
        if kind is None:
            there = ", ".join(sorted(self._catalogue.credential_types)) or "none"
            message = f"there is no credential type {name[:60]!r}; there are: {there}"
            raise invalid("UNKNOWN_CREDENTIAL_TYPE", message, "type")
        return kind

    async def _write(
        self,
        session: AsyncSession,
        row: IntegrationRow,
        fields: Mapping[str, Any],
        hosts: Sequence[str],
        keys: KeyRing,
    ) -> None:
        kind, old = self.kind(row.type), _unsealed(row, keys)
        merged = {**old.fields, **fields}
        wanted = {name: value for name, value in merged.items() if value is not None}
        content, shown = content_from(kind, wanted, hosts or named_hosts(kind, old), [])
        require_secrets(kind, old, content, fields)
        integrations.fill(row, content, shown, keys)
        if content.fields != old.fields:
            # Tokens are another client's, or another user's, now.
            await integrations_tokens.forget(session, row.id)

    def _view(self, row: IntegrationRow, tokens: OAuthTokenRow | None) -> IntegrationView:
        return view_of(row, self._catalogue.credential_types.get(row.type), tokens)


def _shown(row: IntegrationRow) -> dict[str, Any]:
    rate = {"rate_limit": f"{row.rate_count} in {row.rate_seconds} s"} if row.rate_count else {}
    return {"name": row.name, "type": row.type, "hosts": list(row.hosts), **rate}


def _tell(
    session: AsyncSession,
    deed: str,
    row: IntegrationRow,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> None:
    # Names of fields only: their values may be secrets.
    caller, action = current_caller(), f"integration.{deed}"
    who = actor(row.workspace)
    audit(session, caller, action, "integration", row.id, before, after, workspace=row.workspace, actor=who)


def _unsealed(row: IntegrationRow, keys: KeyRing) -> Content:
    try:
        return integrations.content_of(row, keys)
    except Unsealable as error:
        message = f"the integration {row.name[:100]!r} can't be opened: {error}; give SECRET_KEY that key"
        raise precondition("INTEGRATION_UNREADABLE", message) from None


def _rate(rate: tuple[int, int]) -> tuple[int, int]:
    count, seconds = rate
    if count == 0:
        return 0, 0
    if count < 0 or not 1 <= seconds <= _DAY:
        message = f"{count} calls in {seconds} s is no rate limit; count must be positive, seconds from 1 to {_DAY}"
        raise invalid("INVALID_FIELD", message, "rate_limit")
    return count, seconds


def _name(name: str) -> str:
    name = name.strip()
    if len(name) > MOST_NAME:
        raise invalid("INVALID_FIELD", f"name has {len(name)} characters; at most {MOST_NAME}", "name")
    return name

"""A credential type as a node declares it, and an opened credential as the node gets it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, SecretStr

if TYPE_CHECKING:
    from nodes.http.egress import Egress


class CredentialFields(BaseModel):
    """What a user fills in; secret fields are SecretStr, a description per field."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class OAuth2:
    """Where a user's consent and the tokens come from; empty URLs are fields of the credential instead.

    `parameters` are added to the address at which the user consents. `client_authentication` says how the client
    proves itself where tokens are given; a field of that name goes before it.
    """

    authorize_url: str = ""
    token_url: str = ""
    scopes: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    client_authentication: Literal["body", "basic"] = "body"


@dataclass(frozen=True)
class CredentialType:
    """A kind of credential: what it holds and which hosts may see it.

    `hosts` are the default; a type without any makes the user name them. A host is a name, or `*.` and a domain.
    `check` tries a credential out: it raises a NodeError if the service refuses it, and may say whose it is.
    """

    name: str
    title: str
    fields: type[CredentialFields]
    hosts: tuple[str, ...] = ()
    oauth2: OAuth2 | None = None
    check: Callable[[Credential, Egress], Awaitable[str]] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class CredentialSlot:
    """A credential that a node takes under a name in its `credentials`; any one of the types fits."""

    types: tuple[CredentialType, ...]
    required: bool = True


@dataclass(frozen=True)
class Credential:
    """An opened credential. `access_token` is the current token of an OAuth 2 type, refreshed if need be."""

    id: str
    name: str
    type: CredentialType
    fields: CredentialFields = field(repr=False)
    hosts: tuple[str, ...] = ()
    access_token: SecretStr | None = None

    def allows(self, host: str) -> bool:
        """Whether the credential may be sent to a host."""
        host = host.lower().rstrip(".")
        return any(
            host.endswith(pattern[1:].lower()) if pattern.startswith("*.") else host == pattern.lower()
            for pattern in self.hosts
        )

    def secrets(self) -> Iterator[str]:
        """Every secret value that must not be seen, also joined to a name as in `user:password`."""
        values = dict(self.fields)
        plain = [value for value in values.values() if isinstance(value, str) and value]
        for secret in secrets_in(values):
            yield secret
            yield from (f"{name}:{secret}" for name in plain)
        if self.access_token:
            yield self.access_token.get_secret_value()


def secrets_in(value: Any) -> Iterator[str]:
    """The secret texts in fields, however deep, that aren't empty."""
    match value:
        case SecretStr():
            if value.get_secret_value():
                yield value.get_secret_value()
        case BaseModel():
            yield from secrets_in(dict(value))
        case dict():
            yield from (secret for child in value.values() for secret in secrets_in(child))
        case list() | tuple():
            yield from (secret for child in value for secret in secrets_in(child))


class Credentials(Protocol):
    """Opens stored credentials, inside an activity only."""

    async def open(self, workspace: str, credential_id: str, types: tuple[CredentialType, ...]) -> Credential:
        """The credential; PermanentError if it isn't the workspace's, is gone, or is of none of the types."""

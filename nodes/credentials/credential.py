"""A credential type as a node declares it, and an opened credential as the node gets it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import BaseModel, ConfigDict, SecretStr


class CredentialFields(BaseModel):
    """What a user fills in; secret fields are SecretStr, a description per field."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class OAuth2:
    """Where a user's consent and the tokens come from; empty URLs are fields of the credential instead."""

    authorize_url: str = ""
    token_url: str = ""
    scopes: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class CredentialType:
    """A kind of credential: what it holds and which hosts may see it.

    `hosts` are the default; a type without any makes the user name them. A host is a name, or `*.` and a domain.
    """

    name: str
    title: str
    fields: type[CredentialFields]
    hosts: tuple[str, ...] = ()
    oauth2: OAuth2 | None = None


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
        """Every secret value that must not be seen."""
        for value in dict(self.fields).values():
            if isinstance(value, SecretStr) and value.get_secret_value():
                yield value.get_secret_value()
        if self.access_token:
            yield self.access_token.get_secret_value()


class Credentials(Protocol):
    """Opens stored credentials, inside an activity only."""

    async def open(self, workspace: str, credential_id: str, types: tuple[CredentialType, ...]) -> Credential:
        """The credential; PermanentError if it isn't the workspace's, is gone, or is of none of the types."""

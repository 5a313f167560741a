"""The credentials that any HTTP service may want, and where their values go in a request."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from nodes.credentials.credential import Credential, CredentialFields, CredentialType, OAuth2
from nodes.errors import PermanentError
from nodes.http.request import header_problem
from nodes.parameters import misuse


class BearerFields(CredentialFields):
    """A token that is sent as `Authorization: Bearer …`."""

    token: SecretStr = Field(min_length=1, description="The token, without the word Bearer.")


class BasicFields(CredentialFields):
    """A user name and a password, sent as `Authorization: Basic …`."""

    user: str = Field(description="The user name; it can't hold a colon.", pattern=r"^[^:\x00-\x1f\x7f]*$")
    password: SecretStr = Field(description="The password.")


class HeaderFields(CredentialFields):
    """A header with a secret value."""

    name: str = Field(min_length=1, max_length=200, description="The header's name, such as X-API-Key.")
    value: SecretStr = Field(min_length=1, description="The header's value.")

    @field_validator("name")
    @classmethod
    def _header(cls, name: str) -> str:
        if problem := header_problem(name):
            raise misuse(problem)
        return name


class QueryFields(CredentialFields):
    """A query parameter with a secret value."""

    name: str = Field(min_length=1, max_length=200, description="The query parameter's name, such as api_key.")
    value: SecretStr = Field(min_length=1, description="The query parameter's value.")


class OAuth2Fields(CredentialFields):
    """An OAuth 2.0 client, and where it gets its tokens."""

    client_id: str = Field(min_length=1, description="The client's id.")
    client_secret: SecretStr | None = Field(default=None, description="The client's secret; a public client has none.")
    authorize_url: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Where a user consents (authorization code); empty if it acts for itself (client credentials).",
    )
    token_url: str = Field(pattern=r"^https?://\S+$", description="Where tokens are given out and refreshed.")
    scopes: list[str] = Field(default_factory=list, description="The scopes to ask for.")
    client_authentication: Literal["basic", "body"] = Field(
        default="basic", description="Whether id and secret go to the token URL as Basic authentication or in the body."
    )


HTTP_BEARER = CredentialType("http_bearer", "Bearer token", BearerFields)
HTTP_BASIC = CredentialType("http_basic", "User name and password", BasicFields)
HTTP_HEADER = CredentialType("http_header", "Header", HeaderFields)
HTTP_QUERY = CredentialType("http_query", "Query parameter", QueryFields)
OAUTH2 = CredentialType("oauth2", "OAuth 2.0", OAuth2Fields, oauth2=OAuth2())
TYPES = (HTTP_BEARER, HTTP_BASIC, HTTP_HEADER, HTTP_QUERY, OAUTH2)


@dataclass(frozen=True)
class Authorization:
    """What a request must carry: headers and query parameters by name."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


def authorization(credential: Credential) -> Authorization:
    """What a credential of one of these types adds to a request."""
    place = _PLACES.get(credential.type.name)
    if place is None:
        raise PermanentError(
            f'the credential "{credential.name}" is of the type {credential.type.title}, which no request can carry',
            code="INVALID_CREDENTIAL",
        )
    return place(credential, credential.fields)


def _bearer(_: Credential, fields: Any) -> Authorization:
    return Authorization(headers={"Authorization": f"Bearer {fields.token.get_secret_value()}"})


def _basic(_: Credential, fields: Any) -> Authorization:
    pair = f"{fields.user}:{fields.password.get_secret_value()}".encode()
    return Authorization(headers={"Authorization": f"Basic {base64.b64encode(pair).decode()}"})


def _header(_: Credential, fields: Any) -> Authorization:
    return Authorization(headers={fields.name: fields.value.get_secret_value()})


def _query(_: Credential, fields: Any) -> Authorization:
    return Authorization(query={fields.name: fields.value.get_secret_value()})


def _oauth2(credential: Credential, _: Any) -> Authorization:
    if credential.access_token is None:
        raise PermanentError(
            f'the credential "{credential.name}" has no access token yet',
            code="CREDENTIAL_NOT_AUTHORIZED",
            hint="authorise the integration first",
        )
    return Authorization(headers={"Authorization": f"Bearer {credential.access_token.get_secret_value()}"})


_PLACES: Mapping[str, Callable[[Credential, Any], Authorization]] = {
    "http_bearer": _bearer,
    "http_basic": _basic,
    "http_header": _header,
    "http_query": _query,
    "oauth2": _oauth2,
}

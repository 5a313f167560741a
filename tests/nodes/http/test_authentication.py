"""The credentials that any HTTP service may want."""

from typing import Any

import pytest
from pydantic import ValidationError

from nodes.credentials.credential import Credential, CredentialFields, CredentialType
from nodes.errors import PermanentError
from nodes.http.authentication import (
    HTTP_BASIC,
    HTTP_BEARER,
    HTTP_HEADER,
    HTTP_QUERY,
    OAUTH2,
    TYPES,
    authorization,
)


def made(kind: CredentialType, **fields: Any) -> Credential:
    return Credential("c", "mine", kind, kind.fields(**fields), ("example.com",))


@pytest.mark.parametrize(
    ("credential", "headers", "query"),
    [
        (made(HTTP_BEARER, token="t"), {"Authorization": "Bearer t"}, {}),
        (
            made(HTTP_BASIC, user="Aladdin", password="open sesame"),
            {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
            {},
        ),
        (made(HTTP_HEADER, name="X-Key", value="v"), {"X-Key": "v"}, {}),
        (made(HTTP_QUERY, name="key", value="v w"), {}, {"key": "v w"}),
    ],
)
def test_where_values_go(credential: Credential, headers: Any, query: Any) -> None:
    found = authorization(credential)
    assert (found.headers, found.query) == (headers, query)
    assert "Bearer" not in repr(found)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (HTTP_BEARER, {"token": ""}),
        (HTTP_BASIC, {"user": "a:b", "password": "p"}),
        (HTTP_HEADER, {"name": "X Key", "value": "v"}),
        (HTTP_HEADER, {"name": "Content-Length", "value": "5"}),
        (HTTP_QUERY, {"name": "", "value": "v"}),
        (OAUTH2, {"client_id": "i", "token_url": "example.com/token"}),
        (OAUTH2, {"client_id": "i", "token_url": "https://a.example/t", "authorize_url": "javascript:x"}),
    ],
)
def test_fields_that_cant_be(kind: CredentialType, fields: Any) -> None:
    with pytest.raises(ValidationError):
        kind.fields(**fields)


def test_another_type() -> None:
    class Fields(CredentialFields):
        """None."""

    credential = Credential("c", "mine", CredentialType("odd", "Odd", Fields), Fields())
    with pytest.raises(PermanentError, match="of the type Odd, which no request can carry") as caught:
        authorization(credential)
    assert caught.value.code == "INVALID_CREDENTIAL"


def test_every_field_says_what_it_is() -> None:
    for kind in TYPES:
        assert all(field.description for field in kind.fields.model_fields.values())
        assert kind.hosts == ()

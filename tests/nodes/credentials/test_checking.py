"""A check asks the service once, with the credential, and says what it heard."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from nodes.credentials.checking import bearing, not_ok
from nodes.credentials.credential import Credential
from nodes.errors import NodeError
from nodes.http.authentication import HTTP_BEARER
from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy
from tests.nodes.tool.web import Web, serving

FIELDS = HTTP_BEARER.fields.model_validate({"token": "t0ken"})
CREDENTIAL = Credential("i", "mine", HTTP_BEARER, FIELDS, ("127.0.0.1",))


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as found:
        yield found


@pytest.fixture
async def http() -> AsyncIterator[Egress]:
    egress = Egress(EgressPolicy.parse("127.0.0.1"))
    yield egress
    await egress.close()


async def test_the_service_takes_it(web: Web, http: Egress) -> None:
    web.answers(200, {"ok": True})
    assert await bearing(f"{web.url}/user", refused=not_ok)(CREDENTIAL, http) == "127.0.0.1 takes it"
    assert web.last.headers["authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, {"ok": False, "error": "invalid_auth"}, "CREDENTIAL_REFUSED"),
        (200, b"<html>", "CREDENTIAL_REFUSED"),
        (200, [], "CREDENTIAL_REFUSED"),
        (401, {"message": "no"}, None),
        (503, {}, None),
    ],
)
async def test_the_service_refuses_it(web: Web, http: Egress, status: int, body: Any, code: str | None) -> None:
    web.answers(status, body)
    with pytest.raises(NodeError, match=r"127\.0\.0\.1") as caught:
        await bearing(web.url, refused=not_ok)(CREDENTIAL, http)
    if code:
        assert caught.value.code == code


async def test_a_host_that_is_not_its_own_is_not_asked(web: Web, http: Egress) -> None:
    elsewhere = replace(CREDENTIAL, hosts=("github.example.com",))
    assert "nobody was asked" in await bearing(web.url)(elsewhere, http)
    assert web.asked == []

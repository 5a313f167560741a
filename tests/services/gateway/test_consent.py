"""Consent for an integration on the browser's path: to the provider, and back by its redirect."""

from typing import Any

import httpx
import pytest
from workflow_engine.v1 import integration_pb2 as pb
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub

from services.store.ids import new_id
from tests.services import authorization_server
from tests.services.authorization_server import Service, running
from tests.services.conftest import Api
from tests.services.identity.conftest import Guarded, guarded

__all__ = ["guarded"]


async def asked(stub: Any, service: Service, url: str, metadata: Any, **whose: str) -> tuple[str, str]:
    """A new integration's id, and where the provider sends the browser that consents."""
    creating = pb.CreateIntegrationRequest(name="Mail", type="oauth2", hosts=["127.0.0.1"], **whose)
    creating.fields.update(service.fields())
    made = (await stub.CreateIntegration(creating, metadata=metadata)).integration
    redirect = f"{url}/oauth/callback"
    request = pb.StartAuthorizationRequest(integration_id=made.id, redirect_uri=redirect, **whose)
    begun = await stub.StartAuthorization(request, metadata=metadata)
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(begun.url)
    location = answer.headers["location"]
    assert location.startswith(redirect), answer.text
    return made.id, location


@pytest.mark.parametrize("user_id", ["", "ada"])
async def test_consent_on_ones_own_machine(api: Api, user_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api.server.http
    monkeypatch.setattr(authorization_server, "REDIRECT", f"{api.server.http.url}/oauth/callback")
    stub: Any = IntegrationServiceStub(api.channel)
    async with running() as service, httpx.AsyncClient() as browser:
        made, location = await asked(stub, service, api.server.http.url, (), user_id=user_id)
        done = await browser.get(location)
        assert done.status_code == 200, done.text
        assert "“Mail” is authorised now" in done.text
        assert service.provider.grants == ["authorization_code"]
        got = await stub.GetIntegration(pb.GetIntegrationRequest(integration_id=made, user_id=user_id))
        assert got.integration.authorization == pb.AUTHORIZED
        again = await browser.get(location)
        assert (again.status_code, again.json()["reason"]) == (400, "UNKNOWN_STATE")


async def test_consent_of_who_signed_in(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    assert guarded.server.http
    url = guarded.server.http.url
    monkeypatch.setattr(authorization_server, "REDIRECT", f"{url}/oauth/callback")
    owner, stranger = await guarded.person(new_id()), await guarded.person(new_id())
    stub = guarded.stubs["IntegrationService"]
    async with running() as service, httpx.AsyncClient() as browser:
        made, location = await asked(stub, service, url, owner.metadata)
        for person, status in ((None, 401), (stranger, 403), (owner, 200)):
            token = person.tokens.access_token if person else ""
            answer = await browser.get(location, headers={"cookie": f"orchestrator_access={token}"})
            assert answer.status_code == status, answer.text
        got = await stub.GetIntegration(pb.GetIntegrationRequest(integration_id=made), metadata=owner.metadata)
        assert got.integration.authorization == pb.AUTHORIZED

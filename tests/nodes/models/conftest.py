"""Models of both providers, at the server that speaks their wire formats."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from nodes.credentials.credential import Credential, CredentialType
from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy
from nodes.models.chat import ChatModel
from nodes.models.credentials import ANTHROPIC_API_KEY, OPENAI_API_KEY
from nodes.models.providers import open_model
from tests.model_server.running import ModelServer, serving
from tests.model_server.script import scripted

KEY = "sk-the-users-own-secret-key"
TYPES: dict[str, CredentialType] = {"openai": OPENAI_API_KEY, "anthropic": ANTHROPIC_API_KEY}
Open = Callable[..., ChatModel]


@pytest.fixture(scope="session")
def running() -> Iterator[ModelServer]:
    with serving() as server:
        yield server


@pytest.fixture
def server(running: ModelServer) -> ModelServer:
    """The server as if it were new."""
    running.kept.clear()
    running.model.keys = ()
    running.model.answering = scripted
    return running


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    http = Egress(EgressPolicy.parse("127.0.0.0/8"))
    yield http
    await http.close()


@pytest.fixture(params=["openai", "anthropic"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def key_of(provider: str, hosts: tuple[str, ...] = ("127.0.0.1",), **fields: Any) -> Credential:
    """A user's key, for this machine."""
    kind = TYPES[provider]
    return Credential("c1", "mine", kind, kind.fields(**{"api_key": KEY, **fields}), hosts)


@pytest.fixture
def model(server: ModelServer, egress: Egress, provider: str) -> Open:
    """Opens a model of the provider at the server."""

    def opened(name: str = "test-model", **given: Any) -> ChatModel:
        url = server.openai_url if provider == "openai" else server.anthropic_url
        credential = given.pop("credential", key_of(provider))
        return open_model(
            egress,
            **{
                "provider": provider,
                "model": name,
                "credential": credential,
                "base_url": url,
                "timeout": 20.0,
                **given,
            },
        )

    return opened

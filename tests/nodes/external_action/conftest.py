"""Mocks of vendors made from their own descriptions, and a way to perform one operation against them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from nodes.credentials.credential import Credential
from nodes.external_action.github_api.client import GITHUB_TOKEN
from nodes.external_action.google.access import GOOGLE_OAUTH2
from nodes.external_action.slack_api.client import SLACK_TOKEN
from nodes.external_action.trello_api.client import TRELLO_KEY
from nodes.http.egress import Egress
from tests.nodes.tool.parts import MemoryFiles, credential, open_egress, parts
from tests.vendors.mock import VendorMock

Run = Callable[..., Awaitable[Any]]
CREDENTIALS: dict[str, Credential] = {
    "GITHUB": credential(GITHUB_TOKEN, token="ghp-secret"),
    "GOOGLE_CALENDAR": credential(GOOGLE_OAUTH2, access_token="ya29-secret", client_id="i", client_secret="s"),
    "SLACK": credential(SLACK_TOKEN, token="xoxb-secret"),
    "TRELLO": credential(TRELLO_KEY, key="trello-key", token="trello-secret"),
}
AUTHORIZATIONS = {
    "GITHUB": "Bearer ghp-secret",
    "GOOGLE_CALENDAR": "Bearer ya29-secret",
    "SLACK": "Bearer xoxb-secret",
    "TRELLO": 'OAuth oauth_consumer_key="trello-key", oauth_token="trello-secret"',
}


@pytest.fixture(scope="session")
def running() -> Iterator[dict[str, VendorMock]]:
    mocks = {vendor: VendorMock(vendor.lower(), authorization) for vendor, authorization in AUTHORIZATIONS.items()}
    for mock in mocks.values():
        mock.start()
    yield mocks
    for mock in mocks.values():
        mock.shutdown()
        mock.server_close()


@pytest.fixture
def mocks(running: dict[str, VendorMock]) -> Iterator[dict[str, VendorMock]]:
    """The vendors; a request that a vendor's description doesn't allow fails the test."""
    for mock in running.values():
        mock.clear()
    yield running
    assert [violation for mock in running.values() for violation in mock.violations] == []


@pytest.fixture(scope="session")
async def egress() -> AsyncIterator[Egress]:
    http = open_egress()
    yield http
    await http.close()


@pytest.fixture
def perform(execute: Run, mocks: dict[str, VendorMock], egress: Egress) -> Run:
    """Performs one operation with the vendor's credential; files of the item by name."""

    async def call(
        vendor: str, parameters: dict[str, Any], *, files: dict[str, bytes] | None = None, **fields: Any
    ) -> Any:
        resources = parts(egress, opened=CREDENTIALS[vendor])
        store = resources.files
        assert isinstance(store, MemoryFiles)
        kept = {
            name: await store.create(f"{name}.txt", "text/plain", content) for name, content in (files or {}).items()
        }
        fields = {"credentials": {"auth": "c1"}, "idempotency_key": "run/N/0/0", **fields}
        given = {"base_url": mocks[vendor].url, **parameters}
        item = {"json": {}, "files": kept}
        return await execute(f"EXTERNAL_ACTION.{vendor}", given, [item], resources=resources, **fields)

    return call

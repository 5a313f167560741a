"""The engine that the tests of the workflow share."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests.temporal.harness import Engine
from tests.temporal.harness import engine as running


@pytest.fixture(scope="session")
async def engine(temporal_client: Client) -> AsyncIterator[Engine]:
    """A worker on the real server."""
    async with running(temporal_client, "workflow-tests") as started:
        yield started

"""One sandbox for all these tests."""

from collections.abc import AsyncIterator

import pytest

from nodes.sandbox.sandbox import Sandbox


@pytest.fixture(scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    pool = Sandbox()
    yield pool
    await pool.close()

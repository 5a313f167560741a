"""One pool of expression processes for all these tests."""

from collections.abc import AsyncIterator

import pytest

from nodes.expression.expressions import Expressions


@pytest.fixture(scope="session")
async def expressions() -> AsyncIterator[Expressions]:
    pool = Expressions(timeout=0.5)
    yield pool
    await pool.close()

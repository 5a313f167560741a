"""What these tests share: a Redis of their own, and somebody who is called."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.nodes.http.server import Server, serving
from tests.services.limits.redis_server import RedisServer


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    """A Redis that may be killed."""
    server = RedisServer()
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
def server() -> Iterator[Server]:
    """A third party."""
    with serving() as started:
        yield started

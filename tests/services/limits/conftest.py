"""What these tests share: somebody who is called."""

from collections.abc import Iterator

import pytest

from tests.nodes.http.server import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    """A third party."""
    with serving() as started:
        yield started

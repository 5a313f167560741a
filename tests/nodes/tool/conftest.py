"""A web server, and an egress client that may reach it."""

from collections.abc import AsyncIterator

import pytest

from nodes.http.egress import Egress
from tests.nodes.tool.parts import open_egress
from tests.nodes.tool.web import Web, serving


@pytest.fixture(scope="package")
async def egress() -> AsyncIterator[Egress]:
    egress = open_egress()
    yield egress
    await egress.close()


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as web:
        yield web

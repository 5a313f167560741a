"""Processes that the tests of a module kill one after another."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.processes import Processes


@pytest.fixture(scope="module")
async def processes(tmp_path_factory: pytest.TempPathFactory, module_postgres_url: str) -> AsyncIterator[Processes]:
    started = Processes(tmp_path_factory.mktemp("processes"), module_postgres_url)
    await started.start()
    yield started
    await started.stop()

"""What the tests that kill processes share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.processes import Processes


@pytest.fixture
async def processes(tmp_path: Path, postgres_url: str) -> AsyncIterator[Processes]:
    """A server, a worker and Temporal of the test's own."""
    started = Processes(tmp_path, postgres_url)
    await started.start()
    yield started
    await started.stop()

"""A deployment of a test's own: PostgreSQL's database, a task queue, and no processes yet."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from temporal.dev_server import DevServer
from tests.deploy.processes import Deployment
from tests.deploy.shop import Shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    opened = Shop()
    yield opened
    opened.close()


@pytest.fixture
async def deployment(tmp_path: Path, postgres_url: str, temporal_server: DevServer) -> AsyncIterator[Deployment]:
    environment = {
        "DATABASE_URL": postgres_url,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "GRPC_HOST": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "SECRET_KEY": "k1:" + "A" * 43 + "=",
        "ORCHESTRATOR_EGRESS_ALLOW": "127.0.0.0/8",
        "ORCHESTRATOR_RATE_LIMIT": "0",
        "ORCHESTRATOR_FILES_URL": str(tmp_path / "files"),
        "ORCHESTRATOR_TASK_QUEUE": f"deploy-{time.monotonic_ns()}",
        "ORCHESTRATOR_DRAIN_SECONDS": "1",
        "ORCHESTRATOR_SHUTDOWN_SECONDS": "20",
        "LOG_LEVEL": "INFO",
        "LOG_FORMAT": "json",
    }
    made = Deployment(tmp_path, environment)
    await made.prepare()
    yield made
    await made.stop()

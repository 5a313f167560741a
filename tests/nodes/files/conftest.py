"""Places for files: a local folder, memory, and a server that speaks S3's protocol."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nodes.files.store import FileStore

LIMIT = 1 << 20
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """A bucket on a server of another project's."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "tests")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        boto3.client("s3").create_bucket(Bucket="files")
        yield "s3://files"
    server.stop()


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    """An empty store of each kind."""
    if request.param == "folder":
        return FileStore(str(tmp_path / "store"), limit=LIMIT)
    if request.param == "memory":
        return FileStore(f"memory://{uuid.uuid4()}", limit=LIMIT)
    return FileStore(f"{request.getfixturevalue('s3_url')}/{uuid.uuid4()}", limit=LIMIT)


@pytest.fixture
def local(tmp_path: Path) -> FileStore:
    """An empty store in a folder."""
    return FileStore(str(tmp_path / "store"), limit=LIMIT)


@pytest.fixture
def operate(execute: Callable[..., Any]) -> Callable[..., Any]:
    """One call of FILE_OPERATION in the workspace `ws`; returns the items."""

    async def call(store: FileStore, operation: str, item: dict[str, Any] | None = None, **parameters: Any) -> Any:
        resources = SimpleNamespace(files=store)
        given = {"operation": operation, **parameters}
        output = await execute(
            "ACTION.FILE_OPERATION",
            given,
            [item or {"json": {}}],
            resources=resources,
            workspace="ws",
            execution_id="run-1",
        )
        return output.ports["main"]

    return call

"""While PostgreSQL or Temporal is away, deliveries are refused for a while, and leave nothing half done."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode
from workflow_engine.v1 import execution_pb2

from services.embedded import EmbeddedPostgres
from services.store import migrate
from services.store.ids import new_id
from temporal.client import Runs
from tests.services.triggers.conftest import Gateway, gateway_on
from tests.services.triggers.test_webhooks import hook


@pytest.mark.parametrize("status", [RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNKNOWN])
async def test_temporal_is_away(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, status: RPCStatusCode) -> None:
    path = new_id()
    workflow_id = await gateway.on(hook(path, dedupe_header="X-Id"))

    async def fails(*_: Any) -> None:
        raise RPCError("secret details", status, b"")

    async with gateway.http() as http:
        with monkeypatch.context() as away:
            away.setattr(Runs, "start", fails)
            refused = await http.post(f"/webhook/{path}", headers={"X-Id": "1"}, json={"n": 1})
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert "secret" not in refused.text
        taken = await http.post(f"/webhook/{path}", headers={"X-Id": "1"}, json={"n": 1})
    assert taken.status_code == 202
    (run,) = await gateway.runs(workflow_id)
    assert (await gateway.output(run.execution_id))["Echo"][0]["body"] == {"n": 1}


async def test_an_event_without_an_id_leaves_nothing(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    path = new_id()
    workflow_id = await gateway.on(hook(path))

    async def fails(*_: Any) -> None:
        raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")

    async with gateway.http() as http:
        with monkeypatch.context() as away:
            away.setattr(Runs, "start", fails)
            refused = await http.post(f"/webhook/{path}", content=b"\x00" * 100)
    assert refused.status_code == 503
    assert not await gateway.runs(workflow_id)
    assert _files(gateway) == []


async def test_a_run_that_began_unheard_has_its_files(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    path = new_id()
    begin = Runs.start
    workflow_id = await gateway.on(hook(path))

    async def unheard(*given: Any) -> None:
        await begin(*given)
        raise RPCError("late", RPCStatusCode.DEADLINE_EXCEEDED, b"")

    async with gateway.http() as http:
        with monkeypatch.context() as away:
            away.setattr(Runs, "start", unheard)
            refused = await http.post(f"/webhook/{path}", content=b"\x00" * 100)
    # By then the run may have said itself that it began.
    assert refused.status_code in (202, 503)
    (run,) = await gateway.runs(workflow_id)
    assert execution_pb2.ExecutionStatus.Name((await gateway.ended(run.execution_id)).status) == "COMPLETED"
    (kept,) = _files(gateway)
    assert kept.read_bytes() == b"\x00" * 100


def _files(gateway: Gateway) -> list[Path]:
    return [one for one in Path(gateway.settings.orchestrator_files_url).rglob("*") if one.is_file()]


@pytest.fixture
async def own_postgres(data_folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server that the test may stop."""
    server = EmbeddedPostgres(data_folder, durable=False)
    await server.start()
    yield server
    await server.stop()


async def test_postgresql_is_away(own_postgres: EmbeddedPostgres, temporal_client: Any, tmp_path: Path) -> None:
    migrate.upgrade(own_postgres.url())
    gateway = gateway_on(own_postgres.url(), temporal_client, str(tmp_path))
    await gateway.start()
    try:
        path = new_id()
        workflow_id = await gateway.on(hook(path))
        async with gateway.http() as http:
            await own_postgres.stop()
            refused = await http.post(f"/webhook/{path}")
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            assert (await http.get(f"/form/{path}")).status_code == 503
            await own_postgres.start()
            taken = await http.post(f"/webhook/{path}")
            assert taken.status_code == 202
        await gateway.ended(taken.json()["execution_id"])
        assert len(await gateway.runs(workflow_id)) == 1
    finally:
        await gateway.stop()

"""A server deletes old runs by itself, as its settings say."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from orchestrator.record import ExecutionRecord, Status
from services import wiring
from services.store import recording
from tests.services.conftest import Store, api_settings


async def test_a_server_keeps_to_its_days(
    store: Store, temporal_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    young, old, failed = [await store.execution() for _ in range(3)]
    for run, days, status in (
        (young, 1, Status.COMPLETED),
        (old, 10, Status.COMPLETED),
        (failed, 10, Status.FAILED),
    ):
        at = datetime.now(UTC) - timedelta(days=days)
        await recording.record(store.database, run, [], ExecutionRecord(status, at))
        async with store.database.driver() as connection:
            await connection.execute("UPDATE workflow_executions SET started_at = %s WHERE id = %s", [at, run])
    monkeypatch.setattr(wiring, "_CLEAN_AFTER_SECONDS", 0)
    settings = api_settings(store.database.url, orchestrator_retention_days=7, orchestrator_retention_failed_days=90)
    server = wiring.build_server(settings, temporal_client, role=wiring.ServerRole(local=True))
    await server.start()
    try:
        async with asyncio.timeout(60):
            while await store.count("workflow_executions") > 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        await server.stop()
    async with store.database.driver() as connection:
        rows = await (await connection.execute("SELECT id FROM workflow_executions")).fetchall()
    assert {row.id for row in rows} == {young, failed}

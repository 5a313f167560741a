"""What a server does by itself: it deletes old runs, as its settings say, and ends those that never began."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from orchestrator.record import ExecutionRecord, Status
from services import wiring
from services.settings import Settings
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
    async with serving(settings, temporal_client):
        while await store.count("workflow_executions") > 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (await statuses(store)).keys() == {young, failed}


async def test_a_server_ends_what_never_began(
    store: Store, temporal_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, young = [await store.execution() for _ in range(2)]
    async with store.database.driver() as connection:
        await connection.execute(
            "UPDATE workflow_executions SET started_at = now() - interval '20 s' WHERE id = %s", [lost]
        )
    monkeypatch.setattr(wiring, "_UNBEGUN_SECONDS", 0.05)
    async with serving(api_settings(store.database.url), temporal_client):
        while (await statuses(store))[lost] == "RUNNING":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert await statuses(store) == {lost: "FAILED", young: "RUNNING"}


@asynccontextmanager
async def serving(settings: Settings, client: Client) -> AsyncIterator[None]:
    """A server is up; what is waited for meanwhile comes within a minute."""
    server = wiring.build_server(settings, client, role=wiring.ServerRole(local=True))
    await server.start()
    try:
        async with asyncio.timeout(60):
            yield
    finally:
        await server.stop()


async def statuses(store: Store) -> dict[str, str]:
    """Every run's status, by its id."""
    async with store.database.driver() as connection:
        rows = await (await connection.execute("SELECT id, status FROM workflow_executions")).fetchall()
    return {row.id: row.status for row in rows}

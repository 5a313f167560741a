"""`orchestrator executions purge`, on a database of its own."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.record import ExecutionRecord, Status
from services.store import recording
from tests.services.conftest import Store

COMMAND = str(Path(sys.executable).with_name("orchestrator"))


async def purge(store: Store, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "DATABASE_URL": store.database.url}
    command = [COMMAND, "executions", "purge", *words]
    return await asyncio.to_thread(subprocess.run, command, env=environment, text=True, capture_output=True)


async def test_old_runs_are_counted_then_deleted(store: Store) -> None:
    old = datetime.now(UTC) - timedelta(days=40)
    for status in (Status.COMPLETED, Status.FAILED, None):
        run = await store.execution()
        if status:
            await recording.record(store.database, run, [], ExecutionRecord(status, old))
    async with store.database.single() as connection:
        await connection.exec_driver_sql("UPDATE workflow_executions SET started_at = now() - interval '40 days'")
    for words, many, left in (
        (("30d", "--dry-run"), 2, 3),
        (("60d",), 0, 3),
        (("12h", "--workspace", "other"), 0, 3),
        (("12h", "--status", "failed"), 1, 2),
        (("30d",), 1, 1),
    ):
        done = await purge(store, "--older-than", *words, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"executions": many, "dry_run": "--dry-run" in words}
        assert await store.count("workflow_executions") == left


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--older-than", "30"), "isn't an age; write 30d or 12h"),
        (("--older-than", "0d"), "isn't an age"),
        (("--older-than", "999999d"), "before all time"),
        (("--older-than", "1d", "--status", "RUNNING"), "isn't one of COMPLETED, FAILED, CANCELED, TIMED_OUT"),
    ],
)
async def test_what_makes_no_sense_is_said(store: Store, words: tuple[str, ...], said: str) -> None:
    done = await purge(store, *words)
    assert (done.returncode, said in " ".join(done.stderr.split())) == (1, True), done.stderr

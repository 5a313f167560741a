"""`orchestrator schedules`, on real schedules: what is paused starts nothing, and no time has two runs."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from temporal.dev_server import DevServer
from tests.graphs import sets, trigger, workflow
from tests.services.triggers.conftest import rig
from tests.services.triggers.rig import Rig, Run, until

__all__ = ["rig"]
COMMAND = str(Path(sys.executable).with_name("orchestrator"))


class Operator:
    """Runs the command as an operator does."""

    def __init__(self, rig: Rig, server: DevServer) -> None:
        url = rig.parts.settings.database_url.get_secret_value()
        self.environment = {**os.environ, "DATABASE_URL": url, "TEMPORAL_ADDRESS": server.address}

    async def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [COMMAND, "schedules", *words]
        return await asyncio.to_thread(
            subprocess.run, command, env=self.environment, text=True, capture_output=True, timeout=120
        )

    async def json(self, *words: str) -> list[dict[str, Any]]:
        done = await self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)["schedules"]
        return found


@pytest.fixture
def operator(rig: Rig, temporal_server: DevServer) -> Operator:
    return Operator(rig, temporal_server)


def clock(name: str, **parameters: Any) -> dict[str, Any]:
    """A workflow that starts by the clock."""
    return workflow(name, [trigger("Clock", "CRON", parameters=parameters), sets("Seen", seen=True)], "Clock -> Seen")


async def test_what_is_paused_starts_nothing(rig: Rig, operator: Operator) -> None:
    workflow_id = await rig.create(clock("ticking", every="1s", overlap="allow_all"))
    binding = await rig.turn_on(workflow_id)
    other = await rig.create(clock("yearly", cron="0 3 1 1 *"))
    await rig.turn_on(other)
    (listed,) = await operator.json("list", workflow_id)
    assert (listed["node"], listed["subtype"], listed["paused"]) == ("Clock", "CRON", False)
    assert listed["schedule_id"].endswith(binding)
    assert len(listed["next_times"]) == 5
    assert {one["workflow_id"] for one in await operator.json("list")} == {workflow_id, other}
    assert "Clock" in (await operator.run("list")).stdout

    (paused,) = await operator.json("pause", workflow_id, "--reason", "on holiday")
    assert paused["paused"]
    await asyncio.sleep(1)
    count = len(await rig.runs(workflow_id))
    await asyncio.sleep(2.5)
    assert len(await rig.runs(workflow_id)) == count
    described = await rig.client.get_schedule_handle(listed["schedule_id"]).describe()
    assert described.schedule.state.note == "on holiday"
    assert not (await operator.json("list", other))[0]["paused"]
    (resumed,) = await operator.json("resume", workflow_id, "--trigger", "Clock")
    assert not resumed["paused"]

    async def more() -> bool:
        return len(await rig.runs(workflow_id)) > count

    await until(more)
    async with rig.parts.database.single() as connection:
        query = "SELECT action, actor, via, after FROM audit_log WHERE object_id = %s AND action LIKE 'schedule.%%'"
        rows = (await connection.exec_driver_sql(f"{query} ORDER BY at", (workflow_id,))).all()
    deeds = [("schedule.pause", "operator", "cli"), ("schedule.resume", "operator", "cli")]
    assert [tuple(row[:3]) for row in rows] == deeds
    assert json.loads(rows[0][3]) == {"trigger": "Clock", "reason": "on holiday"}


async def test_a_period_is_made_up_for_once(rig: Rig, operator: Operator) -> None:
    workflow_id = await rig.create(clock("yearly", cron="0 3 1 1 *", timezone="Asia/Tokyo"))
    await rig.turn_on(workflow_id)

    async def completed(count: int) -> list[Run]:
        async def enough() -> list[Run]:
            runs = await rig.runs(workflow_id)
            return runs if sum(run.status == "COMPLETED" for run in runs) >= count else []

        found: list[Run] = await until(enough)
        return found

    await operator.json("backfill", workflow_id, "--from", "2024-06-01", "--to", "2026-06-01T00:00:00+02:00")
    await completed(2)
    await operator.json("backfill", workflow_id, "--from", "2023-06-01", "--to", "2026-06-01")
    await completed(3)
    await asyncio.sleep(1)
    times = sorted(run.item["json"]["scheduled_time"] for run in await rig.runs(workflow_id))
    assert times == [datetime(year, 12, 31, 18, tzinfo=UTC).isoformat() for year in (2023, 2024, 2025)]


async def test_what_makes_no_sense_is_said(rig: Rig, operator: Operator) -> None:
    workflow_id = await rig.create(clock("yearly", cron="0 3 1 1 *"))
    await rig.turn_on(workflow_id)
    backfill = ("backfill", workflow_id, "--from")
    for words, said in (
        (("pause", workflow_id, "--trigger", "Nothing"), "has no trigger 'Nothing' that is active"),
        (("pause", "no-such-workflow"), "has no trigger that is active"),
        ((*backfill, "soon", "--to", "2026-01-01"), "'soon' is no time"),
        ((*backfill, "2026-01-02", "--to", "2026-01-01"), "--from must lie before --to"),
        ((*backfill, "2026-01-01", "--to", "2999-01-01"), "must not lie in the future"),
        ((*backfill, "2025-01-01", "--to", "2025-02-01", "--overlap", "x"), "--overlap is one of skip"),
    ):
        done = await operator.run(*words)
        assert (done.returncode, said in " ".join(done.stderr.split())) == (1, True), done.stderr
        assert "Traceback" not in done.stderr
    operator.environment["TEMPORAL_ADDRESS"] = "127.0.0.1:1"
    away = await operator.run("list")
    assert (away.returncode, "Temporal can't be reached" in " ".join(away.stderr.split())) == (1, True), away.stderr

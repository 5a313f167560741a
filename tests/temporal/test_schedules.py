"""The times that Temporal finds for a CRON trigger are those that the expression means, in every zone."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleOverlapPolicy,
    ScheduleSpec,
)

from nodes.trigger.cron import CronParameters
from nodes.trigger.cron_times import around, changes
from temporal.schedules import Unkept, schedule_id, schedule_spec, unkept
from temporal.trigger import TriggerWorkflow

ZONES = ["Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
CRONS = ["30 2 * * *", "0 2,4 * * *", "*/30 2 * * *", "0 * * * *", "15 1-3 * * *", "0 9 * * MON-FRI", "0 0 1 * *"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", CRONS)
async def test_next_times(cron: str, zone: str, temporal_client: Client) -> None:
    """From a day before each change of the clock on, the times are cronsim's."""
    now = datetime(2027, 1, 1, tzinfo=UTC)
    parameters = CronParameters.model_validate({"cron": cron, "timezone": zone})
    moments = list(changes(ZoneInfo(zone), now, 2)) or [now + timedelta(days=59)]
    for number, change in enumerate(moments):
        spec = schedule_spec(parameters, now)
        spec.start_at = change - timedelta(hours=3) + timedelta(seconds=1)
        action: Any = ScheduleActionStartWorkflow(TriggerWorkflow.run, args=[], id="never", task_queue="nobody")
        handle = await temporal_client.create_schedule(
            f"next-times-{zone}-{CRONS.index(cron)}-{number}", Schedule(action=action, spec=spec)
        )
        try:
            found = [moment.astimezone(UTC) for moment in (await handle.describe()).info.next_action_times]
        finally:
            await handle.delete()
        counted = [moment for moment in found if parameters.means(moment)]
        expected = [moment for moment in around([cron], ZoneInfo(zone), change) if moment > spec.start_at]
        near = [moment for moment in counted if moment <= change + timedelta(hours=3)]
        assert near == expected[: len(near)]
        assert len(near) == len(expected) or len(found) >= 10


async def test_times_that_are_left_out_are_counted(temporal_client: Client) -> None:
    action: Any = ScheduleActionStartWorkflow(
        TriggerWorkflow.run, args=[], id=f"goes-on-{uuid4()}", task_queue="nobody"
    )
    handle = await temporal_client.create_schedule(
        schedule_id("overlaps"), Schedule(action=action, spec=ScheduleSpec())
    )
    try:
        for _ in range(3):
            await handle.trigger(overlap=ScheduleOverlapPolicy.SKIP)
            async with asyncio.timeout(30):
                while (await handle.describe()).info.num_actions < 1:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        async with asyncio.timeout(30):
            while (await unkept(temporal_client, ["overlaps", "there is none"])) != Unkept(0, 2):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        await handle.delete()
        async for run in temporal_client.list_workflows("TaskQueue = 'nobody' AND ExecutionStatus = 'Running'"):
            await temporal_client.get_workflow_handle(run.id).terminate()

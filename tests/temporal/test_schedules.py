"""The times that Temporal finds for a CRON trigger are those that the expression means, in every zone."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow

from nodes.trigger.cron import CronParameters
from nodes.trigger.cron_times import around, changes
from temporal.schedules import schedule_spec
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

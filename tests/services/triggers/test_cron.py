"""CRON on real servers: one run for each time, whatever overlaps, restarts or is swapped."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import ScheduleOverlapPolicy
from workflow_engine.v1 import execution_pb2

from services.usecases.restoring import Ledger, restore_agreement
from temporal.client import Runs
from tests.graphs import flow, sets, trigger, workflow
from tests.services.triggers.rig import Rig, Run, until


def ticking(wait: str = "", **parameters: Any) -> dict[str, Any]:
    """A workflow that starts by the clock, and takes a while."""
    clock = trigger("Clock", "CRON", parameters={"every": "1s", **parameters})
    if not wait:
        return workflow("ticking", [clock, sets("Seen", seen=True)], "Clock -> Seen")
    return workflow("ticking", [clock, flow("Wait", "WAIT", mode="duration", duration=wait)], "Clock -> Wait")


def times(runs: Sequence[Run]) -> list[datetime]:
    """When the runs were due."""
    return sorted(datetime.fromisoformat(run.item["json"]["scheduled_time"]) for run in runs)


def assert_every_second(runs: Sequence[Run]) -> None:
    """No second is missing between the first and the last, and none has two runs."""
    found = times(runs)
    assert found == [found[0] + timedelta(seconds=n) for n in range(len(found))]


async def ended(rig: Rig, workflow_id: str, count: int) -> list[Run]:
    """The runs, once so many have completed."""

    async def enough() -> list[Run]:
        runs = await rig.runs(workflow_id)
        return runs if sum(run.status == "COMPLETED" for run in runs) >= count else []

    found: list[Run] = await until(enough)
    return found


async def test_a_run_for_each_time(rig: Rig) -> None:
    workflow_id = await rig.create(ticking(overlap="allow_all"))
    binding = await rig.turn_on(workflow_id)
    view = (await rig.timers.describe([binding]))[binding]
    assert len(view.next_times) == 5
    assert not view.paused
    shown = await rig.shown(workflow_id)
    assert (shown.node, shown.subtype, shown.schedule_id) == ("Clock", "CRON", view.schedule_id)
    assert len(shown.next_times) == 5
    runs = await ended(rig, workflow_id, 4)
    assert_every_second(runs)
    first = runs[0]
    assert (first.mode, first.trigger, first.version) == ("TRIGGER", "Clock", 1)
    assert first.item["json"].keys() == {"scheduled_time", "actual_time"}
    late = datetime.fromisoformat(first.item["json"]["actual_time"]) - times(runs)[0]
    assert timedelta() <= late < timedelta(seconds=30)
    described = await rig.client.get_workflow_handle(first.id).describe()
    assert described.search_attributes["OrchestratorWorkflowId"] == [workflow_id]
    assert described.search_attributes["OrchestratorMode"] == ["TRIGGER"]
    row = await rig.binding(binding)
    assert row.last_execution_id in {run.id for run in await rig.runs(workflow_id)}
    assert row.last_started_at is not None

    await rig.turn_off(workflow_id)
    assert await rig.timers.describe([binding]) == {}
    count = len(await rig.runs(workflow_id))
    await asyncio.sleep(2.5)
    assert len(await rig.runs(workflow_id)) - count <= 1


async def test_a_worker_that_is_away_loses_and_doubles_nothing(rig: Rig) -> None:
    workflow_id = await rig.create(ticking(overlap="allow_all"))
    await rig.turn_on(workflow_id)
    await ended(rig, workflow_id, 2)
    await rig.stop_worker()
    await asyncio.sleep(3)
    await rig.start_worker()
    assert_every_second(await ended(rig, workflow_id, 9))


async def test_a_new_version_takes_over_without_a_gap(rig: Rig) -> None:
    workflow_id = await rig.create(ticking(overlap="allow_all"))
    old = await rig.turn_on(workflow_id)
    await ended(rig, workflow_id, 2)
    await rig.update(workflow_id, ticking(wait="10ms", overlap="allow_all"))
    new = await rig.turn_on(workflow_id)
    assert new == old
    count = len(await rig.runs(workflow_id))
    runs = await ended(rig, workflow_id, count + 3)
    assert_every_second(runs)
    assert {run.version for run in runs} == {1, 2}


OVERLAPS = [
    ("skip", {"COMPLETED"}, 1),
    ("buffer_one", {"COMPLETED"}, 1),
    ("cancel_other", {"CANCELED"}, 1),
    ("terminate_other", {"CANCELED"}, 1),
    ("allow_all", {"COMPLETED"}, 2),
]


@pytest.mark.parametrize(("overlap", "ends", "at_once"), OVERLAPS)
async def test_runs_that_overlap(overlap: str, ends: set[str], at_once: int, rig: Rig) -> None:
    """A run takes three times as long as from one time to the next."""
    workflow_id = await rig.create(ticking(wait="3s", overlap=overlap))
    await rig.turn_on(workflow_id)
    most = 0

    async def three_ended() -> list[Run]:
        nonlocal most
        runs = await rig.runs(workflow_id)
        open_now = [run for run in runs if run.status == "RUNNING"]
        for run in open_now if overlap == "terminate_other" else ():
            # Of a run that was terminated only Temporal knows, until somebody looks.
            await rig.stub.GetExecution(execution_pb2.GetExecutionRequest(execution_id=run.id))
        most = max(most, len([run for run in await rig.runs(workflow_id) if run.status == "RUNNING"]))
        done = [run for run in runs if run.status not in ("RUNNING", "NEW")]
        return done if len(done) >= 3 else []

    done = await until(three_ended)
    await rig.turn_off(workflow_id)
    assert {run.status for run in done} == ends
    assert most >= at_once
    if overlap == "allow_all":
        assert_every_second(done)
    else:
        # While one ends, the next may have been recorded.
        assert most <= 2
    distances = [late - early for early, late in zip(times(done), times(done)[1:], strict=False)]
    if overlap == "skip":
        assert min(distances) >= timedelta(seconds=3)


async def test_buffer_all_makes_up_for_each_time(rig: Rig) -> None:
    workflow_id = await rig.create(ticking(wait="1500ms", overlap="buffer_all"))
    await rig.turn_on(workflow_id)
    assert_every_second((await ended(rig, workflow_id, 3))[:3])


async def test_operators_pause_trigger_and_backfill(rig: Rig) -> None:
    workflow_id = await rig.create(
        workflow("yearly", [trigger("Clock", "CRON", parameters={"cron": "0 3 1 1 *", "timezone": "Asia/Tokyo"})])
    )
    binding = await rig.turn_on(workflow_id)
    await rig.timers.pause(binding, "on holiday")
    assert (await rig.timers.describe([binding]))[binding].paused
    await rig.timers.put(await rig.firing.binding(binding))
    assert (await rig.timers.describe([binding]))[binding].paused
    await rig.timers.resume(binding, "back")
    view = (await rig.timers.describe([binding]))[binding]
    assert [(moment.month, moment.day, moment.hour) for moment in view.next_times[:2]] == [(12, 31, 18)] * 2

    period = datetime(2024, 6, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    await rig.timers.backfill(binding, *period)
    runs = await ended(rig, workflow_id, 2)
    assert times(runs) == [datetime(year, 12, 31, 18, tzinfo=UTC) for year in (2024, 2025)]

    async def more_than(number: int) -> bool:
        # One within the same second, or while the schedule still works, would be the same or overlap.
        await rig.timers.trigger(binding)
        return len(await rig.runs(workflow_id)) > number

    await until(lambda: more_than(2))
    # A time that has its run gets no second one.
    await rig.timers.backfill(binding, *period)
    await until(lambda: more_than(3))
    assert times(await rig.runs(workflow_id))[:2] == times(runs)


async def test_the_schedule_says_what_it_is(rig: Rig) -> None:
    workflow_id = await rig.create(ticking(overlap="cancel_other", catchup_window="5m"))
    binding = await rig.turn_on(workflow_id)
    view = (await rig.timers.describe([binding]))[binding]
    described = await rig.client.get_schedule_handle(view.schedule_id).describe()
    assert described.schedule.policy.overlap is ScheduleOverlapPolicy.CANCEL_OTHER
    assert described.schedule.policy.catchup_window == timedelta(minutes=5)
    assert described.schedule.state.note == "CRON trigger 'Clock' of the workflow 'ticking'"
    assert await described.memo() == {"workflow": "ticking", "node": "Clock"}


async def test_a_schedule_that_a_restore_lost_is_made_anew(rig: Rig) -> None:
    workflow_id = await rig.create(ticking(every="1h"))
    binding = await rig.turn_on(workflow_id)
    view = (await rig.timers.describe([binding]))[binding]
    await rig.client.get_schedule_handle(view.schedule_id).delete()
    assert await rig.timers.describe([binding]) == {}
    ledger = Ledger(rig.parts.database, Runs(rig.client, rig.parts.settings.orchestrator_task_queue))
    assert (await restore_agreement(ledger)).triggers == 1

    async def there() -> bool:
        return bool(await rig.timers.describe([binding]))

    # By the server, which looks for changes now and then.
    await until(there, patience=120)

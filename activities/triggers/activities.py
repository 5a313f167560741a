"""The activities of triggers that time drives."""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity

from activities.heartbeat import heartbeats
from activities.triggers.polling import Poller
from activities.triggers.ports import TriggerGoneError, Triggers
from nodes.base import Item
from nodes.files.files import Files
from nodes.parameters import parse
from nodes.trigger.cron import CronParameters, event_id
from orchestrator.triggering import FIRE_TRIGGER, POLL_TRIGGER, Fired, Moment, Polled


class TriggerActivities:
    """What a worker does for the workflow that schedules start."""

    def __init__(self, triggers: Triggers, poller: Poller) -> None:
        self._triggers = triggers
        self._poller = poller

    def all(self) -> Sequence[Callable[..., Any]]:
        """What to register with a worker."""
        return [self.fire_trigger, self.poll_trigger]

    @activity.defn(name=FIRE_TRIGGER)
    async def fire_trigger(self, moment: Moment) -> Fired:
        """Records the run of a time, once; none if the trigger is off."""

        async def items(files: Files) -> list[Item]:
            times = {"scheduled_time": moment.scheduled.isoformat(), "actual_time": moment.actual.isoformat()}
            return [{"json": times}]

        try:
            binding = await self._triggers.binding(moment.binding_id)
            if not parse(CronParameters, binding.parameters).means(moment.scheduled):
                return Fired()
            return Fired(await self._triggers.prepare(moment.binding_id, event_id(moment.scheduled), items))
        except TriggerGoneError:
            return Fired()

    @activity.defn(name=POLL_TRIGGER)
    async def poll_trigger(self, moment: Moment) -> Polled:
        """Looks for news."""
        async with heartbeats():
            return Polled(await self._poller.poll(moment.binding_id, moment.revision))

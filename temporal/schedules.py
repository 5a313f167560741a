"""Keeps a Temporal Schedule for each trigger that time drives."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from activities.triggers.ports import Binding, TriggerGoneError
from nodes.factory import Catalogue
from nodes.trigger.cron import Cron, CronParameters
from nodes.trigger.cron_times import around, changes, is_regular
from nodes.trigger.polling import PollingTrigger
from orchestrator.messages import REVISION
from orchestrator.model import NodeType
from orchestrator.triggering import TriggerRequest
from temporal import search_attributes
from temporal.client import TASK_QUEUE
from temporal.trigger import TriggerWorkflow

OVERLAPS: Mapping[str, ScheduleOverlapPolicy] = {
    "skip": ScheduleOverlapPolicy.SKIP,
    "buffer_one": ScheduleOverlapPolicy.BUFFER_ONE,
    "buffer_all": ScheduleOverlapPolicy.BUFFER_ALL,
    "cancel_other": ScheduleOverlapPolicy.CANCEL_OTHER,
    "terminate_other": ScheduleOverlapPolicy.TERMINATE_OTHER,
    "allow_all": ScheduleOverlapPolicy.ALLOW_ALL,
}
# A poll that was missed is made up for by the next one.
_POLL_CATCHUP = timedelta(minutes=1)
# Temporal's own times are wrong where clocks are set: those of the coming years are given it one by one.
_CHANGES = 10
_MOST_MOMENTS = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN = 5
_AT_ONCE = 10
Prepare = Callable[[Binding], Awaitable[None]]
Forget = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class TimerView:
    """How a trigger's schedule stands; without an id there is none."""

    schedule_id: str = ""
    next_times: Sequence[datetime] = field(default=())
    paused: bool = False


class Steering:
    """What can be done to the schedules that there are, by the id of their binding; RPCError if one is missing."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def describe(self, binding_ids: Sequence[str]) -> Mapping[str, TimerView]:
        """How the schedules stand, of those bindings that have one."""
        found = {}
        for binding_id in binding_ids:
            described = await self._described(binding_id)
            if described is not None:
                found[binding_id] = _view(described)
        return found

    async def pause(self, binding_id: str, note: str) -> None:
        """Has the schedule start nothing."""
        await self._handle(binding_id).pause(note=note or None)

    async def resume(self, binding_id: str, note: str) -> None:
        """Has a paused schedule go on."""
        await self._handle(binding_id).unpause(note=note or None)

    async def trigger(self, binding_id: str) -> None:
        """Acts at once, as if it were time."""
        await self._handle(binding_id).trigger()

    async def backfill(self, binding_id: str, begin: datetime, end: datetime, overlap: str = "buffer_all") -> None:
        """Acts for each time of a period; a time that has its run gets no second one."""
        await self._handle(binding_id).backfill(ScheduleBackfill(begin, end, overlap=OVERLAPS[overlap]))

    async def _described(self, binding_id: str) -> ScheduleDescription | None:
        try:
            return await self._handle(binding_id).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None

    def _handle(self, binding_id: str) -> ScheduleHandle:
        return self._client.get_schedule_handle(schedule_id(binding_id))


class Schedules(Steering):
    """Makes and deletes the schedules of triggers.

    `prepare` is done before a schedule is made, `forget` after one is deleted: with what polling triggers know.
    """

    def __init__(
        self, client: Client, catalogue: Catalogue, prepare: Prepare, forget: Forget, task_queue: str = TASK_QUEUE
    ) -> None:
        super().__init__(client)
        self._catalogue = catalogue
        self._prepare = prepare
        self._forget = forget
        self._task_queue = task_queue

    def drives(self, subtype: str) -> bool:
        """Whether time drives a trigger."""
        executor = self._catalogue.get((NodeType.TRIGGER_NODE, subtype))
        return isinstance(executor, Cron | PollingTrigger)

    async def put(self, binding: Binding) -> None:
        """Makes the trigger's schedule, or changes it; a schedule that was paused stays so."""
        if not self.drives(binding.subtype):
            return
        try:
            await self._prepare(binding)
        except TriggerGoneError:
            return
        schedule = self._schedule(binding)
        try:
            await self._client.create_schedule(
                schedule_id(binding.id),
                schedule,
                memo={"workflow": binding.workflow_name, "node": binding.node},
                search_attributes=_attributes(binding),
            )
        except ScheduleAlreadyRunningError:
            await self._handle(binding.id).update(lambda found: _changed(found, schedule))

    async def remove(self, binding_id: str) -> None:
        """Deletes the trigger's schedule, if it has one. Runs that have begun go on."""
        try:
            await self._handle(binding_id).delete()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        await self._forget(binding_id)

    def _schedule(self, binding: Binding) -> Schedule:
        executor: Any = self._catalogue.get((NodeType.TRIGGER_NODE, binding.subtype))
        parameters = executor.parse(binding.parameters)
        if isinstance(executor, PollingTrigger):
            every = timedelta(seconds=executor.interval(parameters))
            spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)])
            policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_POLL_CATCHUP)
            request = TriggerRequest(binding.id, polls=True, revision=REVISION)
        else:
            spec = schedule_spec(parameters, datetime.now(UTC))
            window = timedelta(seconds=parameters.catchup_window)
            policy = SchedulePolicy(overlap=OVERLAPS[parameters.overlap], catchup_window=window)
            wait, terminate = parameters.overlap != "allow_all", parameters.overlap == "terminate_other"
            request = TriggerRequest(binding.id, wait=wait, terminate=terminate, revision=REVISION)
        action = ScheduleActionStartWorkflow(
            TriggerWorkflow.run,
            request,
            id=f"trigger-{binding.id}",
            task_queue=self._task_queue,
            static_summary=f"{binding.workflow_name}: {binding.node}"[:200],
            typed_search_attributes=_attributes(binding),
        )
        note = f"{binding.subtype} trigger {binding.node!r} of the workflow {binding.workflow_name!r}"
        return Schedule(action=action, spec=spec, policy=policy, state=ScheduleState(note=note))


@dataclass(frozen=True)
class Unkept:
    """Times of schedules at which nothing began: it was too late by then, or an earlier run was still going on."""

    missed: int = 0
    skipped: int = 0


async def unkept(client: Client, binding_ids: Sequence[str]) -> Unkept:
    """How many times the schedules of these bindings haven't kept, since each was made."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def ask(binding_id: str) -> Unkept:
        async with free:
            try:
                info = (await client.get_schedule_handle(schedule_id(binding_id)).describe()).info
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return Unkept()
            return Unkept(info.num_actions_missed_catchup_window, info.num_actions_skipped_overlap)

    found = await asyncio.gather(*map(ask, binding_ids))
    return Unkept(sum(one.missed for one in found), sum(one.skipped for one in found))


def schedule_id(binding_id: str) -> str:
    """The id of a binding's schedule."""
    return f"orchestrator-trigger-{binding_id}"


def schedule_spec(parameters: CronParameters, now: datetime) -> ScheduleSpec:
    """When a CRON trigger acts, as Temporal is told it."""
    if parameters.every is not None:
        return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=parameters.every))])
    expressions, zone = parameters.expressions, parameters.zone
    if all(is_regular(expression, zone, now) for expression in expressions):
        return ScheduleSpec(cron_expressions=expressions)
    moments = {
        moment
        for change in changes(zone, now - timedelta(hours=4), _CHANGES)
        for moment in around(expressions, zone, change)
    }
    # Intervals count from 1970: one as long as from there to a moment comes then, and not again for decades.
    intervals = [ScheduleIntervalSpec(every=moment - _EPOCH) for moment in sorted(moments)[:_MOST_MOMENTS]]
    return ScheduleSpec(cron_expressions=expressions, time_zone_name=parameters.timezone, intervals=intervals)


def _changed(found: ScheduleUpdateInput, schedule: Schedule) -> ScheduleUpdate:
    schedule.state.paused = found.description.schedule.state.paused
    if schedule.state.paused:
        schedule.state.note = found.description.schedule.state.note
    return ScheduleUpdate(schedule)


def _view(described: ScheduleDescription) -> TimerView:
    paused = described.schedule.state.paused
    times = [] if paused else [moment.astimezone(UTC) for moment in described.info.next_action_times]
    return TimerView(described.id, times[:_SHOWN], paused)


def _attributes(binding: Binding) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(search_attributes.WORKFLOW, binding.workflow_name),
            SearchAttributePair(search_attributes.WORKFLOW_ID, binding.workflow_id),
            SearchAttributePair(search_attributes.TRIGGER, binding.node),
        ]
    )

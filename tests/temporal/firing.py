"""Triggers that time drives, for a workflow engine without a store."""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowHandle

from orchestrator.start import RunStart
from orchestrator.triggering import FIRE_TRIGGER, POLL_TRIGGER, Fired, Moment, Polled, TriggerRequest
from temporal.trigger import TriggerWorkflow

# What a history is recorded of, by name.
REQUESTS = {
    "trigger_waits": TriggerRequest("waits"),
    "trigger_terminates": TriggerRequest("terminates", terminate=True),
    "trigger_goes_on": TriggerRequest("goes on", wait=False),
    "trigger_off": TriggerRequest("off"),
    "trigger_polls": TriggerRequest("polls", polls=True),
}


@dataclass
class Firing:
    """The activities: a run for each binding that has a start, and a poll that finds something due in a second."""

    starts: dict[str, RunStart] = field(default_factory=dict)
    polls: int = 0

    @activity.defn(name=FIRE_TRIGGER)
    async def fire(self, moment: Moment) -> Fired:
        """The run, if there is one."""
        return Fired(self.starts.get(moment.binding_id))

    @activity.defn(name=POLL_TRIGGER)
    async def poll(self, moment: Moment) -> Polled:
        """Something is due soon, at first."""
        self.polls += 1
        return Polled(moment.actual + timedelta(seconds=1) if self.polls == 1 else None)


async def started(client: Client, request: TriggerRequest, task_queue: str) -> WorkflowHandle[Any, Any]:
    """The workflow that a schedule would start."""
    return await client.start_workflow(TriggerWorkflow.run, request, id=str(uuid.uuid4()), task_queue=task_queue)

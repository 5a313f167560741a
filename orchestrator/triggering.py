"""What goes to and fro between the workflow that time starts and its activities."""

from dataclasses import dataclass
from datetime import datetime

from orchestrator.start import RunStart

# Names of the activities.
FIRE_TRIGGER = "fire_trigger"
POLL_TRIGGER = "poll_trigger"


@dataclass(frozen=True)
class TriggerRequest:
    """A trigger that it is time for; one that polls, or one that starts a run itself.

    With `wait` the workflow ends with its run, so that schedules see runs that overlap; with `terminate` the run
    is ended when the workflow is. Its runs have the `revision` of the server that made the schedule, so that in an
    upgrade none has one that older workers don't know; schedules of before that was said have the default.
    """

    binding_id: str
    polls: bool = False
    wait: bool = True
    terminate: bool = False
    revision: int = 2


@dataclass(frozen=True)
class Moment:
    """When a trigger was to act, and when it does; and the revision of the runs that it starts."""

    binding_id: str
    scheduled: datetime
    actual: datetime
    revision: int = 2


@dataclass(frozen=True)
class Fired:
    """The run that was recorded; none if the trigger is off, or the moment isn't one of its times."""

    start: RunStart | None = None


@dataclass(frozen=True)
class Polled:
    """A poll is over; at `due` something happens that is known already."""

    due: datetime | None = None

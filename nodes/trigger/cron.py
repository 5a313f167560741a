"""Starts runs by the clock."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from nodes.base import Parameters
from nodes.parameters import STRUCTURAL, Duration, absent, is_template, misuse
from nodes.trigger import cron_times
from nodes.trigger.manual import Trigger
from nodes.values import shown

Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all"]
_MOST = 100


def _expressions(given: object) -> list[str]:
    entries = [given] if isinstance(given, str) else given
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, str) for entry in entries):
        raise misuse(f'is {shown(given)}; expected a cron expression such as "0 9 * * MON-FRI", or a list of them')
    if len(entries) > _MOST:
        raise misuse(f"has {len(entries)} expressions; at most {_MOST} are taken")
    if any(is_template(entry) for entry in entries):
        raise misuse("must be written out: a schedule has no items to compute it from")
    for entry in entries:
        try:
            cron_times.plain(entry)
        except cron_times.InvalidCron as error:
            raise misuse(f"is {shown(entry)}, which {error}") from None
    return list(entries)


def _zone(given: object) -> str:
    try:
        if not isinstance(given, str) or not given or given.startswith("/"):
            raise ValueError(given)
        ZoneInfo(given)
    except (KeyError, OSError, ValueError):
        raise misuse(f'is {shown(given)}; expected a time zone such as "Europe/Zurich" or "UTC"') from None
    return str(given)


Crons = Annotated[
    list[str],
    BeforeValidator(_expressions),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class CronParameters(Parameters):
    """Parameters of CRON."""

    cron: Annotated[Crons | None, STRUCTURAL] = Field(
        default=None, description='One cron expression of five fields, such as "0 9 * * MON-FRI", or a list of them.'
    )
    every: Annotated[Duration | None, STRUCTURAL] = Field(
        default=None, ge=1, description='Instead of `cron`: how often, such as "10m"; counted from midnight UTC 1970.'
    )
    timezone: Annotated[str, BeforeValidator(_zone), STRUCTURAL] = Field(
        default="UTC", description="The time zone that `cron` is read in."
    )
    overlap: Annotated[Overlap, STRUCTURAL] = Field(
        default="skip", description="What happens when it is time and the run before still works."
    )
    catchup_window: Annotated[Duration, STRUCTURAL] = Field(
        default=60.0, ge=10, description="How late a time that was missed while Temporal was down still counts."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.cron is None and self.every is None:
            raise absent("cron", 'say when: "cron", or "every"')
        if self.cron is not None and self.every is not None:
            raise misuse('takes "cron" or "every", not both')
        if self.every is not None and self.every % 1:
            raise misuse('has an "every" with a fraction of a second; schedules count whole seconds')
        return self

    @property
    def expressions(self) -> list[str]:
        """The expressions, each of five fields."""
        return [cron_times.plain(entry) for entry in self.cron or ()]

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    def means(self, moment: datetime) -> bool:
        """Whether a moment that Temporal found is one of its times; see `cron_times.means`."""
        return not self.cron or cron_times.means(self.expressions, self.zone, moment)


class Cron(Trigger[CronParameters]):
    """Emits when a run was due, and when it began."""

    subtype = "CRON"
    model = CronParameters


def event_id(scheduled: datetime) -> str:
    """What names the run of a time: there is one for each."""
    return scheduled.astimezone(UTC).isoformat()

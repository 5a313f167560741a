"""Waits for a while, until a time, or for an HTTP call; a waiting run holds no worker."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nodes.base import NodeExecutionContext, NodeExecutor, Parameters, PermanentError
from nodes.parameters import STRUCTURAL, Duration, absent, is_template, misuse
from orchestrator.commands import AwaitCall, Sleep
from orchestrator.model import NodeType
from orchestrator.plan import Effect


class WaitParameters(Parameters):
    """Parameters of WAIT."""

    mode: Annotated[Literal["duration", "until", "webhook"], STRUCTURAL] = Field(
        default="duration",
        description="Wait for a duration, until a time, or for a call of the run's own address, "
        "`{{ $execution.resumeUrl }}`.",
    )
    duration: Duration | None = Field(default=None, description='How long, such as "1.5s", "10m" or "3d".')
    time: str | None = Field(
        default=None,
        description="Until when: ISO 8601, in UTC unless it has an offset; a date means its midnight. "
        "A time in the past continues at once.",
    )

    timeout: Duration | None = Field(
        default=None,
        description="With `webhook`: how long to wait for the call at most; then the input is passed on. "
        "Without it, the run waits as long as it takes.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        taken = {"duration": "duration", "until": "time", "webhook": "timeout"}[self.mode]
        if self.mode != "webhook" and getattr(self, taken) is None:
            raise absent(taken, f'mode "{self.mode}" needs it')
        for other in ("duration", "time", "timeout"):
            if other != taken and getattr(self, other) is not None:
                raise misuse(f'mode "{self.mode}" takes no "{other}"')
        if self.time is not None and not is_template(self.time):
            _instant(self.time)
        return self


class Wait(NodeExecutor[WaitParameters]):
    """Delays a run durably: it survives restarts, and may wait for months."""

    type = NodeType.FLOW_NODE
    subtype = "WAIT"
    model = WaitParameters
    effect = Effect.CONTROL
    per_item = False

    def execute(self, context: NodeExecutionContext[WaitParameters]) -> Sleep | AwaitCall:
        """Says until when to sleep, or how long to wait for a call."""
        parameters = context.parameters
        if parameters.mode == "webhook":
            if context.resources.resume_url is None:
                raise PermanentError(
                    "nobody could call this run: its address can't be signed, as this worker has no SECRET_KEY",
                    code="SECRET_KEY_MISSING",
                    hint="set SECRET_KEY for the worker to what the API server has",
                )
            return AwaitCall(None if parameters.timeout is None else _after(context.now, parameters.timeout))
        if parameters.time is not None:
            return Sleep(_instant(parameters.time))
        return Sleep(_after(context.now, parameters.duration or 0))


def _after(now: datetime, seconds: float) -> datetime:
    try:
        return now.astimezone(UTC) + timedelta(seconds=seconds)
    except OverflowError:
        raise PermanentError("the wait would end after the year 9999", code="INVALID_PARAMETER") from None


def _instant(text: str) -> datetime:
    stripped = text.strip()
    try:
        if len(stripped) <= len("2026-W01-1"):
            day = date.fromisoformat(stripped)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        instant = datetime.fromisoformat(stripped)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise misuse(
            f'has the time "{text[:60]}", which is no ISO 8601 time; write e.g. "2026-11-30T09:00:00+01:00"'
        ) from None

"""Waits for a while or until a time, then passes the items on; a waiting run holds no worker."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nodes.base import NodeExecutionContext, NodeExecutor, Parameters, PermanentError
from nodes.parameters import STRUCTURAL, Duration, absent, is_template, misuse
from orchestrator.commands import Sleep
from orchestrator.model import NodeType
from orchestrator.plan import Effect


class WaitParameters(Parameters):
    """Parameters of WAIT."""

    mode: Annotated[Literal["duration", "until"], STRUCTURAL] = Field(
        default="duration", description="Wait for a duration, or until a time."
    )
    duration: Duration | None = Field(default=None, description='How long, such as "1.5s", "10m" or "3d".')
    time: str | None = Field(
        default=None,
        description="Until when: ISO 8601, in UTC unless it has an offset; a date means its midnight. "
        "A time in the past continues at once.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if getattr(self, "duration" if self.mode == "duration" else "time") is None:
            name = "duration" if self.mode == "duration" else "time"
            raise absent(name, f'mode "{self.mode}" needs it')
        other = "time" if self.mode == "duration" else "duration"
        if getattr(self, other) is not None:
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

    def execute(self, context: NodeExecutionContext[WaitParameters]) -> Sleep:
        """Says until when to sleep."""
        if context.parameters.time is not None:
            return Sleep(_instant(context.parameters.time))
        try:
            return Sleep(context.now.astimezone(UTC) + timedelta(seconds=context.parameters.duration or 0))
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

"""Who is busy when."""

from typing import Annotated, Any, Literal

from pydantic import Field

from nodes.external_action.failure import not_found
from nodes.external_action.google.calendar import CalendarApi, Instant
from nodes.external_action.vendor import Operation
from nodes.parameters import STRUCTURAL


class FreeBusy(Operation[CalendarApi]):
    """Emits the times at which calendars are busy."""

    operation: Annotated[Literal["free_busy"], STRUCTURAL] = Field(description="Say when calendars are busy.")
    calendar_ids: list[Annotated[str, Field(min_length=1, max_length=1024)]] = Field(
        default_factory=lambda: ["primary"], min_length=1, max_length=50, description="The calendars."
    )
    time_min: Instant = Field(description="From when.")
    time_max: Instant = Field(description="Until when.")
    time_zone: str = Field(default="", max_length=100, description="The zone that times are given in.")

    async def perform(self, api: CalendarApi) -> dict[str, Any]:
        """Asks; a calendar that can't be read isn't taken for a free one."""
        body = {
            "timeMin": self.time_min,
            "timeMax": self.time_max,
            "items": [{"id": calendar} for calendar in self.calendar_ids],
            **({"timeZone": self.time_zone} if self.time_zone else {}),
        }
        answer = await api.call("POST", "/freeBusy", what="the calendars", json=body)
        calendars = answer.get("calendars")
        if not isinstance(calendars, dict):
            raise api.malformed('no object "calendars"')
        for calendar, found in calendars.items():
            errors = found.get("errors") if isinstance(found, dict) else None
            if errors:
                reasons = ", ".join(str(error.get("reason", error)) for error in errors if isinstance(error, dict))
                raise not_found(api.vendor, f'the calendar "{calendar}"', f": {reasons}")
        return answer

"""The client of Google's Calendar API, and how times are written for it."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from nodes.external_action.api import Api, segment
from nodes.external_action.failure import Reason
from nodes.external_action.google.access import bearer, google_reason
from nodes.external_action.vendor import Operation
from nodes.http.exchange import Answer
from nodes.parameters import misuse
from nodes.values import shown

MOST_A_PAGE = 250
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class CalendarApi(Api):
    """Google's Calendar API, version 3."""

    vendor = "Google Calendar"
    default_url = "https://www.googleapis.com/calendar/v3"

    def headers(self) -> dict[str, str]:
        """The authorization."""
        return bearer(self.credential)

    def reason(self, answer: Answer) -> Reason:
        """What Google's error body says."""
        return google_reason(answer)

    async def pages(
        self, path: str, query: Mapping[str, Any], what: str, most: int | None
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """The `items` of one page after the other."""
        size = MOST_A_PAGE if most is None else min(most, MOST_A_PAGE)
        token: str | None = None
        while True:
            answer = await self.send("GET", path, what=what, query={**query, "maxResults": size, "pageToken": token})
            yield self.objects_of(answer, "items")
            following = self.object_of(answer).get("nextPageToken")
            if not following:
                return
            if following == token:
                raise self.malformed("the same page twice")
            token = str(following)


def events_path(calendar_id: str, event_id: str = "") -> str:
    """Where a calendar's events are, or one of them."""
    path = f"/calendars/{segment(calendar_id, 'calendar_id')}/events"
    return f"{path}/{segment(event_id, 'event_id')}" if event_id else path


def event_id_of(key: str) -> str:
    """An id for a new event: the same for every attempt, in the letters that Google takes (base32hex)."""
    return base64.b32hexencode(hashlib.sha256(key.encode()).digest()).decode().rstrip("=").lower()


def _moment(text: str) -> str:
    try:
        if _DATE.fullmatch(text):
            date.fromisoformat(text)
        else:
            datetime.fromisoformat(text)
    except ValueError:
        raise misuse(
            f'is {shown(text)}; expected a time such as "2026-11-24T15:00:00+01:00", or a date such as "2026-11-24"'
        ) from None
    return text


def _instant(text: str) -> str:
    _moment(text)
    if _DATE.fullmatch(text) or datetime.fromisoformat(text).tzinfo is None:
        raise misuse(f'is {shown(text)}; expected a time with its offset such as "2026-11-24T15:00:00+01:00"')
    return text


# A time with or without an offset, or a date for what lasts whole days.
Moment = Annotated[str, AfterValidator(_moment)]
Instant = Annotated[str, AfterValidator(_instant)]


def is_date(moment: str) -> bool:
    """Whether it is a whole day."""
    return _DATE.fullmatch(moment) is not None


def event_time(moment: str, time_zone: str) -> dict[str, str]:
    """A time as the event resource has it."""
    if is_date(moment):
        return {"date": moment}
    return {"dateTime": moment, **({"timeZone": time_zone} if time_zone else {})}


class CalendarOperation(Operation[CalendarApi]):
    """An operation on one calendar."""

    calendar_id: str = Field(
        default="primary", min_length=1, max_length=1024, description="The calendar; `primary` is the account's own."
    )

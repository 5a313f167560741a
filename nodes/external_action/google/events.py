"""Operations on events: create, get, list, update, delete."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from nodes.base import PermanentError
from nodes.external_action.api import taken
from nodes.external_action.google.calendar import (
    CalendarApi,
    CalendarOperation,
    Instant,
    Moment,
    event_id_of,
    event_time,
    events_path,
    is_date,
)
from nodes.external_action.vendor import PagedOperation
from nodes.parameters import STRUCTURAL, absent, is_template, misuse
from nodes.values import shown

SendUpdates = Literal["all", "externalOnly", "none"]
_MAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+")
_NAMES = {
    "summary": "summary",
    "description": "description",
    "location": "location",
    "recurrence": "recurrence",
    "visibility": "visibility",
    "transparency": "transparency",
    "color_id": "colorId",
}


def _mail(text: str) -> str:
    if not is_template(text) and not _MAIL.fullmatch(text):
        raise misuse(f"is {shown(text)}; expected a mail address")
    return text


class EventOperation(CalendarOperation):
    """An operation on one event."""

    event_id: str = Field(min_length=1, max_length=1024, description="The event's id.")

    @property
    def what(self) -> str:
        """How messages name it."""
        return f'the event "{self.event_id}" of the calendar "{self.calendar_id}"'


class EventFields(CalendarOperation):
    """What an event is made of."""

    summary: str = Field(default="", max_length=1024, description="The title.")
    description: str = Field(default="", max_length=8192, description="The description; it may hold HTML.")
    location: str = Field(default="", max_length=1024, description="Where it is.")
    start: Moment | None = Field(default=None, description="When it begins: a time, or a date for whole days.")
    end: Moment | None = Field(default=None, description="When it ends; the date after the last day for whole days.")
    time_zone: str = Field(
        default="", max_length=100, description="The zone of times without an offset, such as Europe/Zurich."
    )
    attendees: list[Annotated[str, AfterValidator(_mail)]] = Field(
        default_factory=list, max_length=200, description="Mail addresses of who is invited."
    )
    recurrence: list[str] = Field(
        default_factory=list, description='Rules as RFC 5545 writes them: ["RRULE:FREQ=WEEKLY;COUNT=4"].'
    )
    reminders: list[Annotated[int, Field(ge=0, le=40320)]] | None = Field(
        default=None, max_length=5, description="Minutes before the start to remind at; without it, the calendar's own."
    )
    visibility: Literal["default", "public", "private", "confidential"] = Field(
        default="default", description="Who sees its details."
    )
    transparency: Literal["opaque", "transparent"] = Field(
        default="opaque", description="Whether it blocks time: opaque does."
    )
    color_id: str = Field(default="", max_length=20, description="The colour's number.")
    fields: dict[str, Any] = Field(
        default_factory=dict, description="Further fields of the event, named as Google's API does."
    )
    send_updates: SendUpdates = Field(default="none", description="Whom Google mails about it.")

    @model_validator(mode="after")
    def _same_kind(self) -> Self:
        start, end = self.start, self.end
        if start and end and not is_template(start) and not is_template(end) and is_date(start) != is_date(end):
            raise misuse('has a time and a date in "start" and "end"; both must be times, or both dates')
        return self

    def event(self) -> dict[str, Any]:
        """The event resource, of what was given."""
        body = {_NAMES[name]: value for name, value in self.given(*_NAMES).items()}
        for name, moment in (("start", self.start), ("end", self.end)):
            if moment:
                body[name] = event_time(moment, self.time_zone)
        if "attendees" in self.model_fields_set:
            body["attendees"] = [{"email": address} for address in self.attendees]
        if self.reminders is not None:
            overrides = [{"method": "popup", "minutes": minutes} for minutes in self.reminders]
            body["reminders"] = {"useDefault": False, "overrides": overrides}
        return {**body, **self.fields}


class CreateEvent(EventFields):
    """Makes an event; a repeated attempt gives the one that the first attempt made."""

    operation: Annotated[Literal["create_event"], STRUCTURAL] = Field(description="Make an event.")
    conference: bool = Field(default=False, description="Add a Google Meet.")

    @model_validator(mode="after")
    def _when(self) -> Self:
        for name in ("start", "end"):
            if not getattr(self, name):
                raise absent(name, "an event needs a start and an end")
        return self

    async def perform(self, api: CalendarApi) -> dict[str, Any]:
        """Inserts the event under an id of ours, so that no attempt makes a second one."""
        what = f'an event of the calendar "{self.calendar_id}"'
        body, key = self.event(), api.context.idempotency_key
        if key:
            body.setdefault("id", event_id_of(key))
        if self.conference:
            body["conferenceData"] = {"createRequest": {"requestId": body.get("id", "meet")}}
        query = {"sendUpdates": self.send_updates, "conferenceDataVersion": 1 if self.conference else None}
        try:
            return await api.call("POST", events_path(self.calendar_id), what=what, query=query, json=body)
        except PermanentError as error:
            if error.code != "CONFLICT" or "id" in self.fields or not key:
                raise
            # An earlier attempt made it, and its answer was lost.
            return await api.call("GET", events_path(self.calendar_id, body["id"]), what=what)


class GetEvent(EventOperation):
    """Emits one event."""

    operation: Annotated[Literal["get_event"], STRUCTURAL] = Field(description="Emit one event.")
    time_zone: str = Field(default="", max_length=100, description="The zone that times are given in.")

    async def perform(self, api: CalendarApi) -> dict[str, Any]:
        """Gets the event."""
        path = events_path(self.calendar_id, self.event_id)
        return await api.call("GET", path, what=self.what, query={"timeZone": self.time_zone or None})


class ListEvents(CalendarOperation, PagedOperation[CalendarApi]):
    """Emits the events of a calendar, each as an item."""

    operation: Annotated[Literal["list_events"], STRUCTURAL] = Field(description="Emit events.")
    time_min: Instant | None = Field(default=None, description="Only events that end after this time.")
    time_max: Instant | None = Field(default=None, description="Only events that begin before this time.")
    query: str = Field(default="", max_length=1000, description="Only events in which these words are.")
    updated_min: Instant | None = Field(default=None, description="Only events that changed after this time.")
    single_events: bool = Field(default=True, description="Each occurrence of a recurring event, not its rule.")
    order_by: Literal["startTime", "updated"] | None = Field(
        default=None, description="The order; startTime needs `single_events`."
    )
    show_deleted: bool = Field(default=False, description="Also events that were cancelled.")
    time_zone: str = Field(default="", max_length=100, description="The zone that times are given in.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.order_by == "startTime" and self.single_events is False:
            raise misuse('has "order_by": "startTime", which needs "single_events": true')
        return self

    async def perform(self, api: CalendarApi) -> list[dict[str, Any]]:
        """Gets as many pages as it takes."""
        query = {
            "timeMin": self.time_min,
            "timeMax": self.time_max,
            "q": self.query or None,
            "updatedMin": self.updated_min,
            "singleEvents": self.single_events,
            "orderBy": self.order_by,
            "showDeleted": self.show_deleted,
            "timeZone": self.time_zone or None,
        }
        what = f'the calendar "{self.calendar_id}"'
        return await taken(api.pages(events_path(self.calendar_id), query, what, self.most), self.most)


class UpdateEvent(EventFields, EventOperation):
    """Changes the fields of an event that are given; the others stay."""

    operation: Annotated[Literal["update_event"], STRUCTURAL] = Field(description="Change an event.")

    async def perform(self, api: CalendarApi) -> dict[str, Any]:
        """Patches the event."""
        body = self.event()
        if not body:
            raise PermanentError(
                "no parameter says what to change in the event",
                code="MISSING_PARAMETER",
                hint='set "summary", "start", "end" or another field',
            )
        path = events_path(self.calendar_id, self.event_id)
        query = {"sendUpdates": self.send_updates}
        return await api.call("PATCH", path, what=self.what, query=query, json=body)


class DeleteEvent(EventOperation):
    """Deletes an event; one that is deleted already is no error."""

    operation: Annotated[Literal["delete_event"], STRUCTURAL] = Field(description="Delete an event.")
    send_updates: SendUpdates = Field(default="none", description="Whom Google mails about it.")

    async def perform(self, api: CalendarApi) -> dict[str, Any]:
        """Deletes the event."""
        path = events_path(self.calendar_id, self.event_id)
        await api.send(
            "DELETE", path, what=self.what, query={"sendUpdates": self.send_updates}, accepted=frozenset({410})
        )
        return {"deleted": True, "event_id": self.event_id}

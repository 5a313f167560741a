"""Starts runs for events of a Google calendar: when they begin and end, and when they are changed."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from nodes.base import Item, NodeExecutionContext, Parameters
from nodes.credentials.credential import CredentialSlot
from nodes.external_action.google.access import GOOGLE_OAUTH2
from nodes.external_action.google.calendar import CalendarApi
from nodes.external_action.google.changes import Seen, changes, everything, occurrences
from nodes.files.files import Files
from nodes.parameters import STRUCTURAL, Duration, misuse
from nodes.trigger.polling import Event, Mark, PollingTrigger, State

Kind = Literal["starts", "ends", "created", "updated", "cancelled"]
_TIMED: tuple[Kind, ...] = ("starts", "ends")
_CHANGES: tuple[Kind, ...] = ("created", "updated", "cancelled")
_SECOND = timedelta(seconds=1)


def _kinds(given: object) -> object:
    kinds = [given] if isinstance(given, str) else given
    if not isinstance(kinds, list) or not kinds:
        raise misuse('says on what: one or a list of "starts", "ends", "created", "updated", "cancelled"')
    return list(dict.fromkeys(kinds)) if all(isinstance(kind, str) for kind in kinds) else kinds


class CalendarParameters(Parameters):
    """Parameters of CALENDAR."""

    calendar_id: Annotated[str, STRUCTURAL] = Field(
        default="primary", min_length=1, max_length=1024, description="The calendar; `primary` is the account's own."
    )
    on: Annotated[
        list[Kind],
        BeforeValidator(_kinds),
        WithJsonSchema({"anyOf": [{"enum": [*_TIMED, *_CHANGES]}, {"type": "array"}]}),
        STRUCTURAL,
    ] = Field(default_factory=lambda: list[Kind](["starts"]), description="What starts a run, one or several.")
    lead_time: Annotated[Duration, STRUCTURAL] = Field(
        default=0.0, le=28 * 86_400, description="How long before its start or end an event counts."
    )
    poll_interval: Annotated[Duration, STRUCTURAL] = Field(
        default=60.0, ge=1, le=86_400, description="How often to look for events that are new or moved."
    )
    base_url: Annotated[str, STRUCTURAL] = Field(
        default="", max_length=2048, description="Where the API is, if not at its usual place."
    )
    timeout: Annotated[Duration, STRUCTURAL] = Field(
        default=30.0, gt=0, le=3600, description="How long each request may take."
    )


class Calendar(PollingTrigger[CalendarParameters]):
    """Emits the event as Google has it, with `on`, what happened to it, and `at`, when it starts or ends."""

    subtype = "CALENDAR"
    model = CalendarParameters
    credentials: ClassVar = {"auth": CredentialSlot((GOOGLE_OAUTH2,))}

    def source(self, parameters: CalendarParameters) -> str:
        """The calendar, and whether its changes are followed."""
        followed = "changes" if set(parameters.on) & set(_CHANGES) else "times"
        return f"{parameters.base_url} {parameters.calendar_id} {followed}".strip()

    def interval(self, parameters: CalendarParameters) -> float:
        """As the parameter says."""
        return parameters.poll_interval

    async def begin(self, context: NodeExecutionContext[CalendarParameters]) -> State:
        """From now on events start and end; what counts already, and what is in the calendar, is none."""
        given, seen, counted = context.parameters, Seen(), list[_Moment]()
        if set(given.on) & set(_CHANGES):
            seen = await everything(await _api(context), given.calendar_id)
        if set(given.on) & set(_TIMED) and given.lead_time:
            counted = await _moments(given, await _api(context), context.now, context.now)
        return _state(context.now, {one.key: one.at.isoformat() for one in counted}, seen)

    async def poll(
        self, context: NodeExecutionContext[CalendarParameters], state: State
    ) -> AsyncIterator[Event | Mark]:
        """What changed, then what is due; a mark says when something is due before the next poll."""
        given, api = context.parameters, await _api(context)
        seen = Seen(state["token"], state["stamps"])
        if set(given.on) & set(_CHANGES):
            found, seen = await changes(api, given.calendar_id, seen)
            for change in found:
                if change.kind in given.on:
                    yield Event(change.key, _item(change.event, change.kind, None))
        begin, fired, due = datetime.fromisoformat(state["until"]), dict(state["fired"]), None
        if set(given.on) & set(_TIMED):
            lead, ahead = timedelta(seconds=given.lead_time), timedelta(seconds=given.poll_interval)
            for one in await _moments(given, api, begin, context.now + ahead):
                if one.at - lead > context.now:
                    due = min(due or one.at - lead, one.at - lead)
                elif one.key not in fired:
                    yield Event(one.key, _item(one.event, one.kind, one.at))
                    fired[one.key] = one.at.isoformat()
        ahead_of_us = {key: at for key, at in fired.items() if datetime.fromisoformat(at) > context.now}
        yield Mark(_state(max(begin, context.now), ahead_of_us, seen), due)


@dataclass(frozen=True)
class _Moment:
    """When an event starts or ends."""

    at: datetime
    kind: Kind
    event: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The name of this moment for good."""
        return f"{self.event.get('id')}:{self.kind}:{self.at.isoformat()}"


async def _moments(given: CalendarParameters, api: CalendarApi, begin: datetime, until: datetime) -> list[_Moment]:
    """Those after `begin` that count by `until`, the first first."""
    last = until + timedelta(seconds=given.lead_time)
    listed = await occurrences(api, given.calendar_id, begin, last + _SECOND)
    times: tuple[tuple[Kind, str], ...] = (("starts", "start"), ("ends", "end"))
    moments = [
        _Moment(getattr(occurrence, name), kind, occurrence.event)
        for occurrence in listed
        for kind, name in times
        if kind in given.on
    ]
    return sorted((one for one in moments if begin < one.at <= last), key=lambda one: (one.at, one.kind))


def _item(event: Mapping[str, Any], kind: Kind, at: datetime | None) -> Any:
    async def item(files: Files) -> Item:
        when = {"at": at.isoformat()} if at else {}
        return {"json": {**event, "on": kind, **when}}

    return item


def _state(until: datetime, fired: Mapping[str, str], seen: Seen) -> State:
    return {"until": until.isoformat(), "fired": fired, "token": seen.token, "stamps": dict(seen.stamps)}


async def _api(context: NodeExecutionContext[CalendarParameters]) -> CalendarApi:
    credential = await context.credential()
    return CalendarApi(context, credential, base_url=context.parameters.base_url, timeout=context.parameters.timeout)

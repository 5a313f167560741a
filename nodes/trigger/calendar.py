"""Starts runs for events of a Google calendar: when they begin and end, and when they are changed."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from nodes.base import Item, NodeExecutionContext, Parameters
from nodes.credentials.credential import CredentialSlot
from nodes.external_action.google.access import GOOGLE_OAUTH2
from nodes.external_action.google.calendar import CalendarApi
from nodes.external_action.google.changes import Occurrence, Seen, changes, everything, occurrences
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
        """From now on events start and end; what is in the calendar is no change."""
        seen = Seen()
        if set(context.parameters.on) & set(_CHANGES):
            seen = await everything(await _api(context), context.parameters.calendar_id)
        return _state(context.now, {}, seen)

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
            listed = await occurrences(api, given.calendar_id, begin, context.now + lead + ahead + _SECOND)
            for at, kind, event in sorted(_moments(listed, given.on, begin), key=lambda moment: moment[:2]):
                key = f"{event.get('id')}:{kind}:{at.isoformat()}"
                if at - lead > context.now + ahead:
                    continue
                if at - lead > context.now:
                    due = min(due or at - lead, at - lead)
                elif key not in fired:
                    yield Event(key, _item(event, kind, at))
                    fired[key] = at.isoformat()
        ahead_of_us = {key: at for key, at in fired.items() if datetime.fromisoformat(at) > context.now}
        yield Mark(_state(max(begin, context.now), ahead_of_us, seen), due)


def _moments(
    listed: list[Occurrence], kinds: list[Kind], begin: datetime
) -> Iterator[tuple[datetime, Kind, Mapping[str, Any]]]:
    for occurrence in listed:
        for kind, at in (("starts", occurrence.start), ("ends", occurrence.end)):
            if kind in kinds and at > begin:
                yield at, kind, occurrence.event


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

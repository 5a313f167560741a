"""What comes up in a Google calendar, and what changed in it since it was last looked at."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from nodes.external_action.google.calendar import MOST_A_PAGE, CalendarApi, events_path

Event = Mapping[str, Any]
Change = Literal["created", "updated", "cancelled"]
_CANCELLED = "cancelled"
_EXPIRED = 410


@dataclass(frozen=True)
class Changed:
    """An event that changed; `key` names this change for good."""

    kind: Change
    event: Event
    key: str


@dataclass(frozen=True)
class Seen:
    """The events that are known, each with the stamp of its last change, and where the next changes begin."""

    token: str = ""
    stamps: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Occurrence:
    """An event with the instants of its start and its end; a recurring one has many."""

    event: Event
    start: datetime
    end: datetime


async def occurrences(api: CalendarApi, calendar_id: str, begin: datetime, end: datetime) -> list[Occurrence]:
    """Those that end after `begin` and start before `end`; none that are cancelled."""
    query = {"timeMin": _text(begin), "timeMax": _text(end), "singleEvents": True}
    found = []
    async for page in _pages(api, calendar_id, query):
        zone = ZoneInfo(str(page.get("timeZone") or "UTC"))
        for event in _events(page):
            start, last = _instant(event.get("start"), zone), _instant(event.get("end"), zone)
            if start is not None and event.get("status") != _CANCELLED:
                found.append(Occurrence(event, start, last or start))
    return found


async def changes(api: CalendarApi, calendar_id: str, seen: Seen) -> tuple[list[Changed], Seen]:
    """What changed, and what is known now. A series of events counts as one; so does an occurrence that differs."""
    listed, token = await _listed(api, calendar_id, seen.token)
    whole = listed is None
    if listed is None:
        listed, token = await _listed(api, calendar_id, "")
    stamps = dict(seen.stamps)
    found = [change for event in listed or () if (change := _changed(event, stamps)) is not None]
    if whole:
        there = {str(event.get("id")) for event in listed or ()}
        gone = [id_ for id_, stamp in stamps.items() if id_ not in there and stamp != _CANCELLED]
        for id_ in gone:
            change = _changed({"id": id_, "status": _CANCELLED}, stamps)
            found += [change] if change else []
    return found, Seen(token, stamps)


async def everything(api: CalendarApi, calendar_id: str) -> Seen:
    """What is known of a calendar that is looked at for the first time."""
    listed, token = await _listed(api, calendar_id, "")
    return Seen(token, {str(event["id"]): _stamp(event) for event in listed or () if event.get("id")})


def _changed(event: Event, stamps: dict[str, str]) -> Changed | None:
    """The change that an event shows, which is known afterwards; None if it was known, or never mattered."""
    id_, before = str(event.get("id", "")), stamps.get(str(event.get("id", "")))
    part = bool(event.get("recurringEventId"))
    if event.get("status") == _CANCELLED:
        if before == _CANCELLED or (before is None and not part):
            return None
        stamps[id_] = _CANCELLED
        return Changed("cancelled", event, f"{id_}:cancelled:{before or _stamp(event)}")
    now = stamps[id_] = _stamp(event)
    if before == now:
        return None
    if before is None and not part:
        return Changed("created", event, f"{id_}:created")
    return Changed("updated", event, f"{id_}:updated:{now}")


async def _listed(api: CalendarApi, calendar_id: str, token: str) -> tuple[list[Event] | None, str]:
    """The events since a token, or all; None if the token has expired. And the next token."""
    events: list[Event] = []
    following = ""
    async for page in _pages(api, calendar_id, {"syncToken": token or None}):
        if not page:
            return None, ""
        events += _events(page)
        following = str(page.get("nextSyncToken") or following)
    return events, following


async def _pages(api: CalendarApi, calendar_id: str, query: Mapping[str, Any]) -> AsyncIterator[Event]:
    """Whole pages; an empty one says that the sync token has expired."""
    what, path = f'the calendar "{calendar_id}"', events_path(calendar_id)
    token: str | None = None
    while True:
        asked = {**query, "maxResults": MOST_A_PAGE, "pageToken": token}
        accepted = frozenset({_EXPIRED} if query.get("syncToken") else ())
        answer = await api.send("GET", path, what=what, query=asked, accepted=accepted)
        if answer.status == _EXPIRED:
            yield {}
            return
        page = api.object_of(answer)
        yield page
        following = page.get("nextPageToken")
        if not following:
            return
        if following == token:
            raise api.malformed("the same page twice")
        token = str(following)


def _events(page: Event) -> Sequence[Event]:
    found = page.get("items", [])
    return [event for event in found if isinstance(event, dict)] if isinstance(found, list) else []


def _stamp(event: Event) -> str:
    return str(event.get("updated") or event.get("etag") or "")


def _instant(given: Any, zone: ZoneInfo) -> datetime | None:
    if not isinstance(given, dict):
        return None
    if given.get("dateTime"):
        moment = datetime.fromisoformat(str(given["dateTime"]))
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    if given.get("date"):
        return datetime.combine(date.fromisoformat(str(given["date"])), time(), zone).astimezone(UTC)
    return None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

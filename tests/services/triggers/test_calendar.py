"""CALENDAR against a calendar that speaks as Google's description says: each event once, moved ones followed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.ports import Definition
from activities.triggers.polling import Poller
from activities.triggers.ports import Binding, MakeItems, PollState
from nodes.credentials.oauth2 import Tokens
from nodes.external_action.google.access import GOOGLE_OAUTH2
from nodes.factory import load
from nodes.http.egress import Egress
from orchestrator.compiler import compile_plan
from orchestrator.definition import read
from services.store import integrations_tokens
from services.store.engine import Database
from services.store.keyring import KeyRing
from services.store.tables import IntegrationRow
from temporal.client import connect
from temporal.dev_server import DevServer
from tests.faults.harness.proxy import Proxy, Wire
from tests.graphs import sets, trigger, workflow
from tests.nodes.tool.parts import MemoryFiles, credential, open_egress, parts
from tests.services.triggers.rig import Rig, Run, until
from tests.services.triggers.rig import rig as running_rig
from tests.vendors.mock import Received, Reply, VendorMock

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
TOKEN = "ya29-secret"
Json = dict[str, Any]


class Calendar(VendorMock):
    """Google Calendar with events that can be changed; every request is checked against its description."""

    def __init__(self) -> None:
        super().__init__("google_calendar", f"Bearer {TOKEN}")
        self.events: dict[str, Json] = {}
        self.changed: list[str] = []
        self.oldest = 0
        self.down = False

    def put(self, id_: str, start: datetime, minutes: int = 30, **more: Any) -> None:
        """Makes or changes an event."""
        self.changed.append(id_)
        times = {"start": {"dateTime": start.isoformat()}, "end": {"dateTime": _later(start, minutes).isoformat()}}
        self.events[id_] = {"id": id_, "status": "confirmed", "updated": str(len(self.changed)), **times, **more}

    def cancel(self, id_: str) -> None:
        """Cancels an event."""
        self.changed.append(id_)
        self.events[id_] |= {"status": "cancelled", "updated": str(len(self.changed))}

    def answer(self, received: Received) -> Reply:
        """A page of what is asked for."""
        known = super().answer(received)
        if self.down or known.status >= 500:
            return Reply(503, {"error": {"code": 503, "message": "down"}})
        query = dict(received.query)
        if "syncToken" in query:
            assert not query.keys() & {"timeMin", "timeMax", "orderBy", "q", "updatedMin", "iCalUID"}
        since = int(query.get("syncToken", "0"))
        if "syncToken" in query and since < self.oldest:
            return Reply(410, {"error": {"code": 410, "message": "Sync token is no longer valid", "errors": []}})
        ids = dict.fromkeys(self.changed[since:])
        found = [self.events[id_] for id_ in ids if "syncToken" in query or self._live(id_)]
        if "timeMin" in query:
            low, high = (datetime.fromisoformat(query[name]) for name in ("timeMin", "timeMax"))
            found = [one for one in found if _time(one, "end") > low and _time(one, "start") < high]
        first = int(query.get("pageToken", "0"))
        page: Json = {"items": found[first : first + 2], "timeZone": "Europe/Zurich"}
        if first + 2 < len(found):
            return Reply(200, {**page, "nextPageToken": str(first + 2)})
        return Reply(200, {**page, "nextSyncToken": str(len(self.changed))})

    def _live(self, id_: str) -> bool:
        return bool(self.events[id_]["status"] != "cancelled")


def _later(moment: datetime, minutes: int) -> datetime:
    return moment + timedelta(minutes=minutes)


def _time(event: Json, name: str) -> datetime:
    return datetime.fromisoformat(event[name]["dateTime"])


class Fired:
    """Keeps what was fired, each event once, and what is known."""

    def __init__(self, binding: Binding) -> None:
        self.bound = binding
        self.items: dict[str, Json] = {}
        self.problem = ""
        self.state: PollState | None = None
        self.crash_on_save = False

    async def binding(self, binding_id: str) -> Binding:
        return self.bound

    async def fire(self, binding_id: str, event_id: str, items: MakeItems, revision: int) -> str:
        if event_id not in self.items:
            (item,) = await items(MemoryFiles())
            self.items[event_id] = item["json"]
        return event_id

    async def prepare(self, binding_id: str, event_id: str, items: MakeItems) -> Any:
        raise AssertionError("a poll starts its runs itself")

    async def report(self, binding_id: str, problem: str) -> None:
        self.problem = problem

    async def load(self, binding: Binding) -> PollState | None:
        return self.state

    async def save(self, binding: Binding, state: PollState) -> None:
        if self.crash_on_save:
            raise ConnectionError("the worker dies here")
        self.state = state

    async def forget(self, binding_id: str) -> None:
        self.state = None


class Definitions:
    """Holds the one workflow."""

    def __init__(self, definition: Json) -> None:
        given = read(definition)
        self.definition = Definition("v", "w", 1, given, compile_plan(given, load()))

    async def get(self, version_id: str) -> Definition:
        return self.definition


class Watch:
    """A trigger on the calendar, with a clock of its own."""

    def __init__(self, calendar: Calendar, egress: Egress, parameters: Json) -> None:
        given = {"base_url": calendar.url, **parameters}
        definition = workflow("w", [trigger("T", "CALENDAR", parameters=given, credentials={"auth": "c"})])
        self.fired = Fired(Binding("b", "w", "v", "default", "T", "CALENDAR", given))
        opened = credential(GOOGLE_OAUTH2, access_token=TOKEN, client_id="i", client_secret="s")
        self.now = NOON
        self.poller = Poller(
            self.fired,
            self.fired,
            Definitions(definition),
            load(),
            parts(egress, opened=opened),
            lambda: self.now,
        )

    async def begin(self) -> None:
        await self.poller.begin(self.fired.bound)

    async def at(self, moment: datetime) -> tuple[list[tuple[str, str]], datetime | None]:
        """What a poll fires, and when something is due."""
        self.now, before = moment, set(self.fired.items)
        due = await self.poller.poll("b")
        new = [item for id_, item in self.fired.items.items() if id_ not in before]
        return [(item["id"], item["on"]) for item in new], due


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    made = Calendar()
    made.start()
    yield made
    made.shutdown()
    made.server_close()
    assert made.violations == []


@pytest.fixture
async def watch(calendar: Calendar) -> Any:
    egress = open_egress()
    yield lambda **parameters: Watch(calendar, egress, parameters)
    await egress.close()


Make = Callable[..., Watch]


async def test_events_start_and_end_at_their_time(calendar: Calendar, watch: Make) -> None:
    calendar.put("past", _later(NOON, -10))
    calendar.put("soon", NOON + timedelta(seconds=30), minutes=1)
    calendar.put("tomorrow", _later(NOON, 24 * 60))
    watching = watch(on=["starts", "ends"])
    await watching.begin()
    assert await watching.at(NOON) == ([], NOON + timedelta(seconds=30))
    # The workflow sleeps until then and polls again.
    assert await watching.at(NOON + timedelta(seconds=30)) == ([("soon", "starts")], NOON + timedelta(seconds=90))
    assert await watching.at(NOON + timedelta(seconds=60)) == ([], NOON + timedelta(seconds=90))
    assert await watching.at(NOON + timedelta(seconds=91)) == ([("soon", "ends")], None)
    assert watching.fired.items[f"soon:starts:{(NOON + timedelta(seconds=30)).isoformat()}"]["at"]
    assert (await watching.at(_later(NOON, 21)))[0] == [("past", "ends")]


async def test_a_moved_event_fires_at_its_new_time(calendar: Calendar, watch: Make) -> None:
    calendar.put("e", _later(NOON, 5))
    watching = watch()
    await watching.begin()
    assert await watching.at(_later(NOON, 4.5)) == ([], _later(NOON, 5))  # type: ignore[arg-type]
    calendar.put("e", _later(NOON, 60))
    assert await watching.at(_later(NOON, 5)) == ([], None)
    assert await watching.at(_later(NOON, 60)) == ([("e", "starts")], None)
    # Moved after it fired: it starts once more, at the new time.
    calendar.put("e", _later(NOON, 90))
    assert (await watching.at(_later(NOON, 61)))[0] == []
    assert (await watching.at(_later(NOON, 90)))[0] == [("e", "starts")]


async def test_a_cancelled_event_does_not_start(calendar: Calendar, watch: Make) -> None:
    calendar.put("e", _later(NOON, 5))
    watching = watch()
    await watching.begin()
    calendar.cancel("e")
    assert await watching.at(_later(NOON, 6)) == ([], None)


async def test_lead_time(calendar: Calendar, watch: Make) -> None:
    watching = watch(lead_time="10m")
    calendar.put("counted before", _later(NOON, 9))
    calendar.put("counts now", _later(NOON, 10))
    calendar.put("counts later", _later(NOON, 11))
    await watching.begin()
    assert await watching.at(NOON) == ([], _later(NOON, 1))
    assert await watching.at(_later(NOON, 1)) == ([("counts later", "starts")], None)
    calendar.put("counted before", _later(NOON, 8))
    assert await watching.at(_later(NOON, 2)) == ([("counted before", "starts")], None)
    calendar.put("e", _later(NOON, 30))
    calendar.put("at once", _later(NOON, 21))
    assert await watching.at(_later(NOON, 19)) == ([("at once", "starts")], _later(NOON, 20))
    assert await watching.at(_later(NOON, 20)) == ([("e", "starts")], None)
    assert await watching.at(_later(NOON, 25)) == ([], None)
    assert await watching.at(_later(NOON, 40)) == ([], None)


async def test_what_passed_while_everything_was_down_fires_late_and_once(calendar: Calendar, watch: Make) -> None:
    calendar.put("a", _later(NOON, 5))
    calendar.put("b", _later(NOON, 90))
    calendar.put("c", _later(NOON, 600))
    watching = watch()
    await watching.begin()
    calendar.down = True
    assert await watching.at(_later(NOON, 5)) == ([], None)
    assert "503" in watching.fired.problem
    calendar.down = False
    assert await watching.at(_later(NOON, 300)) == ([("a", "starts"), ("b", "starts")], None)
    assert watching.fired.problem == ""
    assert await watching.at(_later(NOON, 301)) == ([], None)


async def test_a_crash_before_the_mark_doubles_nothing(calendar: Calendar, watch: Make) -> None:
    watching = watch(on=["starts", "created", "updated", "cancelled"])
    await watching.begin()
    calendar.put("e", _later(NOON, 5))
    watching.fired.crash_on_save = True
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await watching.at(_later(NOON, 5))
    watching.fired.crash_on_save = False
    assert await watching.at(_later(NOON, 6)) == ([], None)
    assert [item["on"] for item in watching.fired.items.values()] == ["created", "starts"]


async def test_changes(calendar: Calendar, watch: Make) -> None:
    calendar.put("old", NOON)
    watching = watch(on=["created", "updated", "cancelled"])
    await watching.begin()
    assert (await watching.at(NOON))[0] == []
    for id_ in ("a", "b", "c"):
        calendar.put(id_, NOON)
    calendar.put("old", _later(NOON, 1))
    calendar.put("gone before anybody looked", NOON)
    calendar.cancel("gone before anybody looked")
    assert (await watching.at(_later(NOON, 1)))[0] == [(id_, "created") for id_ in "abc"] + [("old", "updated")]
    assert (await watching.at(_later(NOON, 2)))[0] == []
    calendar.cancel("a")
    calendar.put("series_1", NOON, recurringEventId="series")
    assert (await watching.at(_later(NOON, 3)))[0] == [("a", "cancelled"), ("series_1", "updated")]
    calendar.put("a", NOON)
    assert (await watching.at(_later(NOON, 4)))[0] == [("a", "updated")]


async def test_an_expired_token(calendar: Calendar, watch: Make) -> None:
    for id_ in ("kept", "changed", "cancelled", "removed"):
        calendar.put(id_, NOON)
    watching = watch(on=["created", "updated", "cancelled"])
    await watching.begin()
    calendar.put("changed", _later(NOON, 1))
    calendar.put("new", NOON)
    calendar.cancel("cancelled")
    del calendar.events["removed"]
    calendar.changed = [id_ for id_ in calendar.changed if id_ != "removed"] + ["new"] * 5
    calendar.oldest = len(calendar.changed)
    expected = [("changed", "updated"), ("new", "created"), ("cancelled", "cancelled"), ("removed", "cancelled")]
    assert sorted((await watching.at(_later(NOON, 1)))[0]) == sorted(expected)
    assert (await watching.at(_later(NOON, 2)))[0] == []


async def test_whole_days_begin_at_the_calendars_midnight(calendar: Calendar, watch: Make) -> None:
    midnight = datetime(2026, 11, 26, 23, tzinfo=UTC)
    calendar.put("day", midnight, minutes=24 * 60)
    watching = watch(on="starts", poll_interval="1d")
    await watching.begin()
    event = calendar.events["day"]
    answer = calendar.answer

    def with_dates(received: Received) -> Reply:
        reply = answer(received)
        for item in reply.body.get("items", []):
            item |= {"start": {"date": "2026-11-27"}, "end": {"date": "2026-11-28"}}
        return reply

    calendar.answer = with_dates  # type: ignore[method-assign]
    assert await watching.at(NOON) == ([], midnight)
    assert event["id"] == "day"


async def test_only_what_was_asked_for(calendar: Calendar, watch: Make) -> None:
    watching = watch(on=["cancelled"])
    await watching.begin()
    calendar.put("a", NOON)
    assert (await watching.at(NOON))[0] == []
    calendar.cancel("a")
    assert (await watching.at(NOON))[0] == [("a", "cancelled")]


HOUR = timedelta(hours=1)


def soon(seconds: float) -> datetime:
    """When an event starts that a trigger with an hour's lead starts a run for in so many seconds."""
    return datetime.now(UTC) + HOUR + timedelta(seconds=seconds)


async def authorised_on(rig: Any, database: Database, keys: KeyRing) -> str:
    """The id of a credential that Google has given a token for."""
    credential_id: str = await rig.credential("google_oauth2", {"client_id": "i", "client_secret": "s"})
    async with database.transaction() as session:
        owner = await session.get_one(IntegrationRow, credential_id)
        await integrations_tokens.save(session, owner, Tokens(TOKEN, "", None, ()), keys)
    return credential_id


def watching(calendar: Calendar, credential_id: str, **parameters: Any) -> Json:
    """A workflow that is started an hour before events."""
    given = {"base_url": calendar.url, "poll_interval": "1s", "lead_time": "1h", **parameters}
    watch = trigger("Calendar", "CALENDAR", parameters=given, credentials={"auth": credential_id})
    return workflow("events", [watch, sets("Seen", seen=True)], "Calendar -> Seen")


@dataclass
class Watched:
    """A calendar that a workflow on real servers watches, over a wire to Temporal that can be cut."""

    calendar: Calendar
    rig: Rig
    wire: Proxy

    async def definition(self, **parameters: Any) -> Json:
        """The workflow."""
        parts = self.rig.parts
        assert parts.integrations.keys
        authorised = await authorised_on(self.rig, parts.database, parts.integrations.keys)
        return watching(self.calendar, authorised, **parameters)

    async def polled(self) -> None:
        """Returns once a poll has seen what there is now."""
        before = len(self.calendar.received)

        async def seen() -> bool:
            return len(self.calendar.received) >= before + 4

        await until(seen)

    async def all_ran(self, workflow_id: str, expected: list[tuple[str, str]]) -> list[Run]:
        """The runs, once each event has the one that it should."""

        async def enough() -> list[Run]:
            runs = await self.rig.runs(workflow_id)
            done = len(runs) >= len(expected) and all(run.status == "COMPLETED" for run in runs)
            return runs if done else []

        runs: list[Run] = await until(enough)
        assert Counter((run.item["json"]["id"], run.item["json"]["on"]) for run in runs) == Counter(expected)
        return runs


@pytest.fixture
async def watched(
    calendar: Calendar, postgres_url: str, temporal_server: DevServer, tmp_path: Path
) -> AsyncIterator[Watched]:
    host, _, port = temporal_server.address.rpartition(":")
    wire = Proxy("temporal", (host, int(port)))
    await wire.start()
    client = await connect(target_host=f"127.0.0.1:{wire.port}", namespace=temporal_server.namespace)
    async with running_rig(postgres_url, client, tmp_path) as rig:
        yield Watched(calendar, rig, wire)
    await wire.stop()


async def test_each_event_has_one_run_whatever_restarts(watched: Watched) -> None:
    rig, calendar = watched.rig, watched.calendar
    calendar.put("begun", soon(-1))
    workflow_id = await rig.create(await watched.definition())
    binding = await rig.turn_on(workflow_id)
    assert list(await rig.timers.describe([binding])) == [binding]
    calendar.put("postponed", soon(10))
    calendar.put("called off", soon(10))
    calendar.put("brought forward", soon(3600))
    calendar.put("first", soon(2))
    await watched.all_ran(workflow_id, [("first", "starts")])

    calendar.put("postponed", later := soon(13))
    calendar.cancel("called off")
    calendar.put("brought forward", soon(1))
    await watched.polled()
    await rig.stop_worker()
    calendar.put("while no worker was there", soon(1))
    await asyncio.sleep(2)
    await rig.start_worker()
    await watched.polled()
    await watched.wire.set(Wire.CUT)
    calendar.put("while Temporal was away", soon(1))
    await asyncio.sleep(2)
    await watched.wire.set(Wire.GOOD)
    ids = ["first", "brought forward", "while no worker was there", "while Temporal was away", "postponed"]
    runs = await watched.all_ran(workflow_id, [(id_, "starts") for id_ in ids])
    times = {run.item["json"]["id"]: datetime.fromisoformat(run.item["json"]["at"]) for run in runs}
    assert times["postponed"] == later
    assert all(run.started >= times[run.item["json"]["id"]] - HOUR for run in runs)
    assert {(run.mode, run.trigger) for run in runs} == {("TRIGGER", "Calendar")}

    calendar.put("after the end", soon(2))
    await watched.polled()
    await rig.turn_off(workflow_id)
    assert await rig.timers.describe([binding]) == {}
    asked = len(calendar.received)
    await asyncio.sleep(3)
    assert len(calendar.received) <= asked + 1, "what was under way ends; nothing is asked anew"
    assert len(await rig.runs(workflow_id)) == len(ids)


async def test_changes_over_restarts_and_versions(watched: Watched) -> None:
    rig, calendar = watched.rig, watched.calendar
    calendar.put("old", NOON)
    definition = await watched.definition(on=["created", "updated", "cancelled"])
    workflow_id = await rig.create(definition)
    await rig.turn_on(workflow_id)
    calendar.put("a", NOON)
    calendar.put("old", NOON + HOUR)
    expected = [("a", "created"), ("old", "updated")]
    await watched.all_ran(workflow_id, expected)
    await rig.stop_worker()
    calendar.put("b", NOON)
    calendar.cancel("a")
    await rig.update(workflow_id, definition)
    await rig.turn_on(workflow_id)
    # What changed meanwhile has to be found without the token.
    calendar.oldest = len(calendar.changed)
    await rig.start_worker()
    expected += [("b", "created"), ("a", "cancelled")]
    runs = await watched.all_ran(workflow_id, expected)
    assert [run.version for run in runs] == [1, 1, 2, 2]

    await rig.turn_off(workflow_id)
    calendar.put("c", NOON)
    await rig.turn_on(workflow_id)
    # What changed while it was off is none of its events.
    calendar.put("d", NOON)
    await watched.all_ran(workflow_id, [*expected, ("d", "created")])

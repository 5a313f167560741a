"""What is Google Calendar's own: ids of our making, times, pages, reasons of refusals."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.external_action.google.access import GOOGLE_OAUTH2
from nodes.external_action.google.calendar import event_id_of
from tests.nodes.external_action import conftest
from tests.nodes.tool.parts import credential
from tests.vendors.mock import Reply, VendorMock

Run = Callable[..., Awaitable[Any]]
KIND = "GOOGLE_CALENDAR"
TIMES = {"start": "2026-11-24T09:00:00+01:00", "end": "2026-11-24T09:15:00+01:00"}
CREATE = {"operation": "create_event", "summary": "S", **TIMES}


@pytest.fixture
def mock(mocks: dict[str, VendorMock]) -> VendorMock:
    return mocks[KIND]


def google_error(status: int, reason: str, message: str = "No", **more: Any) -> Reply:
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message, **more}]}
    return Reply(status, {"error": error})


def test_event_ids_are_what_google_takes() -> None:
    made = event_id_of("run/N/0/0")
    assert set(made) <= set("abcdefghijklmnopqrstuv0123456789")
    assert 5 <= len(made) <= 1024
    assert made == event_id_of("run/N/0/0") != event_id_of("run/N/0/1")


async def test_a_second_attempt_gives_the_event_of_the_first(perform: Run, mock: VendorMock) -> None:
    mock.replies.extend([google_error(409, "duplicate", "The requested identifier already exists."), None])
    event = await perform(KIND, CREATE)
    assert event["kind"]
    assert [received.method for received in mock.received] == ["POST", "GET"]
    assert mock.received[1].path.endswith(f"/events/{mock.received[0].body['id']}")


@pytest.mark.parametrize("given", [{"fields": {"id": "mine0"}}, {}])
async def test_other_conflicts_stay(given: dict[str, Any], perform: Run, mock: VendorMock) -> None:
    mock.replies.append(google_error(409, "duplicate"))
    with pytest.raises(PermanentError) as caught:
        await perform(KIND, {**CREATE, **given}, idempotency_key="" if not given else "k")
    assert caught.value.code == "CONFLICT"
    assert mock.received[0].body.get("id") == given.get("fields", {}).get("id")


async def test_what_is_deleted_stays_deleted(perform: Run, mock: VendorMock) -> None:
    mock.replies.append(google_error(410, "deleted", "Resource has been deleted"))
    assert await perform(KIND, {"operation": "delete_event", "event_id": "e1"}) == {"deleted": True, "event_id": "e1"}


async def test_pages(perform: Run, mock: VendorMock) -> None:
    first = {"items": [{"id": "1"}, {"id": "2"}], "nextPageToken": "t2"}
    mock.replies.extend([Reply(200, first), Reply(200, {"items": [{"id": "3"}]})])
    events = await perform(KIND, {"operation": "list_events", "return_all": True})
    assert [event["id"] for event in events] == ["1", "2", "3"]
    queries = [dict(received.query) for received in mock.received]
    assert [(query["maxResults"], query.get("pageToken")) for query in queries] == [("250", None), ("250", "t2")]


async def test_pages_that_repeat_end(perform: Run, mock: VendorMock) -> None:
    mock.replies.extend([Reply(200, {"items": [{"id": "1"}], "nextPageToken": "t"})] * 2)
    with pytest.raises(PermanentError, match="the same page twice"):
        await perform(KIND, {"operation": "list_events", "return_all": True})


@pytest.mark.parametrize(
    ("reply", "code", "says"),
    [
        (google_error(403, "rateLimitExceeded"), "RATE_LIMITED", "too often"),
        (google_error(403, "userRateLimitExceeded"), "RATE_LIMITED", "too often"),
        (google_error(403, "insufficientPermissions"), "FORBIDDEN", "auth/calendar"),
        (google_error(403, "forbiddenForNonOrganizer"), "FORBIDDEN", 'the event "e1" of the calendar "primary"'),
        (google_error(401, "authError", "Invalid Credentials"), "CREDENTIAL_REJECTED", "authorise it again"),
        (google_error(404, "notFound"), "NOT_FOUND", 'the event "e1"'),
        (
            google_error(400, "invalid", "Bad zone", location="timeZone", locationType="parameter"),
            "REFUSED",
            "timeZone: Bad zone",
        ),
        (Reply(400, {"error": "invalid_request"}), "REFUSED", "invalid_request"),
        (google_error(500, "backendError"), "HTTP_STATUS", "500"),
    ],
)
async def test_refusals(reply: Reply, code: str, says: str, perform: Run, mock: VendorMock) -> None:
    mock.replies.append(reply)
    with pytest.raises(NodeError) as caught:
        await perform(KIND, {"operation": "get_event", "event_id": "e1"})
    error = caught.value
    assert error.code == code
    assert says in f"{error.message} {error.hint}"
    assert isinstance(error, RetryableError) == (code in ("RATE_LIMITED", "HTTP_STATUS"))


async def test_a_calendar_that_cannot_be_read_is_not_free(perform: Run, mock: VendorMock) -> None:
    calendars = {"primary": {"busy": []}, "x@example.org": {"errors": [{"reason": "notFound"}], "busy": []}}
    mock.replies.append(Reply(200, {"calendars": calendars}))
    times = {"time_min": "2026-11-24T08:00:00Z", "time_max": "2026-11-24T18:00:00Z"}
    with pytest.raises(PermanentError, match=r'doesn\'t find the calendar "x@example.org": notFound'):
        await perform(KIND, {"operation": "free_busy", "calendar_ids": ["primary", "x@example.org"], **times})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"start": "tomorrow"}, '"start" is the text "tomorrow"'),
        ({"start": "2026-13-01"}, '"start"'),
        ({"start": "2026-11-24"}, "both must be times, or both dates"),
        ({"end": None}, '"end" is missing'),
        ({"attendees": ["Ann"]}, "expected a mail address"),
        ({"reminders": [-1]}, "at least 0"),
        ({"calendar_id": ".."}, '"calendar_id"'),
        ({"operation": "list_events", "summary": "x"}, '"summary" is unknown'),
    ],
)
async def test_bad_parameters(given: dict[str, Any], says: str, perform: Run, mock: VendorMock) -> None:
    with pytest.raises(PermanentError) as caught:
        await perform(KIND, {**CREATE, **given})
    assert caught.value.code == "INVALID_PARAMETER"
    assert says in caught.value.message
    assert mock.received == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"time_min": "2026-11-24T08:00:00"}, "with its offset"),
        ({"time_min": "2026-11-24"}, "with its offset"),
        ({"order_by": "startTime", "single_events": False}, "single_events"),
    ],
)
async def test_bad_lists(given: dict[str, Any], says: str, perform: Run) -> None:
    with pytest.raises(PermanentError, match=says):
        await perform(KIND, {"operation": "list_events", **given})


async def test_a_change_needs_something_to_change(perform: Run, mock: VendorMock) -> None:
    with pytest.raises(PermanentError, match="what to change in the event"):
        await perform(KIND, {"operation": "update_event", "event_id": "e1", "send_updates": "all"})
    assert mock.received == []


async def test_a_credential_that_nobody_authorised(perform: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(conftest.CREDENTIALS, KIND, credential(GOOGLE_OAUTH2, client_id="i", client_secret="s"))
    with pytest.raises(PermanentError, match="no token yet") as caught:
        await perform(KIND, CREATE)
    assert caught.value.code == "CREDENTIAL_REJECTED"

"""One call of every operation: its parameters, and the requests that it must make."""

from dataclasses import dataclass, field
from typing import Any

from nodes.external_action.google.calendar import event_id_of

REPO = {"owner": "octocat", "repo": "Hello-World"}
ID = "5abbe4b7ddc1b351ef961414"
TS = "1503435956.000247"
EVENT_ID = event_id_of("run/N/0/0")
Query = list[tuple[str, str]]


@dataclass(frozen=True)
class Case:
    """A call: `requests` are method, path, query and body of what the vendor must get."""

    vendor: str
    parameters: dict[str, Any]
    requests: list[tuple[str, str, dict[str, str], Any]]
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """How the test is named."""
        return f"{self.vendor}-{self.parameters['operation']}"


def _github(operation: str, given: dict[str, Any], *requests: tuple[str, str, dict[str, str], Any]) -> Case:
    full = [(method, f"/repos/octocat/Hello-World{path}", query, body) for method, path, query, body in requests]
    return Case("GITHUB", {"operation": operation, **REPO, **given}, full)


def _google(operation: str, given: dict[str, Any], *requests: tuple[str, str, dict[str, str], Any]) -> Case:
    return Case("GOOGLE_CALENDAR", {"operation": operation, **given}, list(requests))


def _slack(operation: str, given: dict[str, Any], *requests: tuple[str, str, dict[str, str], Any]) -> Case:
    return Case("SLACK", {"operation": operation, **given}, list(requests))


def _trello(operation: str, given: dict[str, Any], *requests: tuple[str, str, dict[str, str], Any]) -> Case:
    return Case("TRELLO", {"operation": operation, **given}, list(requests))


PAGE = {"per_page": "50", "page": "1"}
GITHUB = [
    _github(
        "create_issue",
        {"title": "It broke", "body": "How", "labels": ["bug"], "assignees": ["ann"], "milestone": 2},
        (
            "POST",
            "/issues",
            {},
            {"title": "It broke", "body": "How", "labels": ["bug"], "assignees": ["ann"], "milestone": 2},
        ),
    ),
    _github("get_issue", {"issue_number": 7}, ("GET", "/issues/7", {}, None)),
    _github(
        "list_issues",
        {"labels": ["bug", "ui"], "milestone": 3, "since": "2026-11-01T00:00:00Z"},
        (
            "GET",
            "/issues",
            {
                "state": "open",
                "milestone": "3",
                "labels": "bug,ui",
                "since": "2026-11-01T00:00:00+00:00",
                "sort": "created",
                "direction": "desc",
                **PAGE,
            },
            None,
        ),
    ),
    _github(
        "update_issue",
        {"issue_number": 7, "state": "closed", "state_reason": "completed", "milestone": None, "labels": []},
        (
            "PATCH",
            "/issues/7",
            {},
            {"state": "closed", "state_reason": "completed", "milestone": None, "labels": []},
        ),
    ),
    _github("comment_issue", {"issue_number": 7, "body": "Hi"}, ("POST", "/issues/7/comments", {}, {"body": "Hi"})),
    _github(
        "list_pull_requests",
        {"base": "main", "sort": "long-running"},
        ("GET", "/pulls", {"state": "open", "base": "main", "sort": "long-running", "direction": "desc", **PAGE}, None),
    ),
    _github("get_pull_request", {"pull_number": 12}, ("GET", "/pulls/12", {}, None)),
    _github(
        "create_review",
        {
            "pull_number": 12,
            "event": "REQUEST_CHANGES",
            "body": "See below",
            "comments": [{"path": "a.py", "line": 3, "body": "Why?"}],
        },
        (
            "POST",
            "/pulls/12/reviews",
            {},
            {
                "event": "REQUEST_CHANGES",
                "body": "See below",
                "comments": [{"path": "a.py", "line": 3, "side": "RIGHT", "body": "Why?"}],
            },
        ),
    ),
    _github(
        "get_file",
        {"path": "docs/a b.md", "ref": "main"},
        ("GET", "/contents/docs/a%20b.md", {"ref": "main"}, None),
    ),
    _github(
        "put_file",
        {"path": "a.txt", "message": "Write", "content": "hello", "sha": "95b966ae", "branch": "main"},
        (
            "PUT",
            "/contents/a.txt",
            {},
            {"message": "Write", "content": "aGVsbG8=", "sha": "95b966ae", "branch": "main"},
        ),
    ),
    _github(
        "create_release",
        {"tag_name": "v1", "name": "One", "prerelease": True, "make_latest": "false"},
        ("POST", "/releases", {}, {"tag_name": "v1", "name": "One", "prerelease": True, "make_latest": "false"}),
    ),
    _github("list_releases", {}, ("GET", "/releases", PAGE, None)),
    _github(
        "dispatch_workflow",
        {"workflow_id": "ci.yml", "ref": "main", "inputs": {"level": "high"}},
        ("POST", "/actions/workflows/ci.yml/dispatches", {}, {"ref": "main", "inputs": {"level": "high"}}),
    ),
    _github("get_repository", {}, ("GET", "", {}, None)),
]
EVENTS = "/calendars/team%40example.org/events"
CALENDAR = {"calendar_id": "team@example.org"}
GOOGLE = [
    _google(
        "create_event",
        {
            **CALENDAR,
            "summary": "Stand-up",
            "start": "2026-11-24T09:00:00",
            "end": "2026-11-24T09:15:00",
            "time_zone": "Europe/Zurich",
            "attendees": ["ann@example.org"],
            "recurrence": ["RRULE:FREQ=DAILY;COUNT=5"],
            "reminders": [10],
            "fields": {"guestsCanModify": True},
            "conference": True,
            "send_updates": "all",
        },
        (
            "POST",
            EVENTS,
            {"sendUpdates": "all", "conferenceDataVersion": "1"},
            {
                "id": EVENT_ID,
                "summary": "Stand-up",
                "recurrence": ["RRULE:FREQ=DAILY;COUNT=5"],
                "start": {"dateTime": "2026-11-24T09:00:00", "timeZone": "Europe/Zurich"},
                "end": {"dateTime": "2026-11-24T09:15:00", "timeZone": "Europe/Zurich"},
                "attendees": [{"email": "ann@example.org"}],
                "reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 10}]},
                "guestsCanModify": True,
                "conferenceData": {"createRequest": {"requestId": EVENT_ID}},
            },
        ),
    ),
    _google(
        "get_event",
        {**CALENDAR, "event_id": "e1", "time_zone": "UTC"},
        ("GET", f"{EVENTS}/e1", {"timeZone": "UTC"}, None),
    ),
    _google(
        "list_events",
        {"time_min": "2026-11-24T00:00:00+01:00", "query": "lunch", "order_by": "startTime", "limit": 10},
        (
            "GET",
            "/calendars/primary/events",
            {
                "timeMin": "2026-11-24T00:00:00+01:00",
                "q": "lunch",
                "singleEvents": "true",
                "orderBy": "startTime",
                "showDeleted": "false",
                "maxResults": "10",
            },
            None,
        ),
    ),
    _google(
        "update_event",
        {**CALENDAR, "event_id": "e1", "start": "2026-12-24", "end": "2026-12-27", "color_id": "5"},
        (
            "PATCH",
            f"{EVENTS}/e1",
            {"sendUpdates": "none"},
            {"start": {"date": "2026-12-24"}, "end": {"date": "2026-12-27"}, "colorId": "5"},
        ),
    ),
    _google("delete_event", {**CALENDAR, "event_id": "e1"}, ("DELETE", f"{EVENTS}/e1", {"sendUpdates": "none"}, None)),
    _google(
        "free_busy",
        {
            "calendar_ids": ["primary", "ann@example.org"],
            "time_min": "2026-11-24T08:00:00Z",
            "time_max": "2026-11-24T18:00:00Z",
        },
        (
            "POST",
            "/freeBusy",
            {},
            {
                "timeMin": "2026-11-24T08:00:00Z",
                "timeMax": "2026-11-24T18:00:00Z",
                "items": [{"id": "primary"}, {"id": "ann@example.org"}],
            },
        ),
    ),
]
BLOCKS = '[{"type":"divider"}]'
SLACK = [
    _slack(
        "post_message",
        {"channel": "C1", "text": "Hi & bye", "blocks": [{"type": "divider"}], "thread_ts": TS, "unfurl_links": False},
        (
            "POST",
            "/chat.postMessage",
            {},
            {"channel": "C1", "text": "Hi & bye", "blocks": BLOCKS, "thread_ts": TS, "unfurl_links": "false"},
        ),
    ),
    _slack(
        "update_message",
        {"channel": "C1", "ts": TS, "text": "Ho"},
        ("POST", "/chat.update", {}, {"channel": "C1", "ts": TS, "text": "Ho"}),
    ),
    _slack("delete_message", {"channel": "C1", "ts": TS}, ("POST", "/chat.delete", {}, {"channel": "C1", "ts": TS})),
    _slack(
        "list_channels",
        {"types": ["public_channel", "im"], "limit": 20},
        ("GET", "/conversations.list", {"types": "public_channel,im", "exclude_archived": "true", "limit": "20"}, None),
    ),
    _slack(
        "channel_history",
        {"channel": "C1", "oldest": "2026-11-24T00:00:00+00:00", "latest": TS},
        (
            "GET",
            "/conversations.history",
            {"channel": "C1", "oldest": "1795478400.000000", "latest": TS, "limit": "50"},
            None,
        ),
    ),
    _slack("lookup_user", {"user": "U1"}, ("GET", "/users.info", {"user": "U1"}, None)),
    _slack("lookup_user", {"email": "a@b.example"}, ("GET", "/users.lookupByEmail", {"email": "a@b.example"}, None)),
    Case(
        "SLACK",
        {"operation": "upload_file", "file": "report", "channel": "C1", "initial_comment": "New"},
        [
            ("GET", "/files.getUploadURLExternal", {"filename": "report.txt", "length": "5"}, None),
            (
                "POST",
                "/files.completeUploadExternal",
                {},
                {
                    "files": '[{"id":"F123ABC456","title":"report.txt"}]',
                    "channel_id": "C1",
                    "initial_comment": "New",
                },
            ),
        ],
        {"report": b"bytes"},
    ),
    _slack(
        "add_reaction",
        {"channel": "C1", "timestamp": TS, "name": ":tada:"},
        ("POST", "/reactions.add", {}, {"channel": "C1", "timestamp": TS, "name": "tada"}),
    ),
    _slack(
        "remove_reaction",
        {"channel": "C1", "timestamp": TS, "name": "tada"},
        ("POST", "/reactions.remove", {}, {"channel": "C1", "timestamp": TS, "name": "tada"}),
    ),
]
TRELLO = [
    _trello(
        "create_card",
        {
            "list_id": ID,
            "name": "Buy milk",
            "desc": "Two",
            "pos": "top",
            "due": "2026-12-01T10:00:00Z",
            "label_ids": [ID, ID],
            "due_complete": False,
        },
        (
            "POST",
            "/cards",
            {},
            {
                "idList": ID,
                "name": "Buy milk",
                "desc": "Two",
                "pos": "top",
                "due": "2026-12-01T10:00:00Z",
                "idLabels": f"{ID},{ID}",
                "dueComplete": False,
            },
        ),
    ),
    _trello("get_card", {"card_id": "aB3dE5fG"}, ("GET", "/cards/aB3dE5fG", {}, None)),
    _trello(
        "update_card",
        {"card_id": ID, "due": None, "closed": True, "start": "2026-12-01T10:00:00Z"},
        ("PUT", f"/cards/{ID}", {}, {"due": None, "closed": True, "start": "2026-12-01"}),
    ),
    _trello(
        "move_card",
        {"card_id": ID, "list_id": "a1", "pos": 2},
        ("PUT", f"/cards/{ID}", {}, {"idList": "a1", "pos": 2}),
    ),
    _trello(
        "comment_card",
        {"card_id": ID, "text": "Done"},
        ("POST", f"/cards/{ID}/actions/comments", {}, {"text": "Done"}),
    ),
    _trello("delete_card", {"card_id": ID}, ("DELETE", f"/cards/{ID}", {}, None)),
    _trello("list_cards", {"list_id": ID}, ("GET", f"/lists/{ID}/cards", {"filter": "open", "limit": "50"}, None)),
    _trello("list_cards", {"board_id": ID}, ("GET", f"/boards/{ID}/cards", {"filter": "open", "limit": "50"}, None)),
    _trello(
        "create_list",
        {"board_id": ID, "name": "Doing"},
        ("POST", "/lists", {}, {"name": "Doing", "idBoard": ID, "pos": "bottom"}),
    ),
    _trello("get_list", {"list_id": ID}, ("GET", f"/lists/{ID}", {}, None)),
    _trello("list_lists", {"board_id": ID}, ("GET", f"/boards/{ID}/lists", {"filter": "open"}, None)),
    _trello("update_list", {"list_id": ID, "closed": True}, ("PUT", f"/lists/{ID}", {}, {"closed": True})),
    _trello(
        "create_board",
        {"name": "Plans", "default_lists": False},
        ("POST", "/boards", {}, {"name": "Plans", "defaultLists": False}),
    ),
    _trello("get_board", {"board_id": ID}, ("GET", f"/boards/{ID}", {}, None)),
    _trello("list_boards", {"state": "starred"}, ("GET", "/members/me/boards", {"filter": "starred"}, None)),
    _trello("update_board", {"board_id": ID, "name": "New"}, ("PUT", f"/boards/{ID}", {}, {"name": "New"})),
]
CASES = [*GITHUB, *GOOGLE, *SLACK, *TRELLO]

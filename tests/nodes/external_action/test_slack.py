"""What is Slack's own: errors with status 200, cursors, uploads."""

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from slack_sdk import WebClient

from nodes.errors import NodeError, PermanentError, RetryableError
from tests.nodes.external_action.operations import SLACK, Case
from tests.vendors.mock import Reply, VendorMock

Run = Callable[..., Awaitable[Any]]
POST = {"operation": "post_message", "channel": "C1", "text": "Hi"}
TS = "1503435956.000247"


@pytest.fixture
def mock(mocks: dict[str, VendorMock]) -> VendorMock:
    return mocks["SLACK"]


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({"error": "invalid_auth"}, "CREDENTIAL_REJECTED", "invalid_auth"),
        ({"error": "token_revoked"}, "CREDENTIAL_REJECTED", "token_revoked"),
        ({"error": "missing_scope", "needed": "chat:write", "provided": "x"}, "FORBIDDEN", "the scope chat:write"),
        ({"error": "not_in_channel"}, "FORBIDDEN", "invite the app"),
        ({"error": "channel_not_found"}, "NOT_FOUND", 'Slack doesn\'t find the channel "C1"'),
        ({"error": "is_archived"}, "REFUSED", "unarchive"),
        (
            {
                "error": "invalid_blocks",
                "response_metadata": {"messages": ["[ERROR] no type [json-pointer:/blocks/0]"]},
            },
            "REFUSED",
            "json-pointer:/blocks/0",
        ),
        ({"error": "invalid_arguments", "errors": ["bad ts"]}, "REFUSED", "bad ts"),
        ({"error": "something_new"}, "REFUSED", "something_new"),
        ({"error": "ratelimited"}, "RATE_LIMITED", "after 7 s"),
        ({"error": "internal_error"}, "HTTP_STATUS", "internal_error"),
    ],
    ids=lambda given: given.get("error") if isinstance(given, dict) else None,
)
async def test_refusals(body: dict[str, Any], code: str, says: str, perform: Run, mock: VendorMock) -> None:
    mock.replies.append(Reply(200, {"ok": False, **body}, {"retry-after": "7"}))
    with pytest.raises(NodeError) as caught:
        await perform("SLACK", POST)
    error = caught.value
    assert error.code == code
    assert says in f"{error.message} {error.hint}"
    assert isinstance(error, RetryableError) == (code in ("RATE_LIMITED", "HTTP_STATUS"))
    assert error.retry_after == (7 if code == "RATE_LIMITED" else None)


@pytest.mark.parametrize("body", [{}, {"ok": "yes"}, [], {"ok": True, "channels": "none"}])
async def test_malformed(body: Any, perform: Run, mock: VendorMock) -> None:
    mock.replies.append(Reply(200, body))
    with pytest.raises(PermanentError) as caught:
        await perform("SLACK", {"operation": "list_channels"})
    assert caught.value.code == "INVALID_RESPONSE"


async def test_pages(perform: Run, mock: VendorMock) -> None:
    first = {"ok": True, "messages": [{"ts": "1.0"}], "response_metadata": {"next_cursor": "bmV4dA=="}}
    last = {"ok": True, "messages": [{"ts": "2.0"}], "response_metadata": {"next_cursor": ""}}
    mock.replies.extend([Reply(200, first), Reply(200, last)])
    found = await perform("SLACK", {"operation": "channel_history", "channel": "C1", "return_all": True})
    assert [message["ts"] for message in found] == ["1.0", "2.0"]
    assert [dict(received.query).get("cursor") for received in mock.received] == [None, "bmV4dA=="]
    mock.replies.extend([Reply(200, first)] * 2)
    with pytest.raises(PermanentError, match="the same page twice"):
        await perform("SLACK", {"operation": "channel_history", "channel": "C1", "return_all": True})


@pytest.mark.parametrize(
    ("operation", "fine"), [("add_reaction", "already_reacted"), ("remove_reaction", "no_reaction")]
)
async def test_reactions_that_are_so_already(operation: str, fine: str, perform: Run, mock: VendorMock) -> None:
    given = {"operation": operation, "channel": "C1", "timestamp": TS, "name": "tada"}
    mock.replies.append(Reply(200, {"ok": False, "error": fine}))
    assert (await perform("SLACK", given))["changed"] is False
    assert (await perform("SLACK", given))["changed"] is True
    mock.replies.append(Reply(200, {"ok": False, "error": "invalid_name"}))
    with pytest.raises(PermanentError, match="invalid_name"):
        await perform("SLACK", given)


async def test_uploads(perform: Run, mock: VendorMock) -> None:
    given = {"operation": "upload_file", "file": "a", "filename": "b.txt", "title": "B", "alt_txt": "a b"}
    found = await perform("SLACK", given, files={"a": b"content"})
    assert mock.uploads == [b"content"]
    assert found["id"] == "F123ABC456"
    assert dict(mock.received[0].query) == {"filename": "b.txt", "length": "7", "alt_txt": "a b"}
    assert json.loads(mock.received[1].body["files"]) == [{"id": "F123ABC456", "title": "B"}]


@pytest.mark.parametrize(
    ("replies", "code"),
    [
        ([None, Reply(500, b"no")], "HTTP_STATUS"),
        ([Reply(200, {"ok": True})], "INVALID_RESPONSE"),
        ([Reply(200, {"ok": True, "file_id": "F", "upload_url": "https://evil.example/x"})], "CREDENTIAL_HOST"),
        ([None, None, Reply(200, {"ok": True, "files": []})], "INVALID_RESPONSE"),
        ([None, None, Reply(200, {"ok": False, "error": "channel_not_found"})], "NOT_FOUND"),
    ],
)
async def test_uploads_that_fail(replies: list[Any], code: str, perform: Run, mock: VendorMock) -> None:
    mock.replies.extend(replies)
    with pytest.raises(NodeError) as caught:
        await perform("SLACK", {"operation": "upload_file", "file": "a", "channel": "C1"}, files={"a": b"content"})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"operation": "post_message", "channel": "C1"}, 'neither "text" nor "blocks"'),
        ({**POST, "thread_ts": "yesterday"}, '"thread_ts"'),
        ({**POST, "text": "x" * 40_001}, "40000"),
        ({"operation": "lookup_user"}, '"user" is missing'),
        ({"operation": "lookup_user", "user": "U1", "email": "a@b.c"}, "both"),
        ({"operation": "channel_history", "channel": "C1", "oldest": "2026-11-24T00:00:00"}, '"oldest"'),
        ({"operation": "upload_file", "file": "none"}, "the item lacks"),
        ({"operation": "list_channels", "limit": 0}, '"limit"'),
    ],
)
async def test_bad_parameters(given: dict[str, Any], says: str, perform: Run, mock: VendorMock) -> None:
    with pytest.raises(PermanentError) as caught:
        await perform("SLACK", given)
    assert says in caught.value.message
    assert mock.received == []


@pytest.mark.parametrize("case", SLACK, ids=lambda case: case.id)
def test_arguments_are_those_of_slacks_own_client(case: Case) -> None:
    for _, path, query, body in case.requests:
        method = getattr(WebClient, path.removeprefix("/").replace(".", "_"))
        assert {*query, *(body or {})} <= set(inspect.signature(method).parameters)

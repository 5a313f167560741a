"""What is GitHub's own: pages, limits, scopes, fields in errors, files."""

import base64
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nodes.base import Output
from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.external_action import api
from tests.vendors.mock import Reply, VendorMock

Run = Callable[..., Awaitable[Any]]
REPO = {"owner": "octocat", "repo": "Hello-World"}
NEXT = {"link": '<https://api.github.com/x?page=2>; rel="next", <https://api.github.com/x?page=9>; rel="last"'}


@pytest.fixture
def mock(mocks: dict[str, VendorMock]) -> VendorMock:
    return mocks["GITHUB"]


def numbered(start: int, count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"number": number, **more} for number in range(start, start + count)]


@pytest.mark.parametrize(
    ("given", "pages", "numbers", "asked"),
    [
        ({"limit": 3}, [Reply(200, numbered(1, 3), NEXT)], [1, 2, 3], [("3", "1")]),
        ({"limit": 2}, [Reply(200, numbered(1, 3), NEXT)], [1, 2], [("2", "1")]),
        (
            {"limit": 150},
            [Reply(200, numbered(1, 100), NEXT), Reply(200, numbered(101, 100), NEXT)],
            [*range(1, 151)],
            [("100", "1"), ("100", "2")],
        ),
        (
            {"return_all": True, "limit": 1},
            [Reply(200, numbered(1, 2), NEXT), Reply(200, numbered(3, 1))],
            [1, 2, 3],
            [("100", "1"), ("100", "2")],
        ),
        ({"return_all": True}, [Reply(200, [], NEXT)], [], [("100", "1")]),
        (
            {"limit": 2, "pull_requests": False},
            [Reply(200, numbered(1, 2, pull_request={}), NEXT), Reply(200, numbered(3, 5), NEXT)],
            [3, 4],
            [("100", "1"), ("100", "2")],
        ),
    ],
    ids=["one page", "a page too many", "two pages", "all", "none", "without pull requests"],
)
async def test_pages(
    given: dict[str, Any],
    pages: list[Reply],
    numbers: list[int],
    asked: list[tuple[str, str]],
    perform: Run,
    mock: VendorMock,
) -> None:
    mock.replies.extend(pages)
    issues = await perform("GITHUB", {"operation": "list_issues", **REPO, **given})
    assert [issue["number"] for issue in issues] == numbers
    queries = [dict(received.query) for received in mock.received]
    assert [(query["per_page"], query["page"]) for query in queries] == asked


async def test_lists_have_an_end(perform: Run, mock: VendorMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MOST_ENTRIES", 5)
    mock.replies.extend(Reply(200, numbered(1, 3), NEXT) for _ in range(9))
    with pytest.raises(PermanentError, match="more than 5 entries") as caught:
        await perform("GITHUB", {"operation": "list_issues", **REPO, "return_all": True})
    assert caught.value.code == "TOO_MANY_ENTRIES"
    assert len(mock.received) == 2


@pytest.mark.parametrize(
    ("reply", "code", "wait", "says"),
    [
        (
            Reply(
                403, {"message": "API rate limit exceeded"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "T+30"}
            ),
            "RATE_LIMITED",
            30,
            "asked too often",
        ),
        (
            Reply(
                403, {"message": "API rate limit exceeded"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}
            ),
            "RATE_LIMITED",
            0,
            "asked too often",
        ),
        (
            Reply(403, {"message": "You have exceeded a secondary rate limit."}),
            "RATE_LIMITED",
            60,
            "secondary rate limit",
        ),
        (Reply(403, {"message": "secondary"}, {"retry-after": "11"}), "RATE_LIMITED", 11, "asked too often"),
        (Reply(429, {"message": "no"}), "RATE_LIMITED", 60, "asked too often"),
        (
            Reply(
                403,
                {"message": "Must have admin rights"},
                {"x-oauth-scopes": "gist, read:org", "x-accepted-oauth-scopes": "repo, gist"},
            ),
            "FORBIDDEN",
            None,
            "one of the scopes repo",
        ),
        (
            Reply(
                403,
                {"message": "Resource not accessible by personal access token"},
                {"x-accepted-github-permissions": "issues=write"},
            ),
            "FORBIDDEN",
            None,
            "the permission issues=write",
        ),
        (
            Reply(
                422,
                {
                    "message": "Validation Failed",
                    "errors": [
                        {"resource": "Issue", "field": "assignees", "code": "invalid", "value": "nobody"},
                        {"message": "title is too long"},
                        "odd",
                    ],
                },
            ),
            "REFUSED",
            None,
            "Issue.assignees: invalid (it was 'nobody'); title is too long; odd",
        ),
        (Reply(410, {"message": "Issues are disabled"}), "NOT_FOUND", None, "Issues are disabled"),
        (Reply(404, {"message": "Not Found"}), "NOT_FOUND", None, "the repository octocat/Hello-World"),
        (Reply(401, {"message": "Bad credentials"}), "CREDENTIAL_REJECTED", None, "Bad credentials"),
        (Reply(409, {"message": "is at 1 but expected 2"}), "CONFLICT", None, "expected 2"),
        (Reply(418, b"teapot"), "HTTP_STATUS", None, "418"),
    ],
)
async def test_refusals(reply: Reply, code: str, wait: float | None, says: str, perform: Run, mock: VendorMock) -> None:
    headers = dict(reply.headers)
    if headers.get("x-ratelimit-reset") == "T+30":
        headers["x-ratelimit-reset"] = str(int(time.time()) + 30)
    mock.replies.append(Reply(reply.status, reply.body, headers))
    with pytest.raises(NodeError) as caught:
        await perform("GITHUB", {"operation": "create_issue", **REPO, "title": "T"})
    error = caught.value
    assert error.code == code
    assert says in f"{error.message} {error.hint}"
    assert isinstance(error, RetryableError) == (code == "RATE_LIMITED")
    assert error.retry_after == (wait if wait is None else pytest.approx(wait, abs=5))


FILE = {"type": "file", "name": "a.md", "path": "a.md", "sha": "s1", "size": 5}
TEXT = {**FILE, "encoding": "base64", "content": base64.encodebytes("héllo".encode()).decode()}


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ([TEXT], {**FILE, "content": "héllo"}),
        ([{**FILE, "encoding": "none", "content": ""}, b"a large one"], {**FILE, "content": "a large one"}),
        (
            [[{"type": "file", "name": "x"}, {"type": "dir", "name": "y"}]],
            [{"type": "file", "name": "x"}, {"type": "dir", "name": "y"}],
        ),
        ([{"type": "submodule", "name": "z"}], {"type": "submodule", "name": "z"}),
    ],
    ids=["text", "large", "folder", "submodule"],
)
async def test_gets_files(replies: list[Any], expected: Any, perform: Run, mock: VendorMock) -> None:
    mock.replies.extend(Reply(200, body) for body in replies)
    assert await perform("GITHUB", {"operation": "get_file", **REPO, "path": "/a.md"}) == expected
    if len(replies) > 1:
        assert mock.received[1].headers["accept"] == "application/vnd.github.raw+json"


async def test_gets_a_binary_file(perform: Run, mock: VendorMock) -> None:
    binary = {**FILE, "name": "a.png", "encoding": "base64", "content": base64.b64encode(b"\x89PNG\xff").decode()}
    mock.replies.extend([Reply(200, binary), Reply(200, binary)])
    with pytest.raises(PermanentError, match="is no UTF-8 text") as caught:
        await perform("GITHUB", {"operation": "get_file", **REPO, "path": "a.png"})
    assert "as_file" in caught.value.hint
    returned = await perform("GITHUB", {"operation": "get_file", **REPO, "path": "a.png", "as_file": True})
    assert isinstance(returned, Output)
    (item,) = returned.ports["main"]
    assert (item["files"]["file"]["name"], item["files"]["file"]["content_type"]) == ("a.png", "image/png")
    assert item["files"]["file"]["size"] == 5
    assert item["json"]["sha"] == "s1"


@pytest.mark.parametrize(
    ("given", "present", "sent", "unchanged"),
    [
        ({"content": "new"}, Reply(404, {"message": "Not Found"}), {"content": "bmV3"}, False),
        ({"content": "new"}, Reply(200, TEXT), {"content": "bmV3", "sha": "s1"}, False),
        ({"file": "up", "branch": "dev"}, Reply(200, TEXT), {"content": "bmV3", "sha": "s1", "branch": "dev"}, False),
        (
            {"content": "same"},
            Reply(200, {**FILE, "sha": hashlib.sha1(b"blob 4\0same").hexdigest(), "encoding": "base64", "content": ""}),
            None,
            True,
        ),
    ],
    ids=["new", "changed", "of the item, on a branch", "unchanged"],
)
async def test_puts_files(
    given: dict[str, Any], present: Reply, sent: Any, unchanged: bool, perform: Run, mock: VendorMock
) -> None:
    mock.replies.append(present)
    parameters = {"operation": "put_file", **REPO, "path": "a.md", "message": "M", **given}
    returned = await perform("GITHUB", parameters, files={"up": b"new"})
    assert returned["unchanged"] is unchanged
    assert mock.received[0].query == ([("ref", "dev")] if "branch" in given else [])
    puts = [received.body for received in mock.received if received.method == "PUT"]
    assert puts == ([{"message": "M", **sent}] if sent else [])


@pytest.mark.parametrize(
    ("operation", "given", "code", "says"),
    [
        ("put_file", {"path": "a", "message": "M", "file": "none"}, "MISSING_FILE", 'it has "up"'),
        ("put_file", {"path": "a", "message": "M"}, "INVALID_PARAMETER", '"content" is missing'),
        ("put_file", {"path": "a", "message": "M", "content": "x", "file": "up"}, "INVALID_PARAMETER", "both"),
        ("put_file", {"path": "../a", "message": "M", "content": "x"}, "INVALID_PARAMETER", "within the repository"),
        ("get_file", {"path": "a//b"}, "INVALID_PARAMETER", "within the repository"),
        ("get_repository", {"owner": "a/b"}, "INVALID_PARAMETER", '"owner"'),
        ("get_repository", {"repo": ".."}, "INVALID_PARAMETER", '"repo"'),
        ("update_issue", {"issue_number": 7}, "MISSING_PARAMETER", "what to change"),
        ("get_issue", {"issue_number": 0}, "INVALID_PARAMETER", "at least 1"),
        ("create_review", {"pull_number": 1, "event": "COMMENT"}, "INVALID_PARAMETER", '"body" is missing'),
        ("dispatch_workflow", {"workflow_id": "..", "ref": "main"}, "INVALID_PARAMETER", "workflow_id"),
        ("get_repository", {"base_url": "ftp://x"}, "INVALID_PARAMETER", "http"),
    ],
)
async def test_bad_parameters(
    operation: str, given: dict[str, Any], code: str, says: str, perform: Run, mock: VendorMock
) -> None:
    with pytest.raises(PermanentError) as caught:
        await perform("GITHUB", {"operation": operation, **REPO, **given}, files={"up": b"new"})
    assert (caught.value.code, says in caught.value.message) == (code, True)
    assert mock.received == []


async def test_a_folder_is_not_replaced(perform: Run, mock: VendorMock) -> None:
    mock.replies.append(Reply(200, [{"type": "file", "name": "x"}]))
    with pytest.raises(PermanentError, match="is a folder"):
        await perform("GITHUB", {"operation": "put_file", **REPO, "path": "docs", "message": "M", "content": "x"})


async def test_dispatches_without_an_answer(perform: Run, mock: VendorMock) -> None:
    mock.replies.append(Reply(204))
    given = {"operation": "dispatch_workflow", **REPO, "workflow_id": 161335, "ref": "main"}
    assert await perform("GITHUB", given) == {"dispatched": True, "workflow_id": "161335", "ref": "main"}


async def test_says_what_it_is(perform: Run, mock: VendorMock) -> None:
    await perform("GITHUB", {"operation": "get_repository", **REPO})
    headers = mock.received[0].headers
    assert headers["accept"] == "application/vnd.github+json"
    assert headers["x-github-api-version"] == "2022-11-28"

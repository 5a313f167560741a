"""What is Trello's own: refusals in plain text, pages by id."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.external_action.trello_api import lists
from tests.vendors.mock import Reply, VendorMock

Run = Callable[..., Awaitable[Any]]
ID = "5abbe4b7ddc1b351ef961414"
TEXT = {"content-type": "text/plain"}


@pytest.fixture
def mock(mocks: dict[str, VendorMock]) -> VendorMock:
    return mocks["TRELLO"]


@pytest.mark.parametrize(
    ("reply", "code", "says"),
    [
        (Reply(400, b"invalid value for idList", TEXT), "REFUSED", "invalid value for idList"),
        (Reply(401, b"invalid key", TEXT), "CREDENTIAL_REJECTED", "invalid key"),
        (Reply(401, b"unauthorized card permission requested", TEXT), "FORBIDDEN", "permission"),
        (Reply(404, b"The requested resource was not found.", TEXT), "NOT_FOUND", f'the card "{ID}"'),
        (
            Reply(429, {"error": "API_TOKEN_LIMIT_EXCEEDED", "message": "Rate limit exceeded"}),
            "RATE_LIMITED",
            "Rate limit exceeded: API_TOKEN_LIMIT_EXCEEDED",
        ),
        (Reply(503, b"", TEXT), "HTTP_STATUS", "503"),
    ],
)
async def test_refusals(reply: Reply, code: str, says: str, perform: Run, mock: VendorMock) -> None:
    mock.replies.append(reply)
    with pytest.raises(NodeError) as caught:
        await perform("TRELLO", {"operation": "get_card", "card_id": ID})
    error = caught.value
    assert error.code == code
    assert says in error.message
    assert isinstance(error, RetryableError) == (code in ("RATE_LIMITED", "HTTP_STATUS"))


async def test_pages(perform: Run, mock: VendorMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MOST_A_PAGE", 2)
    mock.replies.extend([Reply(200, [{"id": "c3"}, {"id": "c4"}]), Reply(200, [{"id": "c2"}])])
    cards = await perform("TRELLO", {"operation": "list_cards", "list_id": ID, "return_all": True})
    assert [card["id"] for card in cards] == ["c3", "c4", "c2"]
    assert [dict(received.query).get("before") for received in mock.received] == [None, "c3"]


async def test_limits_what_has_no_pages(perform: Run, mock: VendorMock) -> None:
    mock.replies.append(Reply(200, [{"id": "1"}, {"id": "2"}, {"id": "3"}]))
    found = await perform("TRELLO", {"operation": "list_boards", "limit": 2})
    assert [board["id"] for board in found] == ["1", "2"]


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ({"operation": "get_card", "card_id": "../boards"}, "INVALID_PARAMETER", '"card_id"'),
        ({"operation": "update_card", "card_id": ID}, "MISSING_PARAMETER", "what to change in the card"),
        ({"operation": "update_list", "list_id": ID}, "MISSING_PARAMETER", "what to change in the list"),
        ({"operation": "update_board", "board_id": ID}, "MISSING_PARAMETER", "what to change in the board"),
        ({"operation": "list_cards"}, "INVALID_PARAMETER", '"list_id" is missing'),
        ({"operation": "list_cards", "list_id": ID, "board_id": ID}, "INVALID_PARAMETER", "both"),
        ({"operation": "move_card", "card_id": ID, "list_id": ID, "pos": "middle"}, "INVALID_PARAMETER", '"pos"'),
        ({"operation": "move_card", "card_id": ID, "list_id": ID, "pos": -1}, "INVALID_PARAMETER", "positive"),
        ({"operation": "create_card", "list_id": ID, "name": "C", "due": "soon"}, "INVALID_PARAMETER", '"due"'),
    ],
)
async def test_bad_parameters(given: dict[str, Any], code: str, says: str, perform: Run, mock: VendorMock) -> None:
    with pytest.raises(PermanentError) as caught:
        await perform("TRELLO", given)
    assert (caught.value.code, says in caught.value.message) == (code, True)
    assert mock.received == []

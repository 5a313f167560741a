"""Page tokens come back as they went, and nothing else is taken for one."""

from datetime import UTC, datetime

import pytest

from services.errors import RequestInvalid
from services.store import paging
from services.store.ids import new_id


def test_tokens_round_trip() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert paging.read_time_token(paging.time_token(at, "ä/ö")) == (at, "ä/ö")
    assert paging.read_number_token(paging.number_token(7)) == 7
    assert paging.read_time_token("") is None
    assert paging.read_number_token("") is None


@pytest.mark.parametrize(
    "token", ["x", "!!!!", "ä", paging.number_token(1), "W10", "WzEsMl0", "WyIyMDI2IiwieCJd", "e30"]
)
def test_bad_time_tokens(token: str) -> None:
    with pytest.raises(RequestInvalid, match="page_token"):
        paging.read_time_token(token)


@pytest.mark.parametrize(
    "token", ["x", paging.time_token(datetime(2026, 1, 2, tzinfo=UTC), "a"), "Wy0xXQ", "WzEuNV0", "W3RydWVd"]
)
def test_bad_number_tokens(token: str) -> None:
    with pytest.raises(RequestInvalid, match="page_token"):
        paging.read_number_token(token)


@pytest.mark.parametrize(("asked", "given"), [(0, 50), (1, 1), (1000, 1000), (5000, 1000)])
def test_page_sizes(asked: int, given: int) -> None:
    assert paging.page_size(asked, 50) == given


def test_a_negative_page_size_is_refused() -> None:
    with pytest.raises(RequestInvalid, match="negative"):
        paging.page_size(-1, 50)


def test_ids_sort_by_time_and_are_unique() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {(len(each), each[14]) for each in ids} == {(36, "7")}

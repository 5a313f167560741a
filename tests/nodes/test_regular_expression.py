"""Regular expressions: plain or /literal/flags, and their limits."""

import time

import pytest

from nodes.errors import PermanentError
from nodes.regular_expression import search

UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"^order-\d+$", "order-42", True),
        ("b", "abc", True),
        ("/B/", "abc", False),
        ("/B/i", "abc", True),
        ("/^b$/gm", "a\nb\nc", True),
        ("/a.c/s", "a\nc", True),
        ("a/b", "xa/by", True),
        ("/", "a/b", True),
        (r"(?<year>\d{4})-(?<month>\d{2})", "on 2026-11", True),
        (r"(?<=€)\d+(?!\.)", "€5", True),
        (r"(\w)\1", "hello", True),
        (r"\p{Lu}", "É", True),
        (UUID, "123e4567-e89b-12d3-a456-426614174000", True),
        (r"([\d]{1,3}\.){3}[\d]{1,3}", "10.0.0.1", True),
        (r"[)(]{2}", "()", True),
        ("", "", True),
    ],
)
def test_search(pattern: str, text: str, expected: bool) -> None:
    assert search(pattern, text) is expected


@pytest.mark.parametrize("pattern", ["(", "[z-a]", "*", "(?:" * 240 + "a" + ")" * 240, r"\p{Nope}"])
def test_invalid(pattern: str) -> None:
    with pytest.raises(PermanentError, match="isn't valid") as caught:
        search(pattern, "a")
    assert caught.value.code == "INVALID_PARAMETER"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(a|aa)+$", "a" * 50 + "b"),
        (r"(.*)*[^ab]", "ab" * 1000),
        ("(a?){999999999}", "a"),
        ("((a?){9999}){9999}", "a"),
        ("(((((a?){20}){20}){20}){20}){20}", "a"),
        ("a" * 2000, "a"),
    ],
)
def test_limits(pattern: str, text: str) -> None:
    started = time.monotonic()
    with pytest.raises(PermanentError) as caught:
        search(pattern, text)
    assert caught.value.code == "LIMIT_EXCEEDED"
    assert caught.value.hint
    assert time.monotonic() - started < 5

"""Durations as users write them."""

import pytest

from orchestrator.duration import LONGEST, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("0s", 0),
        ("10m", 600),
        ("2h", 7200),
        ("3d", 259_200),
        ("1w", 604_800),
        ("1h30m", 5400),
        (" 2 h ", 7200),
        ("1m500ms", 60.5),
        ("0.25h", 900),
        ("3650d", LONGEST),
    ],
)
def test_says_the_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", " ", "5", "s", "-5s", "+5s", "5 parsecs", "1h-30m", "1e3s", "5S", ".5s", "1,5s", "5s!", "nan s", "5s\x00"],
)
def test_refuses_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["3651d", "999999999999w", "3650d1ms"])
def test_refuses_what_outlives_its_users(text: str) -> None:
    with pytest.raises(ValueError, match="longer than ten years"):
        parse_duration(text)


def test_a_long_text_is_refused_fast_and_quoted_shortly() -> None:
    with pytest.raises(ValueError, match="not a duration") as error:
        parse_duration("1s" * 100_000 + "x")
    assert len(str(error.value)) < 200

"""What CRON takes, and when its expressions are due where clocks are set."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nodes.trigger import cron_times
from nodes.trigger.cron import CronParameters
from orchestrator.errors import Problem

Problems = Callable[..., list[Problem]]
ZURICH = ZoneInfo("Europe/Zurich")
SPRING = datetime(2027, 3, 28, 1, tzinfo=UTC)
AUTUMN = datetime(2027, 10, 31, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    [
        {"cron": "*/5 * * * *"},
        {"cron": "0 9 * * MON-FRI", "timezone": "Europe/Zurich"},
        {"cron": ["0 9 * JAN,jul *", "@daily"], "overlap": "buffer_all"},
        {"cron": "  0   0 1 1 * "},
        {"every": "10m"},
        {"every": 90, "catchup_window": "1h"},
    ],
)
def test_what_it_takes(given: dict[str, Any], problems: Problems) -> None:
    assert problems("TRIGGER.CRON", **given) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, '"cron" is missing; say when'),
        ({"cron": "0 9 * *"}, "five fields"),
        ({"cron": "0 0 9 * * *"}, "five fields"),
        ({"cron": "61 9 * * *"}, "which isn't one: Bad minute"),
        ({"cron": "0 9 * * MOON"}, "which isn't one: Bad day-of-week"),
        ({"cron": "0 0 30 2 *"}, "which"),
        ({"cron": []}, "expected a cron expression"),
        ({"cron": 5}, "expected a cron expression"),
        ({"cron": "{{ $json.when }}"}, "must be written out"),
        ({"cron": ["{{ 1 }}"]}, "must be written out"),
        ({"cron": "@daily", "every": "1h"}, 'takes "cron" or "every", not both'),
        ({"every": "500ms"}, "at least 1"),
        ({"every": "1500ms"}, "whole seconds"),
        ({"every": "1h", "timezone": "Mars/Olympus"}, 'expected a time zone such as "Europe/Zurich"'),
        ({"every": "1h", "timezone": "../etc/passwd"}, "expected a time zone"),
        ({"every": "1h", "overlap": "queue"}, "expected"),
        ({"every": "1h", "catchup_window": "1s"}, "at least 10"),
    ],
)
def test_what_it_refuses(given: dict[str, Any], says: str, problems: Problems) -> None:
    found = problems("TRIGGER.CRON", **given)
    assert len(found) == 1
    assert says in found[0].message


@pytest.mark.parametrize(
    ("zone", "after", "expected"),
    [
        ("Europe/Zurich", datetime(2027, 1, 1, tzinfo=UTC), [SPRING, AUTUMN]),
        ("America/New_York", datetime(2027, 1, 1, tzinfo=UTC), [datetime(2027, 3, 14, 7, tzinfo=UTC)]),
        ("Australia/Lord_Howe", datetime(2027, 1, 1, tzinfo=UTC), [datetime(2027, 4, 3, 15, tzinfo=UTC)]),
        ("Asia/Tokyo", datetime(2027, 1, 1, tzinfo=UTC), []),
        ("UTC", datetime(2027, 1, 1, tzinfo=UTC), []),
    ],
)
def test_when_clocks_are_set(zone: str, after: datetime, expected: list[datetime]) -> None:
    assert list(cron_times.changes(ZoneInfo(zone), after, len(expected) or 3)) == expected


def _local(moments: list[datetime]) -> list[str]:
    return [moment.astimezone(ZURICH).strftime("%H:%M%z") for moment in moments]


@pytest.mark.parametrize(
    ("cron", "change", "expected"),
    [
        # 2:00 to 3:00 doesn't exist.
        ("30 2 * * *", SPRING, ["03:00+0200"]),
        ("0 2,4 * * *", SPRING, ["03:00+0200", "04:00+0200"]),
        ("0 1-4 * * *", SPRING, ["01:00+0100", "03:00+0200", "04:00+0200"]),
        # 2:00 to 3:00 is there twice.
        ("30 2 * * *", AUTUMN, ["02:30+0200"]),
        ("0 1-3 * * *", AUTUMN, ["01:00+0200", "02:00+0200", "03:00+0100"]),
        ("*/30 2 * * *", AUTUMN, ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]),
    ],
)
def test_times_around_a_change(cron: str, change: datetime, expected: list[str]) -> None:
    found = [
        moment for moment in cron_times.around([cron], ZURICH, change) if abs(moment - change) <= timedelta(hours=2)
    ]
    assert _local(found) == expected
    for moment in found:
        assert cron_times.means([cron], ZURICH, moment)
        assert not cron_times.means([cron], ZURICH, moment + timedelta(minutes=1))
        assert cron_times.means([cron], ZURICH, moment + timedelta(minutes=1, seconds=1))


def test_far_from_a_change_every_time_counts() -> None:
    assert cron_times.means(["30 2 * * *"], ZURICH, datetime(2027, 6, 1, 9, tzinfo=UTC))
    assert CronParameters.model_validate({"every": "1h"}).means(SPRING)


@pytest.mark.parametrize(
    ("cron", "zone", "expected"),
    [
        ("*/15 * * * *", "Europe/Zurich", True),
        ("*/15 * * * *", "Australia/Lord_Howe", False),
        ("0 * * * MON", "Europe/Zurich", False),
        ("0 3 * * *", "Europe/Zurich", False),
    ],
)
def test_what_is_the_same_in_utc(cron: str, zone: str, expected: bool) -> None:
    assert cron_times.is_regular(cron, ZoneInfo(zone), datetime(2027, 1, 1, tzinfo=UTC)) is expected

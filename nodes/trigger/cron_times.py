"""When cron expressions are due in a time zone: also where its clocks are set forward or back."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = 5
_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# So far around a change of the clock, its times are given one by one.
_AROUND = timedelta(hours=3)
_MINUTE = timedelta(minutes=1)
_EVERY_HOUR = re.compile(r"\S+ \* \* \* \*")


class InvalidCron(ValueError):
    """A text that is no cron expression: why."""


def plain(expression: str) -> str:
    """The five fields of an expression; InvalidCron says what is wrong with it."""
    text = " ".join(expression.split())
    fields = _NAMED.get(text.lower(), text)
    if len(fields.split(" ")) != FIELDS:
        raise InvalidCron(
            'has to have five fields (minute, hour, day of month, month, day of week) or be one such as "@daily"'
        )
    try:
        next(CronSim(fields, datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise InvalidCron(f"isn't one: {error}") from None
    except StopIteration:
        raise InvalidCron("names a time that never comes") from None
    return fields


def is_regular(expression: str, zone: ZoneInfo, now: datetime) -> bool:
    """Whether the expression means the same instants in UTC: each hour is alike, wherever a day begins."""
    if not _EVERY_HOUR.fullmatch(expression):
        return False
    moments = [now, *(change for change in changes(zone, now, 4))]
    offsets = [moment.astimezone(zone).utcoffset() or timedelta() for moment in moments]
    return all(not offset % timedelta(hours=1) for offset in offsets)


def changes(zone: ZoneInfo, after: datetime, most: int, days: int = 5 * 366) -> Iterator[datetime]:
    """When the zone's clocks are set next, as far as its rules say."""
    found, moment, end = 0, after.astimezone(UTC).replace(second=0, microsecond=0), after + timedelta(days=days)
    while moment < end and found < most:
        following = moment + timedelta(days=1)
        if _offset(zone, following) != _offset(zone, moment):
            low, high = moment, following
            while high - low > _MINUTE:
                middle = low + ((high - low) // 2 // _MINUTE) * _MINUTE
                low, high = (middle, high) if _offset(zone, middle) == _offset(zone, low) else (low, middle)
            found += 1
            yield high
        moment = following


def around(expressions: Sequence[str], zone: ZoneInfo, change: datetime) -> list[datetime]:
    """The times near a change of the clock, in UTC.

    A time that doesn't exist comes right after the gap; one that exists twice comes once, unless the expression
    names every hour or minutes by their distance.
    """
    begin = change - _AROUND
    found: set[datetime] = set()
    for expression in expressions:
        for moment in CronSim(expression, begin.astimezone(zone) - _MINUTE):
            instant = moment.astimezone(UTC)
            if instant > change + _AROUND:
                break
            if instant >= begin:
                found.add(instant)
    return sorted(found)


def means(expressions: Sequence[str], zone: ZoneInfo, moment: datetime) -> bool:
    """Whether a whole minute near a change of the clock is one of the expressions' times; any other moment is."""
    if moment.second or moment.microsecond:
        return True
    instant = moment.astimezone(UTC)
    near = _near(zone, instant.replace(minute=0))
    return near is None or abs(instant - near) > _AROUND or instant in around(expressions, zone, near)


def following(expressions: Sequence[str], zone: ZoneInfo, after: datetime, most: int) -> list[datetime]:
    """The next times, in UTC."""
    found: set[datetime] = set()
    for expression in expressions:
        for moment, _ in zip(CronSim(expression, after.astimezone(zone)), range(most), strict=False):
            found.add(moment.astimezone(UTC))
    return sorted(found)[:most]


@lru_cache(maxsize=1024)
def _near(zone: ZoneInfo, hour: datetime) -> datetime | None:
    return next(changes(zone, hour - _AROUND - timedelta(hours=1), 1, days=1), None)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()

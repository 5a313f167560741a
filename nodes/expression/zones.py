"""Time zones as tables, because the JavaScript engine knows none."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Table = list[list[int]]

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2051, 1, 1, tzinfo=UTC)
_STEP = timedelta(days=14)
_LITERAL = re.compile(r"""['"`]([A-Za-z_]+/[A-Za-z0-9_/+-]+)['"`]""")
_NAME = re.compile(r"[A-Za-z0-9_/+-]{1,64}\Z")


def named_in(sources: Iterable[str]) -> dict[str, Table | None]:
    """The tables of the zones that sources name literally."""
    return {name: table(name) for source in sources for name in _LITERAL.findall(source)}


@lru_cache(maxsize=128)
def table(name: str) -> Table | None:
    """From which millisecond on which offset in minutes applies, up to 2050; None if there is no such zone."""
    if not _NAME.match(name):
        return None
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    changes = [[-(2**53), _offset(_FIRST, zone)]]
    moment = _FIRST
    while moment < _LAST:
        following = moment + _STEP
        offset = _offset(following, zone)
        if offset != changes[-1][1]:
            changes.append([int(_change(moment, following, zone).timestamp() * 1000), offset])
        moment = following
    return changes


def name_of(zone: tzinfo | None) -> str:
    """The name under which expressions know a datetime's zone."""
    if isinstance(zone, ZoneInfo):
        return zone.key
    offset = int((zone.utcoffset(None) or timedelta()).total_seconds() // 60) if zone is not None else 0
    return f"UTC{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}" if offset else "UTC"


def _change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    old = _offset(before, zone)
    while after - before > timedelta(minutes=1):
        middle = before + timedelta(minutes=(after - before) // timedelta(minutes=2))
        if _offset(middle, zone) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(moment: datetime, zone: tzinfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return int(offset.total_seconds() // 60) if offset is not None else 0

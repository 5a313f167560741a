"""Page tokens: where the next page begins, as opaque text."""

import base64
import binascii
from datetime import datetime

from orchestrator import exact_json
from services.errors import RequestInvalid, invalid

MAX_PAGE = 1000


def page_size(requested: int, default: int) -> int:
    """How many rows to read; RequestInvalid for a negative number."""
    if requested < 0:
        raise invalid("BAD_PAGE_SIZE", f"page_size is {requested}; it can't be negative", "page_size")
    return min(requested or default, MAX_PAGE)


def time_token(at: datetime, row_id: str) -> str:
    """A token for lists that are ordered by time and id."""
    return _encode([at.isoformat(), row_id])


def read_time_token(token: str) -> tuple[datetime, str] | None:
    """What `time_token` wrote; None for no token."""
    if not token:
        return None
    match _decode(token):
        case [str(at), str(row_id)]:
            try:
                parsed = datetime.fromisoformat(at)
            except ValueError:
                raise _bad() from None
            if parsed.tzinfo is not None and "\0" not in row_id:
                return parsed, row_id
    raise _bad()


def number_token(number: int) -> str:
    """A token for lists that are ordered by a number."""
    return _encode([number])


def read_number_token(token: str) -> int | None:
    """What `number_token` wrote; None for no token."""
    if not token:
        return None
    match _decode(token):
        case [int(number)] if 0 <= number < 2**63 and not isinstance(number, bool):
            return number
    raise _bad()


def _encode(values: list[object]) -> str:
    return base64.urlsafe_b64encode(exact_json.dumps(values).encode()).decode().rstrip("=")


def _decode(token: str) -> object:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return exact_json.loads(raw)
    except (binascii.Error, ValueError):
        raise _bad() from None


def _bad() -> RequestInvalid:
    return invalid("BAD_PAGE_TOKEN", "page_token isn't one that this list returned; leave it empty", "page_token")

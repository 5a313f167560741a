"""What the callbacks of all chat services have in common: bounded bodies, and the credential that proves them."""

from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import select

from nodes.credentials.credential import Credential, CredentialType
from nodes.errors import NodeError
from orchestrator import exact_json
from services.gateway.answers import Code, Refused, invalid
from services.gateway.pressing import Sender
from services.gateway.site import Site
from services.store.tables import IntegrationRow

MAX_BODY = 1024 * 1024
# Seconds by which a signed time may be off.
TOLERANCE = 300
MOST_CREDENTIALS = 500
Clock = Callable[[], float]
_log = structlog.get_logger(__name__)


async def sender_of(
    site: Site, kind: CredentialType, credential_id: str, proves: Callable[[Credential], bool]
) -> Sender:
    """The stored credential by which a callback is proven: the one that its address names, or any of the kind.

    Refused if nothing proves it.
    """
    wanted = select(IntegrationRow.workspace, IntegrationRow.id).where(IntegrationRow.type == kind.name)
    if credential_id:
        wanted = wanted.where(IntegrationRow.id == credential_id)
    async with site.backend.database.reading() as session:
        found = (await session.execute(wanted.order_by(IntegrationRow.id).limit(MOST_CREDENTIALS))).all()
    for workspace, row_id in found:
        try:
            credential = await site.backend.integrations.open(workspace, row_id, (kind,))
        except NodeError as error:
            _log.warning("a credential can't be opened for a callback", credential_id=row_id, reason=error.message)
            continue
        if proves(credential):
            return Sender(workspace, credential)
    raise unproved()


def is_fresh(timestamp: str, now: float) -> bool:
    """Whether a time, in seconds as a text, is about now."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        return False
    return abs(now - int(timestamp)) <= TOLERANCE


def object_of(text: str | bytes) -> dict[str, Any]:
    """A JSON object; refused if it is none."""
    try:
        found = exact_json.loads(text)
    except exact_json.NotJson:
        raise invalid("BAD_CALLBACK", "the body is no JSON") from None
    if not isinstance(found, dict):
        raise invalid("BAD_CALLBACK", "the body is no object")
    return found


def part(value: Any, *path: str | int) -> Any:
    """What lies at a path of what a service sent; None if it isn't there."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def unproved() -> Refused:
    """For a callback that nothing proves."""
    return Refused(Code.UNAUTHENTICATED, "NOT_SIGNED", "this callback isn't signed as it should be")

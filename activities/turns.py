"""Steps that wait for their turn at a third party: given back to Temporal, which brings them again later."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from nodes.errors import PostponedError


def postponed() -> int:
    """How often this step was brought again because its turn hadn't come: no failures of it."""
    details = activity.info().heartbeat_details
    return details[0] if details and isinstance(details[0], int) else 0


def attempt() -> int:
    """The number of the attempt, without those at which the turn hadn't come."""
    return activity.info().attempt - postponed()


@asynccontextmanager
async def turns_awaited() -> AsyncIterator[None]:
    """Has a postponed step brought again; not all at the same instant."""
    try:
        yield
    except PostponedError as error:
        activity.heartbeat(postponed() + 1)
        delay = error.seconds * random.uniform(1.0, 1.5)
        raise ApplicationError(
            str(error),
            type="RATE_LIMITED",
            next_retry_delay=timedelta(seconds=delay),
            category=ApplicationErrorCategory.BENIGN,
        ) from None

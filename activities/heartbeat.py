"""Tells Temporal that the worker is alive."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from temporalio import activity

from activities.turns import postponed

HEARTBEAT = 1.0


@contextlib.asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Beats as long as the activity runs, and so hears of its cancellation.

    A local one doesn't: it is part of its workflow's task, which ends with the worker.
    """
    if activity.info().is_local:
        yield
        return

    async def beat() -> None:
        while True:
            # An activity that is done sooner spares Temporal the call.
            await asyncio.sleep(HEARTBEAT)
            activity.heartbeat(postponed())

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()

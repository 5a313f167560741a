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

    loop = asyncio.get_running_loop()
    next_beat: asyncio.TimerHandle

    def in_a_while() -> asyncio.TimerHandle:
        return loop.call_later(HEARTBEAT, beat)

    def beat() -> None:
        nonlocal next_beat
        activity.heartbeat(postponed())
        next_beat = in_a_while()

    # An activity that is done sooner spares Temporal the call.
    next_beat = in_a_while()
    try:
        yield
    finally:
        next_beat.cancel()

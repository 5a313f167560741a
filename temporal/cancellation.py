"""Cancellation that comes when it can't be heeded at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

T = TypeVar("T")
# Histories from before replay as they were.
_HEEDED = "cancellation outlived by an activity is heeded"
_LOADED = "the plan of a canceled run is loaded"


def heed() -> None:
    """Raises what was asked of this task while it waited for an activity that ended well all the same.

    The SDK tells the activity, waits for its end, and forgets the request if it wasn't what ended it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling() and workflow.patched(_HEEDED):
        raise asyncio.CancelledError


async def loaded(load: Callable[[], Awaitable[T]]) -> T:
    """What the end of a run can't be written down without: loaded again if the run is canceled meanwhile."""
    try:
        return await load()
    except (asyncio.CancelledError, FailureError) as error:
        if not is_cancelled_exception(error) or not workflow.patched(_LOADED):
            raise
    return await load()

"""Cancellation that an activity outlived."""

import asyncio

from temporalio import workflow

# Histories from before it was heeded replay as they were.
_HEEDED = "cancellation outlived by an activity is heeded"


def heed() -> None:
    """Raises what was asked of this task while it waited for an activity that ended well all the same.

    The SDK tells the activity, waits for its end, and forgets the request if it wasn't what ended it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling() and workflow.patched(_HEEDED):
        raise asyncio.CancelledError

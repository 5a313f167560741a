"""Keeps large data out of the history: what lies inline moves to the payload store."""

from datetime import timedelta
from typing import TypeVar

from temporalio import workflow

from orchestrator.items import Items
from orchestrator.messages import SPILL, SpillRequest
from orchestrator.spill import inline_items, map_items
from temporal.attempts import STORE_RETRY

T = TypeVar("T")
# More than this inline is moved before it enters the history again.
INLINE_TOTAL = 128 * 1024
# What is smaller than its reference is left where it is.
_WORTH_MOVING = 256


async def spilled(execution_id: str, value: T, allowed: int) -> T:
    """The value, with its inline data in the payload store where that is more than `allowed` bytes."""
    found = inline_items(value, 1)
    if sum(items.inline_size for items in found) <= allowed:
        return value
    large = [items for items in found if items.inline_size >= _WORTH_MOVING]
    stored: list[Items] = await workflow.execute_local_activity(
        SPILL,
        SpillRequest(execution_id, large),
        result_type=list[Items],
        start_to_close_timeout=timedelta(minutes=5),
        retry_policy=STORE_RETRY,
    )
    moved = dict(zip(large, stored, strict=True))
    return map_items(value, lambda items: moved.get(items, items))

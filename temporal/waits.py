"""Waits for a call from outside: durably, and taking one only."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from orchestrator.calls import RefusedCallError
from orchestrator.commands import AwaitCall
from orchestrator.items import EMPTY, Items
from orchestrator.state import RunState

# The type of the failure that a caller sees; its only detail is the code.
CALL_REFUSED = "CALL_REFUSED"


async def await_call(state: RunState, key: str, command: AwaitCall, node: str) -> Items | None:
    """What the call of a waiting task brought; None if none came in time."""
    timeout = None if command.deadline is None else max((command.deadline - workflow.now()).total_seconds(), 0)
    try:
        await workflow.wait_condition(lambda: key in state.calls, timeout=timeout, timeout_summary=node)
    except TimeoutError:
        # From now on none is taken any more.
        state.calls[key] = EMPTY
        return None
    return state.calls[key]


@contextmanager
def call_refusals() -> Iterator[None]:
    """Has Temporal tell a caller why its call is refused."""
    try:
        yield
    except RefusedCallError as error:
        raise ApplicationError(str(error), error.code, type=CALL_REFUSED, non_retryable=True) from None

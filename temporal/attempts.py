"""How activities that take their time are watched over, and begun again."""

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError

# The one error of the store that no attempt mends: activities.ports.UnrecordedRunError.
_UNRECORDED = "UnrecordedRunError"
HOPELESS = (_UNRECORDED,)
# For what isn't the step's own failure, but the worker's or the store's: a step says itself whether it is tried again.
RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1), non_retryable_error_types=HOPELESS
)
STORE_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    maximum_interval=timedelta(seconds=10),
    non_retryable_error_types=HOPELESS,
)
# How soon the death of a worker is noticed.
HEARTBEAT_TIMEOUT = timedelta(seconds=15)


def is_unrecorded(error: FailureError) -> bool:
    """Whether an activity failed because the run has no record."""
    return isinstance(error.cause, ApplicationError) and error.cause.type == _UNRECORDED

"""How activities that take their time are watched over, and begun again."""

from datetime import timedelta

from temporalio.common import RetryPolicy

# For what isn't the step's own failure, but the worker's or the store's: a step says itself whether it is tried again.
RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
# How soon the death of a worker is noticed.
HEARTBEAT_TIMEOUT = timedelta(seconds=15)

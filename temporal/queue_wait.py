"""Measures how long node runs wait for a worker."""

from collections.abc import Callable
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor


class QueueWait(Interceptor):
    """Tells `waited` the task queue and the seconds of each activity that isn't a local one."""

    def __init__(self, waited: Callable[[str, float], None]) -> None:
        self._waited = waited

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """See the SDK."""
        return _Measured(next, self._waited)


class _Measured(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, waited: Callable[[str, float], None]) -> None:
        super().__init__(next)
        self._waited = waited

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Has it executed."""
        info = activity.info()
        if not info.is_local:
            since = info.started_time - info.current_attempt_scheduled_time
            self._waited(info.task_queue, max(since.total_seconds(), 0.0))
        return await super().execute_activity(input)

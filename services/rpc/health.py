"""The standard health service: SERVING only while everything that is needed answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1.health_pb2_grpc import HealthServicer

CHECK_TIMEOUT = 3.0
# How often a watched server is checked; nothing is checked while nobody watches.
WATCH_INTERVAL = 5.0

_log = structlog.get_logger(__name__)
_Status = pb.HealthCheckResponse.ServingStatus


class Health(HealthServicer):
    """Answers for the whole server ("") and for each named service."""

    def __init__(
        self,
        checks: Mapping[str, Callable[[], Awaitable[object]]],
        services: tuple[str, ...],
        interval: float = WATCH_INTERVAL,
    ) -> None:
        self._checks = checks
        self._services = ("", *services)
        self._interval = interval
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Says NOT_SERVING from now on, so that balancers send nobody here."""
        self._stopping.set()

    async def Check(self, request: pb.HealthCheckRequest, context: Any) -> pb.HealthCheckResponse:
        """The state now."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no service {request.service[:128]!r} here")
        return pb.HealthCheckResponse(status=_Status.Name(await self._status()))

    async def Watch(self, request: pb.HealthCheckRequest, context: Any) -> AsyncIterator[pb.HealthCheckResponse]:
        """The state now and whenever it changes."""
        known = request.service in self._services
        latest: int | None = None
        while True:
            status = await self._status() if known else pb.HealthCheckResponse.SERVICE_UNKNOWN
            if status != latest:
                latest = status
                yield pb.HealthCheckResponse(status=_Status.Name(status))
            if self._stopping.is_set():
                return
            try:
                await asyncio.wait_for(self._stopping.wait(), self._interval)
            except TimeoutError:
                continue

    async def _status(self) -> int:
        if self._stopping.is_set():
            return pb.HealthCheckResponse.NOT_SERVING
        answers = await asyncio.gather(*(self._answers(name, check) for name, check in self._checks.items()))
        return pb.HealthCheckResponse.SERVING if all(answers) else pb.HealthCheckResponse.NOT_SERVING

    async def _answers(self, name: str, check: Callable[[], Awaitable[object]]) -> bool:
        async def within() -> None:
            async with asyncio.timeout(CHECK_TIMEOUT):
                await check()

        (error,) = await asyncio.gather(within(), return_exceptions=True)
        if error is not None:
            _log.warning("health check failed", check=name, error=type(error).__name__)
        return error is None

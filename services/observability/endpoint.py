"""Where a process's metrics are read, at a port of their own: they tell of the business, so not everybody may."""

import httpx
import structlog
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from temporalio.runtime import Runtime

from services.gateway.server import HttpServer
from services.observability.metrics import Metrics
from services.observability.snapshot import Snapshot
from temporal.sdk_metrics import MeasuredRuntime, SdkMetrics

_STOP_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class MetricsEndpoint:
    """`/metrics` and `/healthz`, from `start` to `stop`; `port` is the real one where any was asked for."""

    def __init__(self, metrics: Metrics, *, host: str, port: int) -> None:
        self._metrics = metrics
        self._sdk: SdkMetrics | None = None
        self._started = False
        self._snapshots: list[Snapshot] = []
        self._http = HttpServer(
            host=host, port=port, settings="ORCHESTRATOR_METRICS_HOST and ORCHESTRATOR_METRICS_PORT"
        )
        self.port = self._http.port

    def add(self, snapshot: Snapshot) -> None:
        """Shows this, too, taken anew each time."""
        self._metrics.registry.register(snapshot)
        self._snapshots.append(snapshot)

    def show_sdk(self, runtime: Runtime | None) -> None:
        """Shows the metrics of this runtime of the Temporal SDK, too, if it has any."""
        if isinstance(runtime, MeasuredRuntime) and self._sdk is None:
            self._sdk = SdkMetrics(runtime)

    async def start(self) -> None:
        """Begins to answer; another start changes nothing."""
        if self._started:
            return
        self._started = True
        routes = [Route("/metrics", self._show), Route("/healthz", self._alive)]
        await self._http.start(Starlette(routes=routes))

    async def stop(self) -> None:
        """Stops answering."""
        await self._http.stop(_STOP_SECONDS)
        self._started = False
        if self._sdk:
            await self._sdk.close()

    async def _show(self, request: Request) -> Response:
        for snapshot in self._snapshots:
            await snapshot.refresh()
        text = generate_latest(self._metrics.registry)
        if self._sdk:
            try:
                text += await self._sdk.read()
            except httpx.HTTPError as error:
                _log.warning("metrics are incomplete", cause=type(error).__name__)
        return Response(text, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _alive(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

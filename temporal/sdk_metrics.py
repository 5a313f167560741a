"""The Temporal SDK's own metrics: latencies, slots, caches, failures of requests."""

import httpx
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from temporal.dev_server import free_port

_TRIES = 5


class MeasuredRuntime(Runtime):
    """A runtime for a client, whose metrics this machine alone can ask for, at `url`."""

    def __init__(self) -> None:
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}/metrics"
        config = PrometheusConfig(address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True)
        super().__init__(telemetry=TelemetryConfig(metrics=config))


class SdkMetrics:
    """Reads the metrics of a runtime."""

    def __init__(self, runtime: MeasuredRuntime) -> None:
        self._url = runtime.url
        self._client = httpx.AsyncClient(trust_env=False, timeout=5.0)

    async def read(self) -> bytes:
        """The metrics in Prometheus' text format."""
        answer = await self._client.get(self._url)
        return answer.raise_for_status().content

    async def close(self) -> None:
        """Releases the connection; the runtime lasts as long as the process."""
        await self._client.aclose()


def measured() -> MeasuredRuntime:
    """A runtime at a free port."""
    for _ in range(_TRIES - 1):
        try:
            return MeasuredRuntime()
        except (RuntimeError, ValueError):
            # Somebody else took the port meanwhile.
            continue
    return MeasuredRuntime()

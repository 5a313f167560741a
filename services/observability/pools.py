"""Reads how full pools are when somebody asks; between times that costs nothing."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Counted(Protocol):
    """A bounded number of things that are lent: how many may be and are, how often and how long somebody waited."""

    size: int
    busy: int
    waits: int
    waited: float


class ProcessPool(Protocol):
    """Processes that are killed when their job fails."""

    kills: int

    @property
    def turnstile(self) -> Counted:
        """Who is in."""


class ConnectionPool(Protocol):
    """SQLAlchemy's."""

    def size(self) -> int:
        """How many connections it keeps."""

    def checkedout(self) -> int:
        """How many are in use."""


class Pools(Collector):
    """The pools of one process: of processes by name, and of connections to PostgreSQL for short and long work."""

    def __init__(self, processes: Mapping[str, ProcessPool], drivers: Counted, sessions: ConnectionPool) -> None:
        self._processes = processes
        self._drivers = drivers
        self._sessions = sessions

    def collect(self) -> Iterator[Metric]:
        """How they stand now."""
        yield from _counted("orchestrator_sandbox", {name: pool.turnstile for name, pool in self._processes.items()})
        kills = CounterMetricFamily(
            "orchestrator_sandbox_kills", "Processes killed as their job failed", labels=["pool"]
        )
        for name, pool in self._processes.items():
            kills.add_metric([name], pool.kills)
        yield kills
        size, busy, *waits = _counted("orchestrator_database_pool", {"statements": self._drivers})
        size.add_metric(["sessions"], self._sessions.size())
        busy.add_metric(["sessions"], self._sessions.checkedout())
        yield from (size, busy, *waits)


def _counted(
    name: str, pools: Mapping[str, Counted]
) -> tuple[GaugeMetricFamily, GaugeMetricFamily, CounterMetricFamily, CounterMetricFamily]:
    size = GaugeMetricFamily(f"{name}_size", "How many may be in use at a time", labels=["pool"])
    busy = GaugeMetricFamily(f"{name}_busy", "How many are in use", labels=["pool"])
    waits = CounterMetricFamily(f"{name}_waits", "How often somebody had to wait for one", labels=["pool"])
    waited = CounterMetricFamily(f"{name}_wait_seconds", "For how long in all", labels=["pool"])
    for label, pool in pools.items():
        size.add_metric([label], pool.size)
        busy.add_metric([label], pool.busy)
        waits.add_metric([label], pool.waits)
        waited.add_metric([label], pool.waited)
    return size, busy, waits, waited

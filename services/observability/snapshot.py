"""What only the store and Temporal know: how many runs and tasks are open, and what waits in the queues."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.store.engine import Database
from temporal.backlog import Backlog

# Several scrapers needn't ask PostgreSQL and Temporal several times.
_FRESH = 5.0
_PATIENCE = 5.0
_log = structlog.get_logger(__name__)
_OPEN_RUNS = "SELECT status, count(*) FROM workflow_executions WHERE status IN ('RUNNING', 'PAUSED') GROUP BY status"
_OPEN_TASKS = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(task.created_at)), 0)::float8
FROM human_tasks task JOIN workflow_executions run ON run.id = task.execution_id
WHERE task.status = 'OPEN' AND run.status IN ('RUNNING', 'PAUSED')"""


class Snapshot(Collector):
    """Taken anew before it is shown, if it is old; every server of a deployment tells the same."""

    def __init__(self, database: Database, backlogs: Callable[[float], Awaitable[Sequence[Backlog]]]) -> None:
        self._database = database
        self._ask = backlogs
        self._backlogs: Sequence[Backlog] = ()
        self._runs: dict[str, int] = {}
        self._tasks: tuple[int, float] | None = None
        self._up = {"postgresql": False, "temporal": False}
        self._taken = float("-inf")
        self._taking = asyncio.Lock()

    async def refresh(self) -> None:
        """Asks both; what doesn't answer is told as down, and has nothing to tell."""
        async with self._taking:
            if time.monotonic() - self._taken < _FRESH:
                return
            self._up["postgresql"] = await self._tried(self._read_store())
            self._up["temporal"] = await self._tried(self._read_queues())
            if not self._up["postgresql"]:
                self._runs, self._tasks = {}, None
            if not self._up["temporal"]:
                self._backlogs = ()
            self._taken = time.monotonic()

    def collect(self) -> Iterator[Metric]:
        """The latest."""
        up = GaugeMetricFamily("orchestrator_dependency_up", "Whether it answered", labels=["dependency"])
        for name, answered in self._up.items():
            up.add_metric([name], float(answered))
        yield up
        runs = GaugeMetricFamily("orchestrator_runs_open", "Runs that haven't ended", labels=["status"])
        for status, count in self._runs.items():
            runs.add_metric([status], count)
        yield runs
        if self._tasks is not None:
            yield GaugeMetricFamily("orchestrator_tasks_open", "Questions that wait for people", self._tasks[0])
            oldest = "How long the oldest of them has been waiting"
            yield GaugeMetricFamily("orchestrator_tasks_oldest_seconds", oldest, self._tasks[1])
        yield from self._queues()

    def _queues(self) -> Iterator[Metric]:
        labels = ["task_queue", "kind"]
        tasks = GaugeMetricFamily("orchestrator_queue_tasks", "Tasks that wait for a worker", labels=labels)
        age = GaugeMetricFamily("orchestrator_queue_age_seconds", "How long the oldest of them waits", labels=labels)
        workers = GaugeMetricFamily("orchestrator_queue_workers", "Workers that ask for tasks", labels=labels)
        for found in self._backlogs:
            values = [found.task_queue, found.kind]
            tasks.add_metric(values, found.tasks)
            age.add_metric(values, found.age_seconds)
            workers.add_metric(values, found.workers)
        yield from (tasks, age, workers)

    async def _read_store(self) -> None:
        async with self._database.driver() as connection:
            rows = await (await connection.execute(_OPEN_RUNS)).fetchall()
            tasks = await (await connection.execute(_OPEN_TASKS)).fetchone()
        self._runs = {"RUNNING": 0, "PAUSED": 0} | {row.status: row.count for row in rows}
        self._tasks = (tasks[0], tasks[1]) if tasks else None

    async def _read_queues(self) -> None:
        self._backlogs = await self._ask(_PATIENCE)

    async def _tried(self, work: Awaitable[None]) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                await work
        except Exception as error:  # noqa: BLE001 - whatever it is, the other metrics are shown
            _log.warning("metrics are incomplete", cause=type(error).__name__)
            return False
        return True

"""What only the store and Temporal know: how many runs and tasks are open, and what waits in the queues."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.store.engine import Database
from temporal.backlog import Backlog
from temporal.schedules import Unkept

# Several scrapers needn't ask PostgreSQL and Temporal several times.
_FRESH = 5.0
_PATIENCE = 5.0
_log = structlog.get_logger(__name__)
_OPEN_RUNS = "SELECT status, count(*) FROM workflow_executions WHERE status IN ('RUNNING', 'PAUSED') GROUP BY status"
_OPEN_TASKS = """
SELECT count(*) AS open, coalesce(extract(epoch FROM now() - min(task.created_at)), 0)::float8 AS oldest,
  count(*) FILTER (WHERE task.deadline < now()) AS overdue
FROM human_tasks task JOIN workflow_executions run ON run.id = task.execution_id
WHERE task.status = 'OPEN' AND run.status IN ('RUNNING', 'PAUSED')"""

_TRIGGERS = """
SELECT subtype, count(*) AS active, count(*) FILTER (WHERE problem <> '') AS failing
FROM trigger_bindings GROUP BY subtype"""
# Temporal is asked about each schedule by itself: of so many, so often.
_MOST_SCHEDULES = 500
_SCHEDULES_FRESH = 60.0
_SCHEDULES = f"SELECT id FROM trigger_bindings WHERE subtype = 'CRON' ORDER BY id LIMIT {_MOST_SCHEDULES}"


class Snapshot(Collector):
    """Taken anew before it is shown, if it is old; every server of a deployment tells the same."""

    def __init__(
        self,
        database: Database,
        backlogs: Callable[[float], Awaitable[Sequence[Backlog]]],
        schedules: Callable[[Sequence[str]], Awaitable[Unkept]],
    ) -> None:
        self._database = database
        self._ask = backlogs
        self._ask_schedules = schedules
        self._backlogs: Sequence[Backlog] = ()
        self._runs: dict[str, int] = {}
        self._tasks: tuple[int, float, int] | None = None
        self._triggers: dict[str, tuple[int, int]] = {}
        self._unkept: Unkept | None = None
        self._schedules_asked = float("-inf")
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
            if all(self._up.values()) and time.monotonic() - self._schedules_asked > _SCHEDULES_FRESH:
                await self._tried(self._read_schedules())
            if not self._up["postgresql"]:
                self._runs, self._tasks, self._triggers = {}, None, {}
            if not self._up["temporal"]:
                self._backlogs, self._unkept = (), None
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
            overdue = "Questions that are past their deadline and still open"
            yield GaugeMetricFamily("orchestrator_tasks_overdue", overdue, self._tasks[2])
        yield from self._times()
        yield from self._queues()

    def _times(self) -> Iterator[Metric]:
        active = GaugeMetricFamily("orchestrator_triggers_active", "Triggers that are on", labels=["subtype"])
        failing = GaugeMetricFamily("orchestrator_triggers_failing", "Those that failed last", labels=["subtype"])
        for subtype, (on, failed) in self._triggers.items():
            active.add_metric([subtype], on)
            failing.add_metric([subtype], failed)
        yield from (active, failing)
        if self._unkept is not None:
            missed, skipped = "Times that came too late to be kept", "Times left out for an earlier run"
            yield GaugeMetricFamily("orchestrator_schedule_times_missed", missed, self._unkept.missed)
            yield GaugeMetricFamily("orchestrator_schedule_times_skipped", skipped, self._unkept.skipped)

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
            triggers = await (await connection.execute(_TRIGGERS)).fetchall()
        self._runs = {"RUNNING": 0, "PAUSED": 0} | {row.status: row.count for row in rows}
        self._tasks = (tasks.open, tasks.oldest, tasks.overdue) if tasks else None
        self._triggers = {row.subtype: (row.active, row.failing) for row in triggers}

    async def _read_schedules(self) -> None:
        self._schedules_asked = time.monotonic()
        async with self._database.driver() as connection:
            rows = await (await connection.execute(_SCHEDULES)).fetchall()
        self._unkept = await self._ask_schedules([row.id for row in rows])

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

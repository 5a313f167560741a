"""Puts together what shows a process's metrics, as its settings say."""

from collections.abc import Sequence

from temporalio.client import Client

from nodes.resources import Resources
from services.observability.endpoint import MetricsEndpoint
from services.observability.metrics import Metrics
from services.observability.pools import Pools
from services.observability.snapshot import Snapshot
from services.settings import Settings
from services.store.engine import Database
from temporal.backlog import backlogs
from temporal.schedules import unkept


def make_metrics(settings: Settings, database: Database, resources: Resources) -> Metrics | None:
    """The metrics of this process, its pools among them; None where nobody reads them."""
    if settings.orchestrator_metrics_port is None:
        return None
    metrics = Metrics(settings.orchestrator_metrics_workflows)
    processes = {**resources.sandbox.pools, "expressions": resources.expressions.pool}
    metrics.registry.register(Pools(processes, database.drivers, database.sessions))
    return metrics


def make_endpoint(settings: Settings, metrics: Metrics | None) -> MetricsEndpoint | None:
    """Where they are read."""
    if metrics is None or settings.orchestrator_metrics_port is None:
        return None
    return MetricsEndpoint(metrics, host=settings.orchestrator_metrics_host, port=settings.orchestrator_metrics_port)


def watch_temporal(endpoint: MetricsEndpoint | None, client: Client) -> None:
    """Shows the SDK's metrics, too."""
    if endpoint:
        endpoint.show_sdk(client.service_client.config.runtime)


def watch_deployment(
    endpoint: MetricsEndpoint, database: Database, client: Client, queues: Sequence[str], settings: Settings
) -> None:
    """Shows what concerns more than this process, too: the queues of the plan, schedules, open runs and tasks."""
    runs = settings.orchestrator_task_queue
    endpoint.add(
        Snapshot(
            database,
            lambda seconds: backlogs(client, queues, runs, seconds),
            lambda binding_ids: unkept(client, binding_ids),
        )
    )

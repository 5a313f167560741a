"""What every server tells of the whole deployment."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry

from services.observability.snapshot import Snapshot
from temporal.backlog import Backlog
from temporal.schedules import Unkept
from tests.services.conftest import Store

_TASK = (
    "INSERT INTO human_tasks (id, workspace, execution_id, node, title, deadline) VALUES (%s, 'w', %s, 'N', 't', %s)"
)
_ACTIVATION = "INSERT INTO activations (workflow_id, workspace, version_id, version) VALUES (%s, 'w', %s, 1)"
_BINDING = """
INSERT INTO trigger_bindings (id, workflow_id, version_id, workspace, node, subtype, problem)
VALUES (%s, %s, '', 'w', %s, %s, %s)"""


async def test_what_is_late_or_fails(store: Store) -> None:
    run, now = await store.execution(), datetime.now(UTC)
    async with store.database.driver() as connection:
        for name, deadline in (
            ("over", now - timedelta(hours=1)),
            ("to come", now + timedelta(hours=1)),
            ("none", None),
        ):
            await connection.execute(_TASK, [name, run, deadline])
        await connection.execute(_ACTIVATION, [store.workflow.id, store.workflow.version_id])
        for name, subtype, problem in (("a", "CRON", ""), ("b", "EMAIL", "no answer"), ("c", "EMAIL", "")):
            await connection.execute(_BINDING, [name, store.workflow.id, name, subtype, problem])
    asked: list[list[str]] = []

    async def queues(seconds: float) -> Sequence[Backlog]:
        return []

    async def schedules(binding_ids: Sequence[str]) -> Unkept:
        asked.append(list(binding_ids))
        return Unkept(missed=2, skipped=3)

    registry, snapshot = CollectorRegistry(), Snapshot(store.database, queues, schedules)
    registry.register(snapshot)
    await snapshot.refresh()
    assert asked == [["a"]]
    found = {
        (sample.name.removeprefix("orchestrator_"), sample.labels.get("subtype", "")): sample.value
        for family in registry.collect()
        for sample in family.samples
    }
    expected = {
        ("tasks_open", ""): 3,
        ("tasks_overdue", ""): 1,
        ("triggers_active", "CRON"): 1,
        ("triggers_active", "EMAIL"): 2,
        ("triggers_failing", "CRON"): 0,
        ("triggers_failing", "EMAIL"): 1,
        ("schedule_times_missed", ""): 2,
        ("schedule_times_skipped", ""): 3,
    }
    assert {key: found[key] for key in expected} == expected

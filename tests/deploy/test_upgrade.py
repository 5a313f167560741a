"""Two releases side by side: runs that began on the old one end right on the new one, and nothing is lost.

Orders ─ Charge (POST, may be held back) ─ Code (on a queue of its own) ─ Wait (for a second) ─ Total
"""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from workflow_engine.v1 import execution_pb2

from temporal.dev_server import DevServer, find_binary
from temporal.worker import deployment_name
from tests.deploy.processes import Deployment, create, execute, output, until
from tests.deploy.shop import Shop
from tests.graphs import flow, javascript, node, transforms, trigger, workflow

ROOT = Path(__file__).parents[2]
OLD, NEW = "1.0.0", "1.1.0"
EACH = 6
# Workflows, activities, and those of users' code.
QUEUES = 3


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """A copy of the sources whose interpreter waits for a moment before runs of a revision that the old one lacks."""
    copy = tmp_path / "next"
    for package in ("activities", "nodes", "orchestrator", "proto", "services", "temporal"):
        skipped = shutil.ignore_patterns("__pycache__", "node_modules", "src")
        shutil.copytree(ROOT / package, copy / package, ignore=skipped)
    messages, interpreter = copy / "orchestrator/messages.py", copy / "temporal/workflow.py"
    _replace(messages, "\nREVISION = 2\n", "\nREVISION = 3\n")
    begin = "        if request.state is None:\n"
    change = '        if self._revision >= 3:\n            await workflow.sleep(1, summary="new")\n'
    _replace(interpreter, begin, change + begin)
    return copy


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


class Operator:
    """Types the commands of docs/operations.md."""

    def __init__(self, address: str, deployment: str) -> None:
        self._options = ["--address", address, "--deployment-name", deployment]

    async def __call__(self, command: str, *options: str) -> Any:
        """Runs `temporal worker deployment …`; what it prints as JSON."""
        binary = find_binary()
        assert binary
        line = [binary, "worker", "deployment", command, *self._options, *options, "--output", "json"]
        done = await asyncio.to_thread(subprocess.run, line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip().startswith("{") else done.stdout

    async def knows(self, build: str) -> None:
        """Waits until workers of a build have polled all queues."""
        for _ in range(150):
            try:
                found = await self("describe-version", "--build-id", build)
            except AssertionError:
                found = {}
            if len(found.get("taskQueuesInfos", [])) == QUEUES:
                return
            await asyncio.sleep(0.2)
        raise AssertionError(found)


def _definition(url: str) -> dict[str, Any]:
    nodes = [
        trigger("Orders"),
        node("Charge", "ACTION_NODE", "HTTP_REQUEST", {"method": "POST", "url": url, "body": "{{ $json }}"}),
        javascript("Code", "return items.map(one => ({order: one.order}))"),
        flow("Wait", "WAIT", duration="1s"),
        transforms("Total", "aggregate", field="order", into="charged"),
    ]
    return workflow("orders", nodes, "Orders -> Charge", "Charge -> Code", "Code -> Wait", "Wait -> Total")


async def _builds(client: Client, execution_id: str) -> tuple[list[str], bool]:
    """Which builds worked on a run, in order; and whether it took the new release's way."""
    history = await client.get_workflow_handle(execution_id).fetch_history()
    done = [
        event.workflow_task_completed_event_attributes.deployment_version.build_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    assert not any(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED for event in history.events)
    timers = [e for e in history.events if e.event_type == EventType.EVENT_TYPE_TIMER_STARTED]
    return list(dict.fromkeys(done)), len(timers) == 2


async def test_a_rolling_upgrade_loses_nothing(
    deployment: Deployment,
    shop: Shop,
    next_release: Path,
    temporal_server: DevServer,
    temporal_client: Client,
) -> None:
    operate = Operator(temporal_server.address, deployment_name(deployment.environment["ORCHESTRATOR_TASK_QUEUE"]))
    old_worker = await deployment.start("worker", ORCHESTRATOR_BUILD_ID=OLD)
    await operate.knows(OLD)
    await operate("set-current-version", "--build-id", OLD, "--yes")
    old_engine = await deployment.start("serve")
    old = await deployment.stub(old_engine)
    workflow_id = await create(old, _definition(shop.url))

    shop.open.clear()
    begun = {i: await execute(old, workflow_id, {"order": i}) for i in range(EACH)}
    await until(lambda: len(shop.asked) == EACH)
    paused = await execute(old, workflow_id, {"order": EACH})
    await old.PauseExecution(execution_pb2.PauseExecutionRequest(execution_id=paused))
    begun[EACH] = paused

    # The new release's workers come beside the old ones, and become current; only then its engines replace the old.
    await deployment.start("worker", source=next_release, ORCHESTRATOR_BUILD_ID=NEW)
    await operate.knows(NEW)
    await operate("set-ramping-version", "--build-id", NEW, "--percentage", "50", "--yes")
    ramped = {100 + i: await execute(old, workflow_id, {"order": 100 + i}) for i in range(EACH)}
    await operate("set-current-version", "--build-id", NEW, "--yes")
    new_engine = await deployment.start("serve", source=next_release)
    new = await deployment.stub(new_engine)
    old_engine.terminate()
    fresh = {200 + i: await execute(new, workflow_id, {"order": 200 + i}) for i in range(EACH)}
    old_worker.terminate()
    shop.open.set()
    await new.ResumeExecution(execution_pb2.ResumeExecutionRequest(execution_id=paused))

    runs = begun | ramped | fresh
    results = await asyncio.gather(*(output(new, execution_id) for execution_id in runs.values()))
    assert results == [{"Total": [{"charged": [order]}]} for order in runs]
    assert sorted(shop.charged.values()) == sorted(runs), "each is charged once"
    assert [await old_engine.ended(), await old_worker.ended()] == [0, 0]

    for execution_id in begun.values():
        builds, new_way = await _builds(temporal_client, execution_id)
        assert (builds, new_way) == ([OLD, NEW], False)
    for execution_id in ramped.values():
        builds, new_way = await _builds(temporal_client, execution_id)
        assert builds in ([OLD, NEW], [NEW])
        assert not new_way
    for execution_id in fresh.values():
        assert await _builds(temporal_client, execution_id) == ([NEW], True)
    described = [await operate("describe-version", "--build-id", build) for build in (OLD, NEW)]
    assert [each["currentSinceTime"].startswith("1970") for each in described] == [True, False], described

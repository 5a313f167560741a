"""Two releases that differ, the commands that move work from one to the other, and who worked on a run."""

import asyncio
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from orchestrator.messages import REVISION
from temporal.dev_server import find_binary
from temporal.worker import deployment_name
from tests.deploy.processes import Deployment

ROOT = Path(__file__).parents[2]
OLD, NEW = "1.0.0", "1.1.0"
NEW_REVISION = REVISION + 1
# Workflows, activities, and those of agents and of users' code.
QUEUES = 4
_MIGRATION = """
from alembic import op

revision, down_revision = "{number}", "{last}"


def upgrade():
    op.execute("ALTER TABLE workflow_executions ADD COLUMN next_release text DEFAULT 'unused'")
"""


def make_next_release(copy: Path) -> Path:
    """A copy of the sources whose interpreter waits for a moment before runs of a revision that the old one lacks."""
    for package in ("activities", "nodes", "orchestrator", "proto", "services", "temporal"):
        skipped = shutil.ignore_patterns("__pycache__", "node_modules", "src")
        shutil.copytree(ROOT / package, copy / package, ignore=skipped)
    messages, interpreter = copy / "orchestrator/messages.py", copy / "temporal/workflow.py"
    _replace(messages, f"\nREVISION = {REVISION}\n", f"\nREVISION = {NEW_REVISION}\n")
    begin = "        if request.state is None:\n"
    change = f'        if self._revision >= {NEW_REVISION}:\n            await workflow.sleep(1, summary="new")\n'
    _replace(interpreter, begin, change + begin)
    migrations = copy / "services/store/migrations/versions"
    last = max(file.name[1:5] for file in migrations.glob("v*.py"))
    number = f"{int(last) + 1:04}"
    (migrations / f"v{number}_next.py").write_text(_MIGRATION.format(number=number, last=last), encoding="utf-8")
    return copy


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


class Operator:
    """Types the commands of docs/operations.md."""

    def __init__(self, address: str, deployment: Deployment) -> None:
        self._address = ["--address", address]
        self.task_queue = deployment.environment["ORCHESTRATOR_TASK_QUEUE"]
        self.name = deployment_name(self.task_queue)

    async def deployment(self, command: str, *options: str) -> Any:
        """Runs `temporal worker deployment …`; what it prints as JSON."""
        return await self("worker", "deployment", command, "--deployment-name", self.name, *options)

    async def __call__(self, *command: str) -> Any:
        """Runs `temporal …`; what it prints as JSON."""
        binary = find_binary()
        assert binary
        line = [binary, *command, *self._address, "--output", "json"]
        done = await asyncio.to_thread(subprocess.run, line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip().startswith("{") else done.stdout

    async def make_current(self, build: str) -> None:
        """Gives a build all work, once its workers have polled all queues."""
        await self.knows(build)
        await self.deployment("set-current-version", "--build-id", build, "--yes")

    async def knows(self, build: str) -> None:
        """Waits until workers of a build have polled all queues."""
        for _ in range(150):
            try:
                found = await self.deployment("describe-version", "--build-id", build)
            except AssertionError:
                found = {}
            if len(found.get("taskQueuesInfos", [])) == QUEUES:
                return
            await asyncio.sleep(0.2)
        raise AssertionError(found)

    async def pin(self, build: str, query: str) -> None:
        """Keeps the runs that a query finds on a build."""
        pinned = ["--versioning-override-behavior", "pinned", "--versioning-override-deployment-name", self.name]
        version = ["--versioning-override-build-id", build]
        begun = await self("workflow", "update-options", "--query", query, *pinned, *version, "--yes")
        job = str(begun).split("job ID:")[-1].split()[0] if isinstance(begun, str) else begun["batchJobId"]
        for _ in range(150):
            described = str(await self("batch", "describe", "--job-id", job))
            if "completed" in described.lower():
                return
            await asyncio.sleep(0.2)
        raise AssertionError(described)


@dataclass(frozen=True)
class Worked:
    """Which revision a run has, which builds worked on it, in order, and whether it took the new release's way."""

    revision: int
    builds: list[str]
    new_way: bool


async def worked(client: Client, execution_id: str, refused: bool = False) -> Worked:
    """Reads it from the run's history, in which no task may have failed; where `refused`, but by the old build."""
    history = await client.get_workflow_handle(execution_id).fetch_history()
    (payload,) = history.events[0].workflow_execution_started_event_attributes.input.payloads
    builds = [
        event.workflow_task_completed_event_attributes.deployment_version.build_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    failed = [event for event in history.events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED]
    for event in failed:
        attributes = event.workflow_task_failed_event_attributes
        assert f"this build knows {REVISION}" in attributes.failure.message, attributes
        assert refused, attributes
    timers = [event for event in history.events if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED]
    moved = [build for i, build in enumerate(builds) if i == 0 or build != builds[i - 1]]
    return Worked(
        json.loads(payload.data).get("revision", 1),
        moved,
        any(event.user_metadata.summary.data == b'"new"' for event in timers),
    )


async def child_of(client: Client, execution_id: str) -> str:
    """The one run that a run started."""
    history = await client.get_workflow_handle(execution_id).fetch_history()
    (child,) = [
        event.child_workflow_execution_started_event_attributes.workflow_execution.workflow_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED
    ]
    return child

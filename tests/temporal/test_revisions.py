"""Which revision a run has: that of whoever starts it, if this build knows it. And one that it doesn't know."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from orchestrator.messages import REVISION, RunRequest
from orchestrator.start import RunStart
from orchestrator.triggering import TriggerRequest
from temporal.client import RUN_TYPE, Runs
from tests.graphs import Json, flow, sets, trigger, workflow
from tests.temporal.firing import Firing, started
from tests.temporal.harness import Engine, engine, items
from tests.temporal.test_workflow import CHILD

OLDER = REVISION - 1
LISTENER = workflow("listener", [trigger("On error", "ERROR"), sets("Note", seen=True)], "On error -> Note")
CALLS = workflow("calls", [trigger(), flow("Call", "SUBWORKFLOW", workflow_id="child")], "Start -> Call")
LEAVES = workflow("leaves", [trigger(), flow("Call", "SUBWORKFLOW", workflow_id="child", wait=False)], "Start -> Call")
FAILS = workflow(
    "fails", [trigger(), flow("Stop", "STOP", message="alas")], "Start -> Stop", error_workflow_id="listener"
)


@pytest.fixture(scope="module")
def firing() -> Firing:
    return Firing()


@pytest.fixture(scope="module")
async def running(temporal_client: Client, firing: Firing) -> AsyncIterator[Engine]:
    async with engine(temporal_client, "revisions", firing.fire, firing.poll) as made:
        made.define(CHILD)
        made.define(LISTENER)
        yield made


async def revision_of(handle: WorkflowHandle[Any, Any]) -> int:
    """What a run was started with."""
    history = await handle.fetch_history()
    (payload,) = history.events[0].workflow_execution_started_event_attributes.input.payloads
    (request,) = await handle._client.data_converter.decode([payload], [RunRequest])
    revision: int = request.revision
    return revision


async def children(handle: WorkflowHandle[Any, Any]) -> list[WorkflowHandle[Any, Any]]:
    """The runs that a run started."""
    history = await handle.fetch_history()
    return [
        handle._client.get_workflow_handle(
            event.child_workflow_execution_started_event_attributes.workflow_execution.workflow_id
        )
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED
    ]


@pytest.mark.parametrize("definition", [CALLS, LEAVES, FAILS], ids=lambda one: one["name"])
@pytest.mark.parametrize("revision", [OLDER, REVISION])
async def test_children_have_their_parents_revision(running: Engine, definition: Json, revision: int) -> None:
    handle = await running.start(definition, {"n": 1}, revision=revision)
    await running.failure(handle)
    (child,) = await children(handle)
    assert [await revision_of(handle), await revision_of(child)] == [revision, revision]


@pytest.mark.parametrize(
    ("asked", "has"), [(OLDER, OLDER), (REVISION, REVISION), (REVISION + 1, REVISION)], ids=["older", "same", "newer"]
)
async def test_a_schedules_runs_have_its_revision_if_it_is_known(
    running: Engine, firing: Firing, asked: int, has: int
) -> None:
    execution_id = str(uuid.uuid4())
    start = RunStart(execution_id, "child", "child", "child", 1, "TRIGGER", "In", items({"n": 1}))
    firing.starts["scheduled"] = start
    handle = await started(running.client, TriggerRequest("scheduled", revision=asked), running.task_queue)
    await handle.result()
    run = running.client.get_workflow_handle(execution_id)
    assert await revision_of(run) == has
    again = str(uuid.uuid4())
    await Runs(running.client, running.task_queue).start(replace(start, execution_id=again), asked)
    assert await revision_of(running.client.get_workflow_handle(again)) == has


async def test_a_run_of_a_newer_revision_waits_for_a_build_that_knows_it(running: Engine) -> None:
    start = RunStart(str(uuid.uuid4()), "child", "child", "child", 1, "MANUAL", "In", items({"n": 1}))
    handle: WorkflowHandle[Any, Any] = await running.client.start_workflow(
        RUN_TYPE, RunRequest(start, revision=REVISION + 1), id=start.execution_id, task_queue=running.task_queue
    )
    async with asyncio.timeout(30):
        while True:
            history = await handle.fetch_history()
            kinds = [event.event_type for event in history.events]
            if EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED in kinds:
                break
            await asyncio.sleep(0.1)
    failed = next(e for e in history.events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
    message = failed.workflow_task_failed_event_attributes.failure.message
    assert f"the run has revision {REVISION + 1}, and this build knows {REVISION}" in message
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED not in kinds, "it does nothing"
    assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED not in kinds, "it isn't lost"
    await handle.terminate()

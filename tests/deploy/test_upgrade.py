"""Two releases side by side: runs of all kinds that began on one end right on the other, and nothing is lost."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from workflow_engine.v1 import activation_pb2, execution_pb2

from orchestrator.messages import REVISION
from temporal.dev_server import DevServer
from tests.agents.scripted import ScriptedModel
from tests.deploy.kinds import CHILD_AFTER, CHILD_BEFORE, KINDS, Kinds
from tests.deploy.processes import Deployment, Process, create, execute, output
from tests.deploy.releases import NEW, NEW_REVISION, OLD, Operator, Worked, child_of, make_next_release, worked
from tests.deploy.shop import Shop
from tests.graphs import sets, trigger, workflow

# Many processes at once, for minutes.
pytestmark = pytest.mark.system

CLOCK = trigger("Clock", "CRON", parameters={"every": "1s", "overlap": "allow_all"})
TICKING = workflow("ticking", [CLOCK, sets("Seen", seen=True)], "Clock -> Seen")


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    return make_next_release(tmp_path / "next")


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    scripted = ScriptedModel()
    yield scripted
    scripted.server.shutdown()


@pytest.fixture
def operate(deployment: Deployment, temporal_server: DevServer) -> Operator:
    return Operator(temporal_server.address, deployment)


@dataclass(frozen=True)
class Release:
    """The processes of a release, and its API."""

    worker: Process
    engine: Process
    stub: Any


async def _old_release(deployment: Deployment, operate: Operator) -> Release:
    """What works before the upgrade."""
    worker = await deployment.start("worker", ORCHESTRATOR_BUILD_ID=OLD)
    await operate.make_current(OLD)
    engine = await deployment.start("serve")
    return Release(worker, engine, await deployment.stub(engine))


async def _ticks(stub: Any, workflow_id: str) -> dict[str, int]:
    """The runs that a schedule has started: status by id."""
    request = execution_pb2.ListExecutionsRequest(workflow_id=workflow_id, page_size=1000)
    return {found.execution_id: found.status for found in (await stub.ListExecutions(request)).executions}


async def _ticking_on(stub: Any, workflow_id: str, more: int = 3) -> set[str]:
    """Runs that a schedule starts from now on."""
    before = await _ticks(stub, workflow_id)
    async with asyncio.timeout(60):
        while True:
            found = (await _ticks(stub, workflow_id)).keys() - before.keys()
            if len(found) >= more:
                return set(found)
            await asyncio.sleep(0.2)


async def _assert_results(stub: Any, kinds: Kinds, *begun: dict[str, str]) -> None:
    runs = [(kind, run) for some in begun for kind, run in some.items()]
    results = await asyncio.gather(*(output(stub, run) for _, run in runs))
    assert dict(zip(runs, results, strict=True)) == {(kind, run): kinds.result(kind, run) for kind, run in runs}


async def _assert_all_ticks_completed(stub: Any, workflow_id: str) -> None:
    await stub.DeactivateWorkflow(activation_pb2.DeactivateWorkflowRequest(workflow_id=workflow_id))
    for run in await _ticks(stub, workflow_id):
        await output(stub, run)


async def test_a_rolling_upgrade_loses_nothing(
    deployment: Deployment,
    shop: Shop,
    model: ScriptedModel,
    next_release: Path,
    operate: Operator,
    temporal_client: Client,
) -> None:
    before = await _old_release(deployment, operate)
    old = before.stub
    kinds = await Kinds.create(old, temporal_client, shop, model)
    ticking = await create(old, TICKING)
    await old.ActivateWorkflow(activation_pb2.ActivateWorkflowRequest(workflow_id=ticking))

    shop.open.clear()
    begun = await kinds.begin(old, shop)
    paused = await execute(old, kinds.ids["direct"], {"order": 1000})
    await old.PauseExecution(execution_pb2.PauseExecutionRequest(execution_id=paused))

    # The database is migrated first, under the old release, whose processes may start again all the same. Then the new
    # release's workers come beside the old ones, and become current; only then its engines replace the old.
    assert await deployment.spawn("migrate", source=next_release).ended() == 0
    await deployment.start("worker", source=next_release, ORCHESTRATOR_BUILD_ID=NEW)
    await operate.knows(NEW)
    await operate.deployment("set-ramping-version", "--build-id", NEW, "--percentage", "50", "--yes")
    ramped = await kinds.begin(old, shop)
    ticks = await _ticking_on(old, ticking)
    await operate.make_current(NEW)
    new_engine = await deployment.start("serve", source=next_release)
    new = await deployment.stub(new_engine)
    before.engine.terminate()
    fresh = await kinds.begin(new, shop)
    ticks |= await _ticking_on(new, ticking)
    before.worker.terminate()
    shop.open.set()
    await new.ResumeExecution(execution_pb2.ResumeExecutionRequest(execution_id=paused))
    for runs in (begun, ramped, fresh):
        await kinds.go_on(await deployment.people(new_engine), runs)

    await _assert_results(new, kinds, begun, ramped, fresh)
    assert await output(new, paused) == {"Total": [{"charged": [1000]}]}
    await _assert_all_ticks_completed(new, ticking)
    assert sorted(shop.charged.values()) == [*kinds.charged(), 1000], "each is charged once"
    assert [await before.engine.ended(), await before.worker.ended()] == [0, 0]

    for kind in KINDS:
        assert await worked(temporal_client, begun[kind]) == Worked(REVISION, [OLD, NEW], new_way=False), kind
        found = await worked(temporal_client, ramped[kind])
        assert (found.revision, found.builds[-1], found.new_way) == (REVISION, NEW, False), kind
        assert await worked(temporal_client, fresh[kind]) == Worked(NEW_REVISION, [NEW], new_way=True), kind
    for kind in CHILD_BEFORE:
        child = await child_of(temporal_client, begun[kind])
        assert await worked(temporal_client, child) == Worked(REVISION, [OLD, NEW], new_way=False), kind
    for kind in CHILD_AFTER:
        child = await child_of(temporal_client, begun[kind])
        assert await worked(temporal_client, child) == Worked(REVISION, [NEW], new_way=False), kind
    for kind in (*CHILD_BEFORE, *CHILD_AFTER):
        child = await child_of(temporal_client, fresh[kind])
        assert await worked(temporal_client, child) == Worked(NEW_REVISION, [NEW], new_way=True), kind
    for tick in ticks:
        assert not (await worked(temporal_client, tick)).new_way, (
            "a schedule's runs have the revision of its activation"
        )
    described = [await operate.deployment("describe-version", "--build-id", build) for build in (OLD, NEW)]
    assert [each["currentSinceTime"].startswith("1970") for each in described] == [True, False], described


async def test_going_back_loses_nothing(
    deployment: Deployment,
    shop: Shop,
    model: ScriptedModel,
    next_release: Path,
    operate: Operator,
    temporal_client: Client,
) -> None:
    before = await _old_release(deployment, operate)
    old = before.stub
    kinds = await Kinds.create(old, temporal_client, shop, model)
    ticking = await create(old, TICKING)
    shop.open.clear()
    begun = await kinds.begin(old, shop)

    assert await deployment.spawn("migrate", source=next_release).ended() == 0
    await deployment.start("worker", source=next_release, ORCHESTRATOR_BUILD_ID=NEW)
    assert await deployment.spawn("promote", source=next_release, ORCHESTRATOR_BUILD_ID=NEW).ended() == 0
    upgraded = datetime.now(UTC).isoformat()
    new_engine = await deployment.start("serve", source=next_release)
    new = await deployment.stub(new_engine)
    before.engine.terminate()
    before.worker.terminate()
    await new.ActivateWorkflow(activation_pb2.ActivateWorkflowRequest(workflow_id=ticking))
    moved = await kinds.begin(new, shop)
    await _ticking_on(new, ticking)

    # The new release is no good: schedules of its making rest, so that it begins nothing in the moment of the change.
    asked = activation_pb2.GetActivationRequest(workflow_id=ticking)
    (clock,) = (await new.GetActivation(asked)).activation.triggers
    await operate("schedule", "toggle", "--schedule-id", clock.schedule_id, "--pause", "--reason", "going back")
    await asyncio.sleep(3)
    # The old one's engine comes back first, then its workers; its migrations stay.
    assert await deployment.spawn("migrate").ended() == 0
    engine = await deployment.start("serve")
    stub = await deployment.stub(engine)
    new_engine.terminate()
    await deployment.start("worker", ORCHESTRATOR_BUILD_ID=OLD)
    assert await deployment.spawn("promote", ORCHESTRATOR_BUILD_ID=OLD).ended() == 0
    newer = f"TaskQueue = '{operate.task_queue}' AND ExecutionStatus = 'Running' AND StartTime >= '{upgraded}'"
    await operate.pin(NEW, f"WorkflowType = 'Orchestrator' AND {newer}")
    await operate("schedule", "toggle", "--schedule-id", clock.schedule_id, "--unpause", "--reason", "gone back")
    ticks = await _ticking_on(stub, ticking)
    shop.open.set()
    for runs in (begun, moved):
        await kinds.go_on(await deployment.people(engine), runs)

    await _assert_results(stub, kinds, begun, moved)
    await _assert_all_ticks_completed(stub, ticking)
    assert sorted(shop.charged.values()) == kinds.charged(), "each is charged once"
    for kind in KINDS:
        found = await worked(temporal_client, begun[kind])
        assert (found.revision, found.builds[0], found.builds[-1], found.new_way) == (REVISION, OLD, OLD, False), kind
        found = await worked(temporal_client, moved[kind], refused=True)
        assert found == Worked(NEW_REVISION, [NEW], new_way=True), kind
    for kind in (*CHILD_BEFORE, *CHILD_AFTER):
        for runs, revision, build in ((begun, REVISION, OLD), (moved, NEW_REVISION, NEW)):
            child = await child_of(temporal_client, runs[kind])
            found = await worked(temporal_client, child, refused=runs is moved)
            assert (found.revision, found.builds[-1]) == (revision, build), kind
    for tick in ticks:
        assert await worked(temporal_client, tick) == Worked(REVISION, [OLD], new_way=False)

"""A run that waits for a person outlives every process, and holds up nobody."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from temporalio.client import Client
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceStub
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from services import wiring
from services.stack import Ports, Stack
from services.store.ids import new_id
from temporal.dev_server import DevServer, find_binary
from tests.graphs import javascript, trigger, workflow
from tests.people.conftest import Installation, asking
from tests.people.test_service import answer
from tests.services.conftest import api_settings


def reached(address: str, channel: grpc.aio.Channel) -> Installation:
    nothing: Any = None
    stubs = (WorkflowServiceStub(channel), HumanTaskServiceStub(channel), IntegrationServiceStub(channel))
    return Installation(*stubs, nothing, nothing, nothing, nothing, nothing)


async def test_a_waiting_run_outlives_every_process(data_folder: Path) -> None:
    stack = Stack(data_folder, Ports(http=0))
    await stack.start()
    async with grpc.aio.insecure_channel(stack.address) as channel:
        before = reached(stack.address, channel)
        run = await before.start(asking("APP", assignees=["ann"], timeout="60d"), {"id": 4})
        task = await before.task(run)
    await stack.stop()
    again = Stack(data_folder, Ports(http=0))
    await again.start()
    try:
        async with grpc.aio.insecure_channel(again.address) as channel:
            after = reached(again.address, channel)
            assert (await after.task(run)).task_id == task.task_id
            await answer(after, task.task_id, user_id="ann")
            human = await after.human(run)
            assert human["answered_by"] == "ann"
    finally:
        await again.stop()


async def test_a_waiting_run_holds_no_worker(module_postgres_url: str, temporal_client: Client) -> None:
    settings = api_settings(
        module_postgres_url, orchestrator_task_queue=f"slot-{new_id()}", orchestrator_max_activities=1
    )
    parts = wiring.build_parts(settings)
    server = wiring.build_server(settings, temporal_client, parts=parts, eager=True, role=wiring.ServerRole(local=True))
    worker = wiring.build_worker(settings, temporal_client, parts=parts)
    await worker.start()
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            people = reached(server.address, channel)
            runs = [await people.start(asking("APP"), {"id": i}) for i in range(5)]
            waiting = [await people.task(run) for run in runs]
            code = javascript("Code", "return items.map(i => ({n: i.n + 1}))")
            other = await people.start(workflow("other", [trigger(), code], "Start -> Code"), {"n": 1})
            assert await people.end(other) == {"Code": [{"n": 2}]}
            for run, task in zip(runs, waiting, strict=True):
                await answer(people, task.task_id)
                assert (await people.human(run))["decision"] == "approved"
    finally:
        await server.stop()
        await worker.stop()
        await parts.close()


@pytest.mark.parametrize(
    ("amount", "answers", "result"),
    [
        (80, [], {"Pay back": [{"customer": "Ann", "paid": 80, "approved_by": "nobody needed to"}]}),
        (
            900,
            [("approve", '{"amount": 450}')],
            {"Pay back": [{"customer": "Ann", "paid": 450, "approved_by": "lea"}]},
        ),
        (900, [("reject", "")], {"Refuse": [{"customer": "Ann", "refused": "no reason given"}]}),
    ],
)
async def test_the_example(
    installation: Installation, amount: int, answers: list[tuple[str, str]], result: dict[str, Any]
) -> None:
    definition = json.loads((Path(__file__).parents[2] / "examples/approval.json").read_text())
    run = await installation.start(definition, {"customer": "Ann", "amount": amount, "reason": "broken"})
    for decision, fields in answers:
        task = await installation.task(run)
        await answer(installation, task.task_id, decision, user_id="lea", fields_json=fields)
    assert await installation.end(run) == result


@pytest.mark.parametrize("way", ["update", "signal"])
async def test_by_temporals_own_command(installation: Installation, temporal_server: DevServer, way: str) -> None:
    """As the documentation writes it."""
    run = await installation.start(asking("APP", assignees=["ann"]), {"id": 1})
    task = await installation.task(run)

    binary = find_binary()
    assert binary

    async def temporal(user: str) -> tuple[int, str]:
        given = json.dumps({"task_id": task.task_id, "decision": "approved", "by": user})
        verb = ["update", "execute"] if way == "update" else ["signal"]
        command = ["workflow", *verb, "--workflow-id", run, "--name", "answer", "--input", given]
        started = await asyncio.create_subprocess_exec(
            binary, *command, "--address", temporal_server.address, stdout=PIPE, stderr=STDOUT
        )
        output, _ = await started.communicate()
        return started.returncode or 0, output.decode()

    status, said = await temporal("eve")
    assert ("may not answer" in said, status != 0) == ((True, True) if way == "update" else (False, False)), said
    status, said = await temporal("ann")
    assert status == 0, said
    assert (await installation.human(run))["answered_by"] == "ann"


async def test_by_our_own_command(installation: Installation) -> None:
    """As the documentation writes it."""
    run = await installation.start(asking("APP", assignees=["ann"]), {"id": 1})
    task = await installation.task(run)

    async def orchestrator(*words: str) -> str:
        command = str(Path(sys.executable).with_name("orchestrator"))
        environment = {**os.environ, "ORCHESTRATOR_ADDRESS": installation.server.address}
        started = await asyncio.create_subprocess_exec(
            command, "tasks", *words, stdout=PIPE, stderr=STDOUT, env=environment
        )
        output, _ = await started.communicate()
        assert started.returncode == 0, output.decode()
        return output.decode()

    assert task.task_id in await orchestrator("list", "--json")
    await orchestrator("comment", task.task_id, "the customer has called twice")
    await orchestrator("reassign", task.task_id, "bob", "--reason", "on leave")
    shown = json.loads(await orchestrator("show", task.task_id, "--json"))
    assert shown["assignees"] == ["bob"]
    assert "the customer has called twice" in [event.get("text") for event in shown["events"]]
    assert "ANSWERED" in await orchestrator("answer", task.task_id, "approve", "--user", "bob")
    assert (await installation.human(run))["answered_by"] == "bob"

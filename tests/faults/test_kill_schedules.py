"""`kill -9` of each process while a schedule ticks: each second has one run, none has two, and all end right."""

import asyncio
import json
from datetime import datetime, timedelta

import grpc.aio
import psycopg
import pytest
from google.protobuf.json_format import ParseDict
from workflow_engine.v1 import activation_pb2, workflow_pb2, workflow_service_pb2, workflow_service_pb2_grpc

from services.store.engine import connection_string
from tests.faults.processes import PATIENCE, Processes
from tests.graphs import flow, trigger, workflow


def _runs(url: str, workflow_id: str) -> list[tuple[datetime, str]]:
    """When each run of a workflow was due, and its status."""
    with psycopg.connect(connection_string(url), autocommit=True) as connection:
        rows = connection.execute(
            "SELECT start, status FROM workflow_executions WHERE workflow_id = %s", [workflow_id]
        ).fetchall()
    items = [json.loads(json.loads(start)["input"]["parts"][0]["text"])[0]["json"] for start, _ in rows]
    times = [datetime.fromisoformat(item["scheduled_time"]) for item in items]
    return sorted(zip(times, (status for _, status in rows), strict=True))


async def _completed(url: str, workflow_id: str, count: int) -> list[tuple[datetime, str]]:
    for _ in range(int(PATIENCE / 0.2)):
        runs = await asyncio.to_thread(_runs, url, workflow_id)
        if sum(status == "COMPLETED" for _, status in runs) >= count:
            return runs
        await asyncio.sleep(0.2)
    raise AssertionError("it took too long")


@pytest.mark.parametrize("victims", [["worker", "worker", "serve"], ["temporal", "worker"]])
async def test_kill_9_while_a_schedule_ticks(processes: Processes, victims: list[str]) -> None:
    clock = trigger("Clock", "CRON", parameters={"every": "1s", "overlap": "allow_all", "catchup_window": "10m"})
    wait = flow("Wait", "WAIT", mode="duration", duration="300ms")
    definition = ParseDict(workflow("ticking", [clock, wait], "Clock -> Wait"), workflow_pb2.Workflow())
    url = processes.database_url
    address = f"127.0.0.1:{processes.grpc_port}"
    async with grpc.aio.insecure_channel(address, interceptors=processes.signing) as channel:
        await asyncio.wait_for(channel.channel_ready(), PATIENCE)
        stub = workflow_service_pb2_grpc.WorkflowServiceStub(channel)
        create = workflow_service_pb2.CreateWorkflowRequest(name="ticking", nodes=definition.nodes)
        create.connections.CopyFrom(definition.connections)
        workflow_id = (await stub.CreateWorkflow(create)).workflow.id
        await stub.ActivateWorkflow(activation_pb2.ActivateWorkflowRequest(workflow_id=workflow_id))
        for victim in victims:
            await _completed(url, workflow_id, len(_runs(url, workflow_id)) + 2)
            await processes.kill(victim)
        runs = await _completed(url, workflow_id, len(_runs(url, workflow_id)) + 5)
        # What a worker that was killed had in hand comes again only after its time is up: so long the trigger stays on.
        await _without_gaps(url, workflow_id, runs[-1][0])
        await asyncio.wait_for(channel.channel_ready(), PATIENCE)
        await stub.DeactivateWorkflow(activation_pb2.DeactivateWorkflowRequest(workflow_id=workflow_id))
    times = [moment for moment, _ in await asyncio.to_thread(_runs, url, workflow_id)]
    assert len(times) == len(set(times)) >= len(runs)


async def _without_gaps(url: str, workflow_id: str, last: datetime) -> None:
    """Waits until each second up to the last has a run, and that has completed."""
    for _ in range(int(PATIENCE / 0.5)):
        runs = [run for run in await asyncio.to_thread(_runs, url, workflow_id) if run[0] <= last]
        first, seconds = runs[0][0], {moment for moment, _ in runs}
        missing = {first + timedelta(seconds=n) for n in range(int((last - first).total_seconds()) + 1)} - seconds
        if not missing and {status for _, status in runs} == {"COMPLETED"}:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"no run for {sorted(missing)}, or not to its end: {runs}")

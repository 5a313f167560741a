"""Backups: runs that wait go on from restored ones, and what only one side still knows is cleared up."""

import asyncio
import json
import os
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceStub
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from services import wiring
from services.embedded import EmbeddedPostgres, binary
from services.store.engine import Database
from services.usecases.restoring import Ledger, restore_agreement
from temporal.client import Runs, connect
from temporal.dev_server import DevServer
from tests.graphs import flow, sets, trigger, workflow
from tests.people.conftest import Installation, asking
from tests.people.test_service import answer
from tests.services.conftest import Api, api_settings

QUEUE = "restored"
TIMER = workflow("timer", [trigger(), flow("Wait", "WAIT", mode="duration", duration="25s")], "Start -> Wait")
HOOK = workflow(
    "hook",
    [trigger(), sets("Tell", at="{{ $execution.resumeUrl }}"), flow("Wait", "WAIT", mode="webhook")],
    "Start -> Tell",
    "Tell -> Wait",
)


@dataclass
class Deployment:
    """Servers of its own, the API and a worker."""

    database: Database
    temporal: DevServer
    runs: Runs
    reached: Installation
    url: str

    async def waits(self, run: str) -> None:
        """Returns once a node of the run is recorded as waiting."""
        query = "SELECT 1 FROM node_runs WHERE execution_id = %s AND status = 'WAITING'"
        async with asyncio.timeout(90):
            while True:
                async with self.database.driver() as connection:
                    if await (await connection.execute(query, [run])).fetchone():
                        return
                await asyncio.sleep(0.05)

    async def execution(self, run: str) -> ex.Execution:
        """How the API shows a run."""
        found: ex.Execution = (await self.reached.stub.GetExecution(ex.GetExecutionRequest(execution_id=run))).execution
        return found

    async def call_address(self, run: str) -> str:
        """The path at which a run waits for a call."""
        request = ex.GetExecutionHistoryRequest(execution_id=run, node="Tell")
        (told,) = (await self.reached.stub.GetExecutionHistory(request)).node_runs
        (item,) = json.loads(told.outputs[0].items_json)
        return httpx.URL(item["json"]["at"]).raw_path.decode()


@asynccontextmanager
async def deployment(folder: Path, dump: Path | None = None) -> AsyncIterator[Deployment]:
    """Everything on a folder; with a dump, its database is restored from that before anything else starts."""
    from services.store import migrate

    postgres = EmbeddedPostgres(folder, durable=False)
    temporal = DevServer(database=folder / "temporal.db", log=folder / "temporal.log")
    url = await postgres.start()
    try:
        if dump:
            await program(binary("pg_restore"), "--no-owner", "--exit-on-error", f"--dbname={url}", str(dump))
        await asyncio.to_thread(migrate.upgrade, url)
        await temporal.start()
        client = await connect(target_host=temporal.address, namespace=temporal.namespace)
        settings = api_settings(url, orchestrator_task_queue=QUEUE)
        parts = wiring.build_parts(settings)
        server = wiring.build_server(settings, client, parts=parts, eager=True, role=wiring.ServerRole(local=True))
        worker = wiring.build_worker(settings, client, parts=parts)
        await worker.start()
        await server.start()
        try:
            async with grpc.aio.insecure_channel(server.address) as channel:
                nothing: Any = None
                stubs = (WorkflowServiceStub(channel), HumanTaskServiceStub(channel), IntegrationServiceStub(channel))
                reached = Installation(*stubs, nothing, nothing, nothing, nothing, nothing)
                yield Deployment(parts.database, temporal, Runs(client, QUEUE), reached, server.public_url)
        finally:
            await server.stop()
            await worker.stop()
            await parts.close()
    finally:
        await temporal.stop()
        await postgres.stop()


async def program(command: Path, *arguments: str, **environment: str) -> str:
    """What a program that succeeds says."""
    process = await asyncio.create_subprocess_exec(
        str(command), *arguments, stdout=PIPE, stderr=PIPE, env={**os.environ, **environment}
    )
    said, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return said.decode()


async def command(where: Deployment, *words: str) -> str:
    """What `orchestrator` says, run beside a deployment."""
    return await program(
        Path(sys.executable).with_name("orchestrator"),
        *words,
        DATABASE_URL=where.database.url,
        TEMPORAL_ADDRESS=where.temporal.address,
        ORCHESTRATOR_TASK_QUEUE=QUEUE,
    )


async def test_waiting_runs_go_on_from_a_backup(make_data_folder: Callable[[], Path], tmp_path: Path) -> None:
    """Temporal first, then PostgreSQL, while everything runs; then both into new servers."""
    old, new, dump = make_data_folder(), make_data_folder(), tmp_path / "workflow_engine.dump"
    async with deployment(old) as before:
        reached = before.reached
        timer, hook = await reached.start(TIMER, {"n": 1}), await reached.start(HOOK, {"n": 2})
        asked, answered = [await reached.start(asking("APP"), {"id": number}) for number in (1, 2)]
        for run in (timer, hook, asked, answered):
            await before.waits(run)
        task, other = await reached.task(asked), await reached.task(answered)
        with closing(sqlite3.connect(old / "temporal.db")) as kept:
            kept.execute("VACUUM INTO ?", [str(new / "temporal.db")])
        # What happens between the two backups is on record only.
        late = await reached.start(asking("APP"), {"id": 3})
        await before.waits(late)
        await answer(reached, other.task_id)
        await reached.end(answered)
        await program(binary("pg_dump"), "--format=custom", f"--file={dump}", before.database.url)

    async with deployment(new, dump) as after:
        said = await command(after, "reconcile", "--dry-run", "--json")
        assert json.loads(said)["unknown"] == []
        found = await restore_agreement(Ledger(after.database, after.runs), settling=timedelta(0))
        assert (found.unknown, found.repeated) == ([], [answered])
        lost = await after.execution(late)
        assert (lost.status, lost.error.code) == (ex.FAILED, "RUN_LOST")
        assert (await after.execution(answered)).status == ex.COMPLETED
        for run in (hook, asked):
            assert (await after.execution(run)).status == ex.RUNNING

        await answer(after.reached, task.task_id)
        assert (await after.reached.human(asked))["decision"] == "approved"
        async with httpx.AsyncClient(base_url=after.url) as http:
            response = await http.post(await after.call_address(hook), json={"by": "ada"})
        assert response.status_code == 200, response.text
        assert (await after.reached.end(hook))["Wait"][0]["body"] == {"by": "ada"}
        assert list(await after.reached.end(timer)) == ["Wait"]
        said = await command(after, "reconcile")
        assert "0 runs in Temporal without a record: terminated" in said
        assert "0 runs open on record but not in Temporal: closed" in said


async def test_runs_that_only_one_side_knows(api: Api) -> None:
    """As after restoring PostgreSQL alone: a run began since, another ended since, a third goes on."""
    workflow_id = await api.create(workflow("w", [trigger(), flow("Wait", "WAIT", mode="webhook")], "Start -> Wait"))
    request = ex.ExecuteWorkflowRequest(workflow_id=workflow_id)
    began, ended, open_ = [(await api.stub.ExecuteWorkflow(request)).execution_id for _ in range(3)]
    runs = Runs(api.client, api.parts.settings.orchestrator_task_queue)
    ledger = Ledger(api.parts.database, runs)
    async with asyncio.timeout(90):
        # Temporal's list lags by moments.
        while {id_ async for id_ in runs.running()} != {began, ended, open_}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    async with api.parts.database.single() as connection:
        await connection.exec_driver_sql("DELETE FROM workflow_executions WHERE id = %s", (began,))
    await api.client.get_workflow_handle(ended).terminate(reason="ended since the backup")

    planned = await restore_agreement(ledger, dry_run=True)
    assert (planned.unknown, planned.repeated) == ([began], [])
    assert (await api.client.get_workflow_handle(began).describe()).close_time is None
    async with api.parts.database.single() as connection:
        await connection.exec_driver_sql(
            "UPDATE workflow_executions SET started_at = started_at - interval '1 hour' WHERE id = %s", (ended,)
        )

    found = await restore_agreement(ledger)
    assert (found.closed, found.unknown, found.repeated) == ([ended], [began], [])
    assert (await api.client.get_workflow_handle(began).describe()).close_time is not None
    shown = {id_: (await api.stub.GetExecution(ex.GetExecutionRequest(execution_id=id_))) for id_ in (ended, open_)}
    assert shown[ended].execution.status == ex.CANCELED
    assert shown[ended].execution.error.code == "TERMINATED"
    assert shown[open_].execution.status == ex.RUNNING
    await api.client.get_workflow_handle(open_).terminate(reason="the test is over")

"""The commands of docker-compose.yml and of Kubernetes' pods with their environment; and several processes as one."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import pytest
from workflow_engine.v1 import auth_pb2, auth_pb2_grpc

from temporal.dev_server import DevServer, free_port
from tests.deploy import kubernetes
from tests.deploy.compose import ROOT, services
from tests.deploy.processes import EMAIL, ORCHESTRATOR, PASSWORD, Deployment, create, execute, output, until, watched
from tests.deploy.shop import Shop
from tests.graphs import javascript, node, sets, transforms, trigger, workflow

GIVEN = {
    "POSTGRES_PASSWORD": "pw",
    "SECRET_KEY": "k1:" + "A" * 43 + "=",
    "ORCHESTRATOR_TEMPORAL_KEYS": "t1:" + "B" * 43 + "=",
}
# The release, so that its workers get work only once it is promoted.
TAG = "1.4.0"
COMPOSE, KUBERNETES = "docker-compose.yml", "deploy/kubernetes"
WORKERS = ("worker-default", "worker-code", "worker-ai")
# What Kubernetes' Secrets hold, and compose's environment.
DATA = ("ORCHESTRATOR_TEMPORAL_KEYS",)
SECRETS = (*DATA, "SECRET_KEY")


@pytest.fixture
async def temporal(data_folder: Path) -> AsyncIterator[DevServer]:
    """A server whose queue `default` is nobody else's."""
    server = DevServer(database=data_folder / "temporal.db", log=data_folder / "temporal.log", keep=False)
    await server.start()
    yield server
    await server.stop()


def _given(deployed: str, name: str) -> tuple[list[str], dict[str, str]]:
    """What a role of a deployment runs, and its environment."""
    if deployed == COMPOSE:
        service = services({**GIVEN, "ORCHESTRATOR_VERSION": TAG})["workflow-engine" if name == "engine" else name]
        return service["command"], service["environment"]
    command, environment = kubernetes.process(kubernetes.overlay(), name)
    secret = DATA if name in ("migrate", "promote", "worker-code") else SECRETS
    return command, {**environment, **{variable: GIVEN[variable] for variable in secret}}


def _here(given: dict[str, str], database_url: str, temporal: DevServer, folder: Path) -> dict[str, str]:
    """The environment with this machine's addresses in place of the containers'."""
    here = {
        "DATABASE_URL": database_url,
        "TEMPORAL_ADDRESS": temporal.address,
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "ORCHESTRATOR_FILES_URL": str(folder / "files"),
        "ORCHESTRATOR_METRICS_HOST": "127.0.0.1",
        "ORCHESTRATOR_METRICS_PORT": "0",
        "GRPC_HOST": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
    }
    kept = {name: here.get(name, value) if value else "" for name, value in given.items()}
    return {"DATABASE_URL": database_url, **kept}


def _health_check(url: str) -> list[str]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"^HEALTHCHECK .*?CMD (\[.*?\])$", text, re.DOTALL | re.MULTILINE)
    assert found
    command: list[str] = json.loads(found[1].replace("http://127.0.0.1:8080", url))
    return [sys.executable, *command[1:]]


@pytest.mark.parametrize("deployed", [COMPOSE, KUBERNETES])
async def test_what_is_deployed_runs_a_workflow(
    tmp_path: Path, empty_postgres_url: str, temporal: DevServer, deployed: str
) -> None:
    commands, environments = {}, {}
    for name in ("migrate", "engine", *WORKERS, "promote"):
        commands[name], given = _given(deployed, name)
        environments[name] = _here(given, empty_postgres_url, temporal, tmp_path)

    async def job(name: str) -> None:
        command = [*ORCHESTRATOR, *commands[name]]
        done = await asyncio.to_thread(
            subprocess.run, command, env=environments[name], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    await job("migrate")
    deployment = Deployment(tmp_path, environments["engine"])
    await deployment.prepare()
    try:
        engine = await deployment.start(*commands["engine"])
        for name in WORKERS:
            deployment.environment = environments[name]
            await deployment.start(*commands[name])
        await job("promote")
        stub, rest = await deployment.stub(engine), await deployment.rest(engine)
        code = javascript("Code", "return [{sum: items.reduce((sum, one) => sum + one.n, 0)}]")
        definition = workflow("sums", [trigger(), code, sets("Set", by="us")], "Start -> Code", "Code -> Set")
        workflow_id = await create(stub, definition)
        by_grpc = await execute(stub, workflow_id, [{"n": 1}, {"n": 2}])
        assert await output(stub, by_grpc) == {"Set": [{"sum": 3, "by": "us"}]}
        begun = await rest.post(f"/api/v1/workflows/{workflow_id}:execute", json={"input": {"json": '[{"n": 4}]'}})
        assert begun.status_code == 200, begun.text
        by_rest = begun.json()["executionId"]
        assert await watched(stub, by_rest) < 0
        found = (await rest.get(f"/api/v1/executions/{by_rest}")).json()["execution"]
        assert (found["status"], json.loads(found["outputJson"])) == (
            "COMPLETED",
            {"Set": [{"sum": 4, "by": "us"}]},
        )
        healthy = await asyncio.to_thread(subprocess.run, _health_check(engine.url), capture_output=True)
        assert healthy.returncode == 0, healthy.stderr
        for process in deployment.processes:
            process.terminate()
        assert [await process.ended() for process in deployment.processes] == [0, 0, 0, 0]
        stopped = await asyncio.to_thread(subprocess.run, _health_check(engine.url), capture_output=True)
        assert stopped.returncode != 0
    finally:
        await deployment.stop()


def _orders(url: str) -> dict[str, Any]:
    charge = node(
        "Charge", "ACTION_NODE", "HTTP_REQUEST", {"method": "POST", "url": url, "body": "{{ $json }}", "timeout": "2m"}
    )
    total = transforms("Total", "aggregate", field="order", into="charged")
    return workflow("orders", [trigger("Orders"), charge, total], "Orders -> Charge", "Charge -> Total")


async def test_two_engines_and_two_workers_are_one(deployment: Deployment, shop: Shop) -> None:
    first, second, *workers = await asyncio.gather(
        deployment.start("serve"), deployment.start("serve"), deployment.start("worker"), deployment.start("worker")
    )
    here, there = await deployment.stub(first), await deployment.stub(second)
    workflow_id = await create(here, _orders(shop.url))

    async with grpc.aio.insecure_channel(first.address) as channel:
        signed_in = await auth_pb2_grpc.AuthServiceStub(channel).SignIn(
            auth_pb2.SignInRequest(email=EMAIL, password=PASSWORD)
        )
    by_token = await deployment.rest(second, signed_in.tokens.access_token)
    assert (await by_token.get(f"/api/v1/workflows/{workflow_id}")).status_code == 200

    shop.open.clear()
    runs = [await execute(here, workflow_id, {"order": i}, request_id=f"order {i}") for i in range(8)]
    assert await execute(there, workflow_id, {"order": 0}, request_id="order 0") == runs[0], "known to both"
    watching = [asyncio.create_task(watched(there, run)) for run in runs]
    await until(lambda: len(shop.asked) == len(runs))
    first.kill()
    workers[0].kill()
    shop.open.set()
    assert all(last < 0 for last in await asyncio.gather(*watching)), "each stream comes to its run's end"
    results = [await output(there, run) for run in runs]
    assert results == [{"Total": [{"charged": [i]}]} for i in range(8)]
    assert sorted(shop.charged.values()) == list(range(8)), "each is charged once"
    again = await deployment.start("serve")
    with pytest.raises(httpx.ConnectError):
        await (await deployment.rest(first)).get("/readyz")
    assert await output(await deployment.stub(again), runs[0]) == results[0]

"""Several workers under one process: what dies is started again, what is told to stop finishes, and nothing is left."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.cli.fleet import SMALL
from temporal.dev_server import free_port
from tests.deploy.processes import Deployment, Process, create, execute, output, until
from tests.deploy.shop import Shop
from tests.graphs import Json, node, transforms, trigger, workflow

# Many processes at once, for minutes.
pytestmark = pytest.mark.system

SIZE = 3


def _orders(url: str) -> Json:
    charge = node(
        "Charge", "ACTION_NODE", "HTTP_REQUEST", {"method": "POST", "url": url, "body": "{{ $json }}", "timeout": "2m"}
    )
    total = transforms("Total", "aggregate", field="order", into="charged")
    return workflow("orders", [trigger(), charge, total], "Start -> Charge", "Charge -> Total")


async def _fleet(deployment: Deployment, **environment: str) -> Process:
    fleet = await deployment.start("worker", "--processes", str(SIZE), **environment)
    await until(lambda: f'"processes": {SIZE}' in fleet.log.read_text(), lambda: fleet.log.read_text()[-3000:])
    return fleet


def _workers(fleet: Process) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(fleet.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # also of one that has ended, and that the parent hasn't looked at yet
            found += [child] if "worker" in child.cmdline() else []
    return found


def _gone(processes: list[psutil.Process]) -> Callable[[], bool]:
    return lambda: not any(process.is_running() and process.status() != "zombie" for process in processes)


async def test_a_process_that_is_killed_is_started_again(deployment: Deployment, shop: Shop) -> None:
    port = free_port()
    fleet = await _fleet(deployment, ORCHESTRATOR_METRICS_PORT=str(port), ORCHESTRATOR_MAX_ACTIVITIES="4")
    stub = await deployment.stub(await deployment.start("serve"))
    workflow_id = await create(stub, _orders(shop.url))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

        async def alive() -> str:
            return (await client.get("/healthz")).raise_for_status().text

        async def values(name: str) -> dict[str, float]:
            text = (await client.get("/metrics", timeout=30)).raise_for_status().text
            samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
            return {sample.labels.get("worker", ""): sample.value for sample in samples if sample.name == name}

        assert await alive() == "3 of 3 processes work\n"
        sizes = await values("orchestrator_database_pool_size")
        assert sizes == dict.fromkeys("012", float(SMALL["DATABASE_POOL_SIZE"]))
        assert (await values("temporal_worker_task_slots_available")).keys() == set("012"), "the SDK's own, too"
        assert await values("orchestrator_worker_processes") == {"": SIZE}

        shop.open.clear()
        runs = [await execute(stub, workflow_id, {"order": i}) for i in range(2 * SIZE)]
        await until(lambda: len(shop.asked) == len(runs))
        victim, *others = _workers(fleet)
        victim.kill()
        await until(lambda: len(_workers(fleet)) == SIZE and victim not in _workers(fleet))
        shop.open.set()
        assert [await output(stub, run) for run in runs] == [{"Total": [{"charged": [i]}]} for i in range(2 * SIZE)]
        assert sorted(shop.charged.values()) == list(range(2 * SIZE)), "each is charged once"
        async with asyncio.timeout(60):
            while True:
                if await alive() == "3 of 3 processes work\n":
                    break
                await asyncio.sleep(0.2)
        assert await values("orchestrator_worker_starts_total") == {"": SIZE + 1}
        assert set(others) < set(_workers(fleet)), "nobody else was disturbed"
    ended = [line for line in fleet.log.read_text().splitlines() if '"a process ended"' in line]
    assert len(ended) == 1
    assert '"exit_code": -9' in ended[0]


async def test_told_to_stop_all_finish_what_they_do(deployment: Deployment, shop: Shop) -> None:
    fleet = await _fleet(deployment)
    stub = await deployment.stub(await deployment.start("serve"))
    workflow_id = await create(stub, _orders(shop.url))
    shop.open.clear()
    runs = [await execute(stub, workflow_id, {"order": i}) for i in range(SIZE)]
    await until(lambda: len(shop.asked) == len(runs))
    workers = _workers(fleet)
    fleet.terminate()
    await until(lambda: fleet.log.read_text().count('"stopping"') == SIZE + 1)
    shop.open.set()
    assert await fleet.ended() == 0
    assert _gone(workers)()
    assert set(shop.asked.values()) == {1}, "no charge was cut off"
    await deployment.start("worker")
    assert [await output(stub, run) for run in runs] == [{"Total": [{"charged": [i]}]} for i in range(SIZE)]


async def test_nothing_outlives_the_parent(deployment: Deployment) -> None:
    fleet = await _fleet(deployment)
    workers = _workers(fleet)
    assert len(workers) == SIZE
    fleet.kill()
    await until(_gone(workers))


async def test_what_can_not_start_is_not_tried_for_ever(deployment: Deployment) -> None:
    deployment.environment["DATABASE_URL"] = f"postgresql://127.0.0.1:{free_port()}/nobody"
    process = deployment.spawn("worker", "--processes", str(SIZE))
    assert await process.ended() == 1
    assert "PostgreSQL can't be reached" in process.log.read_text()
    assert '"ready"' not in process.log.read_text()

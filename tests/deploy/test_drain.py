"""A rolling restart of all engines and workers while runs start: every run that was acknowledged completes once."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import grpc.aio
import httpx
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.deploy.processes import PATIENCE, Deployment, Process, create, execute, output, until, watched
from tests.deploy.shop import Shop
from tests.graphs import node, transforms, trigger, workflow

RUNS = 200
AT_ONCE = 8
# How clients of several servers are set up: one leaves out who says it isn't ready, the other tries again.
_HEALTH = {"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}
_POLICY = {"maxAttempts": 5, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2}
_RETRIES = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{"name": [{}], "retryPolicy": {**_POLICY, "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]}}],
}
# What tells a client to try the next engine.
_ELSEWHERE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def _orders(url: str) -> dict[str, Any]:
    charge = node(
        "Charge", "ACTION_NODE", "HTTP_REQUEST", {"method": "POST", "url": url, "body": "{{ $json }}", "timeout": "2m"}
    )
    total = transforms("Total", "aggregate", field="order", into="charged")
    return workflow("orders", [trigger("Orders"), charge, total], "Orders -> Charge", "Charge -> Total")


class Client:
    """As clients behind a balancer: calls the engines in turn, again with the same id where one didn't answer."""

    def __init__(self, stubs: Sequence[Any], workflow_id: str) -> None:
        self.stubs = list(stubs)
        self._workflow_id = workflow_id
        self.acknowledged: dict[int, str] = {}

    async def start(self, orders: Sequence[int]) -> None:
        """Starts a run for each."""
        for order in orders:
            deadline, turn = time.monotonic() + PATIENCE, order
            while order not in self.acknowledged:
                assert time.monotonic() < deadline
                stub, turn = self.stubs[turn % len(self.stubs)], turn + 1
                try:
                    given = {"order": order}
                    self.acknowledged[order] = await execute(stub, self._workflow_id, given, f"order {order}")
                except grpc.aio.AioRpcError as error:
                    if error.code() not in _ELSEWHERE:
                        raise


async def test_a_rolling_restart_loses_nothing(deployment: Deployment, shop: Shop) -> None:
    engines = [await deployment.start("serve") for _ in range(2)]
    workers = [await deployment.start("worker") for _ in range(2)]
    stubs = [await deployment.stub(engine) for engine in engines]
    client = Client(stubs, await create(stubs[0], _orders(shop.url)))
    starting = [asyncio.create_task(client.start(range(first, RUNS, AT_ONCE))) for first in range(AT_ONCE)]
    for i in range(2):
        await until(lambda part=i: len(client.acknowledged) >= RUNS * (1 + part) // 4)  # type: ignore[misc]
        replacement = await deployment.start("serve")
        client.stubs[i] = await deployment.stub(replacement)
        await _replaced(deployment, engines[i], workers[i])
    await asyncio.gather(*starting)
    last = client.stubs[0]
    results = {order: await output(last, run) for order, run in client.acknowledged.items()}
    assert results == {order: {"Total": [{"charged": [order]}]} for order in range(RUNS)}
    assert sorted(shop.charged.values()) == list(range(RUNS)), "each is charged once"
    assert [await process.ended() for process in (*engines, *workers)] == [0, 0, 0, 0]


async def _replaced(deployment: Deployment, engine: Process, worker: Process) -> None:
    await deployment.start("worker")
    engine.terminate()
    worker.terminate()


@pytest.mark.parametrize("retries", [False, True], ids=["health", "retries"])
async def test_a_client_of_both_notices_nothing(deployment: Deployment, shop: Shop, retries: bool) -> None:
    """Its calls go on without an error, by the health that the server tells or by trying again after GOAWAY."""
    stopping, staying = await deployment.start("serve"), await deployment.start("serve")
    await deployment.start("worker")
    there = await deployment.stub(staying)
    workflow_id = await create(there, _orders(shop.url))
    shop.open.clear()
    run = await execute(there, workflow_id, {"order": 0})
    await until(lambda: shop.asked[0] > 0)
    client = await deployment.stub_of([stopping, staying], _RETRIES if retries else _HEALTH)
    seen: list[int] = []
    started: list[str] = []
    stopped = asyncio.Event()

    async def watch() -> None:
        last = 0
        while last >= 0:
            try:
                last = await watched(client, run, last, seen)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or "watch again" not in str(error.details()):
                    raise
                last = seen[-1]

    async def call() -> None:
        while not stopped.is_set():
            started.append(await execute(client, workflow_id, {"order": 1 + len(started)}, f"call {len(started)}"))
            await asyncio.sleep(0.01)

    watching, calling = asyncio.create_task(watch()), asyncio.create_task(call())
    await until(lambda: bool(seen) and len(started) > 20)
    stopping.terminate()
    assert await stopping.ended() == 0
    before = len(started)
    await until(lambda: len(started) > before + 20 or calling.done())
    stopped.set()
    shop.open.set()
    await calling
    await watching
    assert seen == sorted(set(seen)), "each event once, in order"
    results = await asyncio.gather(*(output(there, one) for one in (run, *started)))
    assert results == [{"Total": [{"charged": [order]}]} for order in range(len(started) + 1)]
    assert sorted(shop.charged.values()) == list(range(len(started) + 1)), "each is charged once"


async def test_readiness_fails_before_the_ports_close(deployment: Deployment) -> None:
    server = await deployment.start("serve")
    stub, rest = await deployment.stub(server), await deployment.rest(server)
    health = HealthStub(await deployment.channel([server]))
    told: list[tuple[str, int]] = []

    async def states() -> None:
        async for state in health.Watch(HealthCheckRequest()):
            told.append(("health", state.status))

    watching = asyncio.create_task(states())
    await until(lambda: ("health", HealthCheckResponse.SERVING) in told)
    assert (await rest.get("/readyz")).status_code == 200
    server.terminate()
    await until(lambda: ("health", HealthCheckResponse.NOT_SERVING) in told)
    assert (await rest.get("/readyz")).status_code == 503, "the gateway still answers"
    assert (await rest.get("/healthz")).status_code == 200
    assert (await health.Check(HealthCheckRequest())).status == HealthCheckResponse.NOT_SERVING
    assert await create(stub, _orders("http://127.0.0.1:9/")), "and so does the API"
    assert await server.ended() == 0
    watching.cancel()
    with pytest.raises(httpx.ConnectError):
        await rest.get("/readyz")


async def test_a_node_that_is_cut_off_goes_on_where_it_was(deployment: Deployment, shop: Shop) -> None:
    engine = await deployment.start("serve")
    worker = await deployment.start("worker", ORCHESTRATOR_SHUTDOWN_SECONDS="1")
    stub = await deployment.stub(engine)
    shop.open.clear()
    shop.favoured = {0, 1, 2}
    run = await execute(stub, await create(stub, _orders(shop.url)), [{"order": order} for order in range(5)])
    await until(lambda: shop.asked[3] > 0)
    worker.terminate()
    assert await worker.ended() == 0
    await deployment.start("worker")
    shop.open.set()
    assert await output(stub, run) == {"Total": [{"charged": [0, 1, 2, 3, 4]}]}
    assert shop.asked == {0: 1, 1: 1, 2: 1, 3: 2, 4: 1}, "what was done isn't done again"
    assert sorted(shop.charged.values()) == [0, 1, 2, 3, 4], "and under the same key"


async def test_readiness_fails_first_and_streams_move(deployment: Deployment, shop: Shop) -> None:
    stopping, staying = await deployment.start("serve"), await deployment.start("serve")
    await deployment.start("worker")
    here, there = await deployment.stub(stopping), await deployment.stub(staying)
    shop.open.clear()
    run = await execute(here, await create(here, _orders(shop.url)), {"order": 1})
    await until(lambda: shop.asked[1] > 0)
    seen: list[int] = []

    async def watch() -> None:
        await watched(here, run, seen=seen)

    watching = asyncio.create_task(watch())
    await until(lambda: bool(seen))
    stopping.terminate()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.wait_for(watching, PATIENCE)
    assert (caught.value.code(), "watch again" in str(caught.value.details())) == (grpc.StatusCode.UNAVAILABLE, True)
    assert await stopping.ended() == 0
    shop.open.set()
    assert -await watched(there, run, seen[-1], seen=seen) == seen[-1], "the run's end"
    assert seen == sorted(set(seen)), "each event once, in order"

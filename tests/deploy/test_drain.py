"""A rolling restart of all engines and workers while runs start: every run that was acknowledged completes once."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import grpc.aio
import pytest

from tests.deploy.processes import PATIENCE, Deployment, Process, create, execute, output, until, watched
from tests.deploy.shop import Shop
from tests.graphs import node, transforms, trigger, workflow

RUNS = 200
AT_ONCE = 8
# What tells a client to try the next engine.
_ELSEWHERE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def _orders(url: str) -> dict[str, Any]:
    charge = node("Charge", "ACTION_NODE", "HTTP_REQUEST", {"method": "POST", "url": url, "body": "{{ $json }}"})
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

"""The example with a webhook does what its page says."""

import json
from pathlib import Path

import httpx

from tests.services.triggers.conftest import Gateway

EXAMPLE = Path(__file__).parents[3] / "examples/order_webhook.json"


async def test_a_large_order_waits_for_its_confirmation(gateway: Gateway) -> None:
    await gateway.on(json.loads(EXAMPLE.read_text(encoding="utf-8")))
    async with gateway.http() as http:
        small = await http.post("/webhook/orders", json={"total": 12}, headers={"X-Order-Id": "A-1"})
        large = await http.post("/webhook/orders", json={"total": 1200}, headers={"X-Order-Id": "A-2"})
        assert await gateway.output(small.json()["execution_id"]) == {"Book it": [{"order": "A-1", "booked": True}]}
        execution_id = large.json()["execution_id"]
        await gateway.waits(execution_id)
        (told,) = await gateway.node_outputs(execution_id, "Say where to confirm")
        confirmed = await http.post(httpx.URL(told["json"]["confirm_at"]).raw_path.decode())
    assert confirmed.status_code == 200
    assert await gateway.output(execution_id) == {"Book it": [{"order": "A-2", "booked": True}]}

"""Requests that a machine makes up from the description: nothing but typed errors may come of them."""

import asyncio
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.services.gateway.conftest import Gateway

# Each starts runs or waits for them, which the other tests do.
SLOW = {"WatchExecution", "TestNode"}
EXAMPLES = 8


async def test_made_up_requests_get_typed_answers(gateway: Gateway) -> None:
    described = (await gateway.client.get("/openapi.json")).json()
    schema = schemathesis.openapi.from_dict(described)
    failures = await asyncio.to_thread(_try_all, schema, gateway.url)
    assert not failures, failures[:5]


def _try_all(schema: Any, url: str) -> list[str]:
    failures: list[str] = []
    tried = 0
    with httpx.Client(base_url=url, timeout=60) as client:
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.definition.raw["operationId"] in SLOW:
                continue
            tried += 1
            _try(operation, client, failures)
    assert tried > 30
    return failures


def _try(operation: Any, client: httpx.Client, failures: list[str]) -> None:
    mode = st.sampled_from([schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=data.draw(mode)))
        sent = case.as_transport_kwargs(base_url=str(client.base_url))
        request = httpx.Request(sent["method"], sent["url"], params=sent.get("params"), json=sent.get("json"))
        answer = client.send(request)
        bad = answer.status_code >= 500 and answer.status_code != 501
        if bad or (answer.status_code >= 400 and not _typed(answer)):
            failures.append(f"{request.method} {request.url}: {answer.status_code} {answer.text[:300]}")

    attempt()


def _typed(answer: httpx.Response) -> bool:
    body = answer.json()
    return bool(body["code"] and body["message"] and body["reason"])

"""The description of the REST API: valid, complete, and true to what the server does."""

import re
from typing import Any

import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from services.gateway.contract import KNOWN, methods
from services.gateway.openapi import document
from services.gateway.rest_table import TABLE
from tests.services.gateway.conftest import Gateway

OPERATIONS = [(path, verb, told) for path, verbs in document(KNOWN)["paths"].items() for verb, told in verbs.items()]


def test_the_document_is_valid() -> None:
    OPENAPI_31_VALIDATOR.validate(document(KNOWN))


def test_every_reference_leads_somewhere() -> None:
    found = document(KNOWN)
    references = set(re.findall(r"'#/components/schemas/(\w+)'", str(found)))
    assert references <= set(found["components"]["schemas"])
    assert {"Workflow", "Error", "Problem", "ExecutionStatus"} <= references


def test_every_method_is_described() -> None:
    assert {told["operationId"] for _, _, told in OPERATIONS} == {method.name for method in methods(KNOWN)}
    assert len(OPERATIONS) == len(TABLE)


async def test_the_server_gives_the_document_and_its_page(gateway: Gateway) -> None:
    found = (await gateway.client.get("/openapi.json")).json()
    assert found["servers"] == [{"url": gateway.url}]
    page = await gateway.client.get("/docs")
    assert page.status_code == 200
    for verbs in found["paths"].values():
        for told in verbs.values():
            assert f'id="{told["operationId"]}"' in page.text
    assert not re.search(r'(src|href)="(https?:)?//', page.text)


@pytest.mark.parametrize(("path", "verb", "told"), [pytest.param(*row, id=row[2]["operationId"]) for row in OPERATIONS])
async def test_every_operation_is_there(gateway: Gateway, path: str, verb: str, told: dict[str, Any]) -> None:
    served = (await gateway.client.get("/openapi.json")).json()["paths"]
    assert told["tags"][0] in {one["tags"][0] for verbs in served.values() for one in verbs.values()}
    called = re.sub(r"{(\w+)}", lambda match: "1" if match[1] == "version" else "nope", path)
    body = {"json": {}} if "requestBody" in told else {}
    answer = await gateway.client.request(verb.upper(), called, timeout=60, **body)
    if answer.status_code != 200:
        assert answer.status_code in (400, 401, 403, 404, 429), answer.text
        assert answer.json()["reason"], answer.text
        assert answer.json()["message"]

"""`kill -9` of worker and server while webhooks, mails and events of a calendar come in: each has one run."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc.aio
import httpx
import psycopg
import pytest
from google.protobuf.json_format import ParseDict
from workflow_engine.v1 import activation_pb2, integration_pb2, workflow_service_pb2
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from services.store.engine import Database, connection_string
from services.store.keyring import read_keys
from tests.faults.processes import PATIENCE, SECRET_KEY, Processes
from tests.graphs import sets, trigger, workflow
from tests.nodes.mail.dovecot import running
from tests.services.triggers.test_calendar import Calendar, authorised_on, soon, watching
from tests.services.triggers.test_email import Mailbox

pytestmark = pytest.mark.system
BURST = 40
NAMES = {
    "Hook": lambda item: str(item["body"]["n"]),
    "Mail": lambda item: item["subject"],
    "Calendar": lambda item: item["id"],
}


class Api:
    """What the test asks of the server."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.workflows = WorkflowServiceStub(channel)
        self.integrations = IntegrationServiceStub(channel)

    async def credential(self, kind: str, fields: dict[str, Any]) -> str:
        """The id of a new credential that may be used on this machine."""
        request = integration_pb2.CreateIntegrationRequest(name=kind, type=kind, hosts=["127.0.0.1"])
        request.fields.update(fields)
        return str((await self.integrations.CreateIntegration(request)).integration.id)

    async def turn_on(self, definition: dict[str, Any]) -> None:
        """Stores a workflow and activates it."""
        created = await self.workflows.CreateWorkflow(
            ParseDict(definition, workflow_service_pb2.CreateWorkflowRequest())
        )
        await self.workflows.ActivateWorkflow(activation_pb2.ActivateWorkflowRequest(workflow_id=created.workflow.id))


class Runs:
    """The runs that the database has."""

    def __init__(self, url: str) -> None:
        self._url = connection_string(url)

    def read(self) -> list[tuple[str, str, str]]:
        """Trigger, event and status of each."""
        with psycopg.connect(self._url) as connection:
            rows = connection.execute("SELECT trigger, start, status FROM workflow_executions").fetchall()
        items = [json.loads(json.loads(start)["input"]["parts"][0]["text"])[0]["json"] for _, start, _ in rows]
        return [(name, NAMES[name](item), status) for (name, _, status), item in zip(rows, items, strict=True)]

    async def until(self, at_least: dict[str, int], status: str = "") -> Counter[tuple[str, str]]:
        """The events that have runs, once each trigger has so many."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await asyncio.to_thread(self.read)
                counts = Counter(name for name, _, now in found if not status or now == status)
                if counts >= Counter(at_least):
                    return Counter((name, event) for name, event, _ in found)
                await asyncio.sleep(0.05)


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    made = Calendar()
    made.start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with running() as server:
        yield Mailbox(server)


async def deliver(url: str, numbers: range) -> None:
    """Sends as senders of webhooks do: again until it is taken."""
    async with httpx.AsyncClient(timeout=10) as http:
        for number in numbers:
            while True:
                try:
                    answer = await http.post(url, json={"n": number}, headers={"x-id": str(number)})
                except httpx.TransportError:
                    answer = None
                if answer and answer.status_code == 202:
                    break
                assert answer is None or answer.status_code == 503, answer.text
                await asyncio.sleep(0.1)


async def test_kill_9_in_the_middle_of_deliveries(processes: Processes, calendar: Calendar, mailbox: Mailbox) -> None:
    hook = trigger("Hook", "WEBHOOK", parameters={"path": "orders", "dedupe_header": "X-Id"})
    runs = Runs(processes.database_url)
    address = f"127.0.0.1:{processes.grpc_port}"
    async with grpc.aio.insecure_channel(address, interceptors=processes.signing) as channel:
        await asyncio.wait_for(channel.channel_ready(), PATIENCE)
        api = Api(channel)
        await api.turn_on(workflow("hooks", [hook, sets("Seen", seen=True)], "Hook -> Seen"))
        await api.turn_on(await mailbox.definition(api))
        async with Database(processes.database_url, pool_size=1) as database:
            credential = await authorised_on(api, database, read_keys(SECRET_KEY))
        await api.turn_on(watching(calendar, credential))

    url = f"http://127.0.0.1:{processes.http_port}/webhook/orders"
    sending = [asyncio.create_task(deliver(url, range(first, 4 * BURST, 4))) for first in range(4)]
    mailbox.deliver(BURST)
    for number in range(BURST):
        calendar.put(f"event {number}", soon(0))
    await runs.until({"Hook": 3, "Mail": 3})
    await processes.kill("serve")
    await runs.until({"Calendar": 3})
    await processes.kill("worker")
    known = await asyncio.to_thread(runs.read)
    assert sum(name == "Mail" for name, *_ in known) < BURST or sum(name == "Calendar" for name, *_ in known) < BURST
    mailbox.deliver(3)
    calendar.put("while it was down", soon(1))
    await asyncio.gather(*sending)

    events = [f"event {number}" for number in range(BURST)] + ["while it was down"]
    expected = {
        "Hook": [str(number) for number in range(4 * BURST)],
        "Mail": mailbox.delivered,
        "Calendar": events,
    }
    found = await runs.until({name: len(ids) for name, ids in expected.items()}, "COMPLETED")
    assert found == Counter((name, id_) for name, ids in expected.items() for id_ in ids)

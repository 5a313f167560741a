"""`kill -9` of each process in the middle of a run: the run goes on, ends right, and no effect is done twice.

Orders ─ Split ─ Loop ┬ body ─ Charge (POST) ─ back
                      └ done ─ Total
"""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc.aio
import pytest
from google.protobuf.json_format import ParseDict
from workflow_engine.v1 import execution_pb2, workflow_pb2, workflow_service_pb2, workflow_service_pb2_grpc

from tests.faults.processes import PATIENCE, Processes, until, watch_to_the_end
from tests.graphs import flow, node, transforms, trigger, workflow

ORDERS = 12


class Shop:
    """A service that charges an order once for each idempotency key, however often it is asked."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.charged: dict[str, int] = {}
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["order"]
                key = self.headers["Idempotency-Key"]
                time.sleep(0.3)
                shop.requests[key] += 1
                shop.charged.setdefault(key, order)
                body = json.dumps({"order": order, "receipt": key}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where to charge."""
        return f"http://127.0.0.1:{self.server.server_port}/charge"


@pytest.fixture
def shop() -> Iterator[Shop]:
    opened = Shop()
    yield opened
    opened.server.shutdown()


def _definition(url: str) -> workflow_pb2.Workflow:
    charge = {"method": "POST", "url": url, "body": {"order": "{{ $json.order }}"}}
    nodes = [
        trigger("Orders"),
        transforms("Split", "split_out", field="orders"),
        flow("Loop", "LOOP", mode="items", batch_size=2),
        node("Charge", "ACTION_NODE", "HTTP_REQUEST", charge),
        transforms("Total", "aggregate", field="order", into="charged"),
    ]
    edges = ("Orders -> Split", "Split -> Loop", "Loop.body -> Charge", "Charge -> Loop", "Loop.done -> Total")
    return ParseDict(workflow("orders", nodes, *edges), workflow_pb2.Workflow())


@pytest.mark.parametrize("victim", ["worker", "serve", "temporal"])
async def test_kill_9_in_the_middle_of_a_run(processes: Processes, shop: Shop, victim: str) -> None:
    address = f"127.0.0.1:{processes.grpc_port}"
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
    async with grpc.aio.insecure_channel(address, options=options, interceptors=processes.signing) as channel:
        await asyncio.wait_for(channel.channel_ready(), PATIENCE)
        stub = workflow_service_pb2_grpc.WorkflowServiceStub(channel)
        definition = _definition(shop.url)
        create = workflow_service_pb2.CreateWorkflowRequest(name="orders", nodes=definition.nodes)
        create.connections.CopyFrom(definition.connections)
        created = await stub.CreateWorkflow(create)
        orders = json.dumps({"orders": [{"order": i} for i in range(ORDERS)]})
        started = await stub.ExecuteWorkflow(
            execution_pb2.ExecuteWorkflowRequest(
                workflow_id=created.workflow.id, input=execution_pb2.Items(json=orders), request_id="once"
            )
        )
        await until(lambda: len(shop.charged) >= 3)
        await processes.kill(victim)
        await watch_to_the_end(stub, started.execution_id)
        found = await stub.GetExecution(execution_pb2.GetExecutionRequest(execution_id=started.execution_id))
        again = await stub.ExecuteWorkflow(
            execution_pb2.ExecuteWorkflowRequest(workflow_id=created.workflow.id, request_id="once")
        )
    assert found.execution.status == execution_pb2.COMPLETED, found
    assert json.loads(found.execution.output_json) == {"Total": [{"charged": list(range(ORDERS))}]}
    assert sorted(shop.charged.values()) == list(range(ORDERS)), "each order has one key, and is charged once"
    repeated = sum(count - 1 for count in shop.requests.values())
    assert repeated <= (2 if victim == "worker" else 0), shop.requests
    assert again.execution_id == started.execution_id


async def test_a_node_killed_at_item_7_goes_on_at_item_7(processes: Processes, shop: Shop) -> None:
    """ORDERS → Charge: one node, one call an item; the worker dies during the seventh."""
    address = f"127.0.0.1:{processes.grpc_port}"
    async with grpc.aio.insecure_channel(address, interceptors=processes.signing) as channel:
        await asyncio.wait_for(channel.channel_ready(), PATIENCE)
        stub = workflow_service_pb2_grpc.WorkflowServiceStub(channel)
        charge = {"method": "POST", "url": shop.url, "body": {"order": "{{ $json.order }}"}}
        nodes = [trigger("Orders"), node("Charge", "ACTION_NODE", "HTTP_REQUEST", charge)]
        definition = ParseDict(workflow("charges", nodes, "Orders -> Charge"), workflow_pb2.Workflow())
        create = workflow_service_pb2.CreateWorkflowRequest(name="charges", nodes=definition.nodes)
        create.connections.CopyFrom(definition.connections)
        created = await stub.CreateWorkflow(create)
        orders = json.dumps([{"order": i} for i in range(10)])
        started = await stub.ExecuteWorkflow(
            execution_pb2.ExecuteWorkflowRequest(
                workflow_id=created.workflow.id, input=execution_pb2.Items(json=orders)
            )
        )
        await until(lambda: len(shop.requests) >= 7)
        await processes.kill("worker")
        await watch_to_the_end(stub, started.execution_id)
        found = await stub.GetExecution(execution_pb2.GetExecutionRequest(execution_id=started.execution_id))
    assert found.execution.status == execution_pb2.COMPLETED, found
    assert sorted(shop.charged.values()) == list(range(10))
    assert len(json.loads(found.execution.output_json)["Charge"]) == 10
    counts = list(shop.requests.values())
    assert counts[:6] == [1] * 6, "what was done isn't done again"
    assert sum(counts) <= 11, counts

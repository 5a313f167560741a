"""Clients that start runs, steer them and change their definitions, whatever becomes of the calls."""

import asyncio
import itertools
import json
import random

import grpc.aio
from google.protobuf.json_format import ParseDict
from workflow_engine.v1 import activation_pb2, execution_pb2, integration_pb2, workflow_pb2
from workflow_engine.v1 import workflow_service_pb2 as wire

from tests.faults.harness import workflows
from tests.faults.harness.calls import TIMEOUT, Calls
from tests.faults.harness.cluster import Cluster
from tests.faults.harness.steering import Steering
from tests.faults.harness.ticket import Ticket
from tests.faults.harness.workflows import Scenario
from tests.graphs import Json

_numbers = itertools.count(1)


class Load:
    """Several clients, each at work on one run after another."""

    def __init__(self, cluster: Cluster, seed: str) -> None:
        self.tickets: list[Ticket] = []
        # Those at which runs were cancelled.
        self.moments: list[str] = []
        self._cluster = cluster
        self._random = random.Random(seed)
        self._calls = Calls(cluster, self._random)
        self._steering = Steering(cluster, self._calls, self._random)
        self._seed = seed
        self._ids: dict[str, str] = {}
        self._scenarios: list[Scenario] = []
        self._stopping = asyncio.Event()
        self._clients: list[asyncio.Task[None]] = []

    @property
    def wrong(self) -> list[str]:
        """Answers that no client should ever get."""
        return self._calls.wrong

    async def prepare(self, shared: dict[str, str]) -> None:
        """Stores the workflows, once for a cluster: `shared` is where their ids are kept."""
        url = self._cluster.effects_url
        if not shared:
            shared["secret"] = await self._credential()
            shared["child"] = await self._create(workflows.child(url))
            shared["probe"] = await self._create(workflows.probe())
            shared["hook"] = await self._create(workflows.hook(url))
            activate = activation_pb2.ActivateWorkflowRequest(workflow_id=shared["hook"])
            await self._calls.workflows(lambda stub: stub.ActivateWorkflow(activate, timeout=TIMEOUT))
        self._ids = shared
        self._scenarios = workflows.scenarios(url, shared["child"], shared["secret"])
        for scenario in self._scenarios:
            if scenario.name not in shared:
                shared[scenario.name] = await self._create(scenario.definition)

    def start(self, clients: int) -> None:
        """Sets the clients to work."""
        self._clients = [asyncio.create_task(self._client()) for _ in range(clients)]

    async def stop(self) -> None:
        """Has each client finish what it does."""
        self._stopping.set()
        await asyncio.gather(*self._clients)

    async def every(self) -> None:
        """Runs each scenario once."""
        await asyncio.gather(self._deliver(), self._redefine(), *map(self._run, self._scenarios))

    async def cancel_at_every_step(self) -> None:
        """Runs the scenario of that name once for each of its moments, and cancels it then."""
        scenario = next(scenario for scenario in self._scenarios if scenario.steered == "cancel")
        await asyncio.gather(*(self._cancelled(scenario, moment) for moment in workflows.MOMENTS))

    async def _cancelled(self, scenario: Scenario, moment: str) -> None:
        ticket = self._ticket(scenario)
        await self._start(ticket, self._ids[scenario.name], scenario.input(ticket.tag))
        if await self._steering.cancel(ticket, moment):
            self.moments.append(moment)
        await self.outcome(ticket)

    async def probe(self, within: float) -> None:
        """Runs the trivial job to its end."""
        async with asyncio.timeout(within):
            ticket = Ticket(self._tag("probe"), "probe", ("COMPLETED",))
            self.tickets.append(ticket)
            await self._start(ticket, self._ids["probe"], [{}])
            await self.outcome(ticket)

    async def outcome(self, ticket: Ticket) -> None:
        """Waits for the end of an acknowledged run."""
        request = execution_pb2.GetExecutionRequest(execution_id=min(ticket.execution_ids))
        while True:
            found = await self._calls.workflows(lambda stub: stub.GetExecution(request, timeout=TIMEOUT))
            if found.execution.status not in (execution_pb2.RUNNING, execution_pb2.PAUSED):
                return
            await self._watch(request.execution_id, found.execution.last_sequence)

    async def _watch(self, execution_id: str, after: int) -> None:
        request = execution_pb2.WatchExecutionRequest(
            execution_id=execution_id, after_sequence=after, types=[execution_pb2.EXECUTION_FINISHED]
        )
        try:
            async for _ in self._random.choice(self._cluster.api.streams).WatchExecution(request, timeout=TIMEOUT):
                return
        except grpc.aio.AioRpcError as error:
            self._calls.judge(error)
            await asyncio.sleep(0.1)

    async def _client(self) -> None:
        while not self._stopping.is_set():
            kind = self._random.random()
            if kind < 0.12:
                await self._redefine()
            elif kind < 0.27:
                await self._deliver()
            else:
                await self._run(self._random.choice(self._scenarios))

    async def _run(self, scenario: Scenario) -> None:
        keys = list(self._cluster.keys)
        ticket = self._ticket(scenario)
        manner = self._random.random()
        items = scenario.input(ticket.tag)
        if manner < 0.1 and not scenario.steered:
            await self._start_once(ticket, self._ids[scenario.name], items)  # and never asks again
        elif manner < 0.3:
            await asyncio.gather(*(self._start(ticket, self._ids[scenario.name], items) for _ in range(2)))
        else:
            await self._start(ticket, self._ids[scenario.name], items)
        if not ticket.acknowledged:
            return
        if scenario.steered:
            await self._steering.steer(ticket, scenario.steered, keys)
        await self.outcome(ticket)
        if self._random.random() < 0.1:
            await self._start(ticket, self._ids[scenario.name], items)  # a late duplicate

    def _ticket(self, scenario: Scenario) -> Ticket:
        tag = self._tag(scenario.name)
        self.tickets.append(Ticket(tag, scenario.name, scenario.ends, scenario.expected(tag)))
        return self.tickets[-1]

    async def _redefine(self) -> None:
        url, tag = self._cluster.effects_url, self._tag("redefined")
        ticket = Ticket(tag, "redefined", ("COMPLETED",), [f"{tag}/Do/0"], marks=1)
        workflow_id = await self._create(workflows.redefined(url, 1), f"{tag}-id")
        self.tickets.append(ticket)
        await self._start(ticket, workflow_id, [{"tag": tag, "order": 0}])
        await asyncio.sleep(self._random.uniform(0, 1.5))
        if self._random.random() < 0.5:
            change = wire.UpdateWorkflowRequest(workflow_id=workflow_id, workflow=_read(workflows.redefined(url, 2)))
            await self._calls.workflows(lambda stub: stub.UpdateWorkflow(change, timeout=TIMEOUT))
        else:
            removal = wire.DeleteWorkflowRequest(workflow_id=workflow_id)
            await self._calls.workflows(lambda stub: stub.DeleteWorkflow(removal, timeout=TIMEOUT), "NOT_FOUND")
        await self.outcome(ticket)

    async def _deliver(self) -> None:
        tag = self._tag("hook")
        ticket = Ticket(tag, "hook", ("COMPLETED",), [f"{tag}/Do/0"])
        self.tickets.append(ticket)
        copies = self._random.choice((1, 2, 3))
        await asyncio.gather(*(self._post(ticket) for _ in range(copies)))
        await self.outcome(ticket)
        if self._random.random() < 0.3:
            await self._post(ticket)  # a late duplicate

    async def _post(self, ticket: Ticket) -> None:
        answer = await self._calls.post("/webhook/faults", {"tag": ticket.tag}, **{"X-Delivery": ticket.tag})
        ticket.execution_ids.add(answer["execution_id"])

    async def _start(self, ticket: Ticket, workflow_id: str, items: list[Json]) -> None:
        while True:
            if await self._start_once(ticket, workflow_id, items):
                return
            await asyncio.sleep(0.2)

    async def _start_once(self, ticket: Ticket, workflow_id: str, items: list[Json]) -> bool:
        request = execution_pb2.ExecuteWorkflowRequest(
            workflow_id=workflow_id, input=execution_pb2.Items(json=json.dumps(items)), request_id=ticket.tag
        )
        answer = await self._calls.once(lambda stub: stub.ExecuteWorkflow(request, timeout=TIMEOUT))
        if answer is None:
            return False
        ticket.execution_ids.add(answer.execution_id)
        return True

    async def _create(self, definition: Json, workflow_id: str = "") -> str:
        read = _read(definition)
        request = wire.CreateWorkflowRequest(name=read.name, nodes=read.nodes, id=workflow_id)
        request.connections.CopyFrom(read.connections)
        made = await self._calls.workflows(lambda stub: stub.CreateWorkflow(request, timeout=TIMEOUT), "ALREADY_EXISTS")
        if made is None:
            return workflow_id
        assert not made.problems, (definition["name"], made.problems)
        return str(made.workflow.id)

    async def _credential(self) -> str:
        request = integration_pb2.CreateIntegrationRequest(name="shop", type="http_basic", hosts=["127.0.0.1"])
        request.fields.update({"user": "shop", "password": self._cluster.canaries["credential"]})
        made = await self._cluster.api.integrations[0].CreateIntegration(request, timeout=TIMEOUT)
        return str(made.integration.id)

    def _tag(self, name: str) -> str:
        return f"{self._seed}-{name}-{next(_numbers)}"


def _read(definition: Json) -> workflow_pb2.Workflow:
    return ParseDict(definition, workflow_pb2.Workflow())

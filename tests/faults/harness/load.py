"""Clients that start runs, steer them and change their definitions, whatever becomes of the calls."""

import asyncio
import itertools
import json
import random
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.error import URLError

import grpc.aio
from google.protobuf.json_format import ParseDict
from workflow_engine.v1 import activation_pb2, execution_pb2, human_task_pb2, integration_pb2, workflow_pb2
from workflow_engine.v1 import workflow_service_pb2 as wire
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from tests.faults.harness import workflows
from tests.faults.harness.cluster import Cluster
from tests.faults.harness.ticket import Ticket
from tests.faults.harness.workflows import Scenario
from tests.graphs import Json

_CALL = 8.0
# What a client may take for "try again"; anything else is a fault of ours.
_PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
_numbers = itertools.count(1)


class Load:
    """Several clients, each at work on one run after another."""

    def __init__(self, cluster: Cluster, seed: str) -> None:
        self.tickets: list[Ticket] = []
        # Answers that no client should ever get.
        self.wrong: list[str] = []
        self._cluster = cluster
        self._random = random.Random(seed)
        self._seed = seed
        self._ids: dict[str, str] = {}
        self._scenarios: list[Scenario] = []
        self._stopping = asyncio.Event()
        self._clients: list[asyncio.Task[None]] = []

    async def prepare(self, shared: dict[str, str]) -> None:
        """Stores the workflows, once for a cluster: `shared` is where their ids are kept."""
        url = self._cluster.effects_url
        if not shared:
            shared["secret"] = await self._credential()
            shared["child"] = await self._create(workflows.child(url))
            shared["probe"] = await self._create(workflows.probe())
            shared["hook"] = await self._create(workflows.hook(url))
            activate = activation_pb2.ActivateWorkflowRequest(workflow_id=shared["hook"])
            await self._cluster.stubs[0].ActivateWorkflow(activate, timeout=_CALL)
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
        """Runs each scenario once, one after another, twice at a time so that both workers get their share."""
        for scenario in self._scenarios:
            await asyncio.gather(self._run(scenario), self._run(scenario))

    async def probe(self, within: float) -> None:
        """Runs the trivial job to its end."""
        async with asyncio.timeout(within):
            ticket = Ticket(self._tag("probe"), "probe", ("COMPLETED",))
            self.tickets.append(ticket)
            await self._start(ticket, self._ids["probe"], [{}])
            await self.outcome(ticket)

    async def outcome(self, ticket: Ticket) -> execution_pb2.Execution:
        """Waits for the end of an acknowledged run."""
        execution_id = min(ticket.execution_ids)
        while True:
            found = await self._persistently(
                lambda stub: stub.GetExecution(
                    execution_pb2.GetExecutionRequest(execution_id=execution_id), timeout=_CALL
                )
            )
            if found.execution.status not in (execution_pb2.RUNNING, execution_pb2.PAUSED):
                execution: execution_pb2.Execution = found.execution
                return execution
            await self._watch(execution_id, found.execution.last_sequence)

    async def _watch(self, execution_id: str, after: int) -> None:
        request = execution_pb2.WatchExecutionRequest(
            execution_id=execution_id, after_sequence=after, types=[execution_pb2.EXECUTION_FINISHED]
        )
        try:
            async for _ in self._stub().WatchExecution(request, timeout=_CALL):
                return
        except grpc.aio.AioRpcError as error:
            self._judge(error)
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
        tag = self._tag(scenario.name)
        ticket = Ticket(tag, scenario.name, scenario.ends, scenario.expected(tag), unkeyed=scenario.unkeyed)
        self.tickets.append(ticket)
        manner = self._random.random()
        items = scenario.input(tag)
        if manner < 0.1:
            await self._start_once(ticket, self._ids[scenario.name], items)  # and never asks again
        elif manner < 0.3:
            await asyncio.gather(*(self._start(ticket, self._ids[scenario.name], items) for _ in range(2)))
        else:
            await self._start(ticket, self._ids[scenario.name], items)
        if not ticket.acknowledged:
            return
        if scenario.steered == "answer":
            task_id = await self._task(min(ticket.execution_ids))
            await asyncio.gather(*(self._answer(ticket, task_id, decision) for decision in ("approved", "rejected")))
        elif scenario.steered:
            await self._steer(ticket, scenario.steered)
        await self.outcome(ticket)
        if self._random.random() < 0.1:
            await self._start(ticket, self._ids[scenario.name], items)  # a late duplicate

    async def _redefine(self) -> None:
        url, tag = self._cluster.effects_url, self._tag("redefined")
        ticket = Ticket(tag, "redefined", ("COMPLETED",), [f"{tag}/Do/0"], marks=1)
        workflow_id = await self._create(workflows.redefined(url, 1), f"{tag}-id")
        self.tickets.append(ticket)
        await self._start(ticket, workflow_id, [{"tag": tag, "order": 0}])
        await asyncio.sleep(self._random.uniform(0, 1.5))
        if self._random.random() < 0.5:
            change = wire.UpdateWorkflowRequest(workflow_id=workflow_id, workflow=_read(workflows.redefined(url, 2)))
            await self._persistently(lambda stub: stub.UpdateWorkflow(change, timeout=_CALL))
        else:
            removal = wire.DeleteWorkflowRequest(workflow_id=workflow_id)
            await self._persistently(lambda stub: stub.DeleteWorkflow(removal, timeout=_CALL), done="NOT_FOUND")
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
        while True:
            url = self._random.choice(self._cluster.webhooks) + "faults"
            body = json.dumps({"tag": ticket.tag}).encode()
            headers = {"Content-Type": "application/json", "X-Delivery": ticket.tag}
            request = urllib.request.Request(url, body, headers, method="POST")
            try:
                ticket.execution_ids.add(await asyncio.to_thread(_delivered, request))
            except (URLError, OSError, TimeoutError, ValueError) as error:
                status = getattr(error, "code", 503)
                if status not in (429, 502, 503, 504):
                    self.wrong.append(f"a delivery was answered with {status}")
                await asyncio.sleep(0.2)
            else:
                return

    async def _task(self, execution_id: str) -> str:
        """What the run asks, once it does."""
        request = human_task_pb2.ListHumanTasksRequest(execution_id=execution_id)
        while True:
            try:
                found = await self._random.choice(self._cluster.tasks).ListHumanTasks(request, timeout=_CALL)
                if found.tasks:
                    return str(found.tasks[0].task_id)
            except grpc.aio.AioRpcError as error:
                self._judge(error)
            await asyncio.sleep(0.2)

    async def _answer(self, ticket: Ticket, task_id: str, decision: str) -> None:
        """Answers, against another who answers otherwise; who is refused is told so."""
        request = human_task_pb2.AnswerHumanTaskRequest(task_id=task_id, decision=decision)
        while True:
            try:
                await self._random.choice(self._cluster.tasks).AnswerHumanTask(request, timeout=_CALL)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                    return
                self._judge(error)
                await asyncio.sleep(0.2)
            else:
                ticket.decisions.add(decision)
                return

    async def _steer(self, ticket: Ticket, how: str) -> None:
        execution_id = min(ticket.execution_ids)
        await asyncio.sleep(self._random.uniform(0, 2))
        if how == "cancel":
            cancel = execution_pb2.CancelExecutionRequest(execution_id=execution_id, reason="faults")
            calls: list[Callable[[WorkflowServiceStub], Awaitable[Any]]] = [
                lambda stub: stub.CancelExecution(cancel, timeout=_CALL)
            ]
        else:
            pause = execution_pb2.PauseExecutionRequest(execution_id=execution_id)
            resume = execution_pb2.ResumeExecutionRequest(execution_id=execution_id)
            calls = [
                lambda stub: stub.PauseExecution(pause, timeout=_CALL),
                lambda stub: stub.ResumeExecution(resume, timeout=_CALL),
            ]
        for call in calls:
            for _ in range(self._random.choice((1, 2))):
                answered = await self._persistently(call, done="FAILED_PRECONDITION")
                ticket.steps.append(how if answered is not None else f"{how}: too late")

    async def _start(self, ticket: Ticket, workflow_id: str, items: list[Json]) -> None:
        while True:
            if await self._start_once(ticket, workflow_id, items):
                return
            await asyncio.sleep(0.2)

    async def _start_once(self, ticket: Ticket, workflow_id: str, items: list[Json]) -> bool:
        request = execution_pb2.ExecuteWorkflowRequest(
            workflow_id=workflow_id, input=execution_pb2.Items(json=json.dumps(items)), request_id=ticket.tag
        )
        try:
            ticket.execution_ids.add((await self._stub().ExecuteWorkflow(request, timeout=_CALL)).execution_id)
        except grpc.aio.AioRpcError as error:
            self._judge(error)
            return False
        return True

    async def _create(self, definition: Json, workflow_id: str = "") -> str:
        read = _read(definition)
        request = wire.CreateWorkflowRequest(name=read.name, nodes=read.nodes, id=workflow_id)
        request.connections.CopyFrom(read.connections)
        made = await self._persistently(lambda stub: stub.CreateWorkflow(request, timeout=_CALL), done="ALREADY_EXISTS")
        if made is None:
            return workflow_id
        assert not made.problems, (definition["name"], made.problems)
        return str(made.workflow.id)

    async def _credential(self) -> str:
        request = integration_pb2.CreateIntegrationRequest(name="shop", type="http_basic", hosts=["127.0.0.1"])
        request.fields.update({"user": "shop", "password": self._cluster.canaries["credential"]})
        made = await self._cluster.integrations[0].CreateIntegration(request, timeout=_CALL)
        return str(made.integration.id)

    async def _persistently(self, call: Callable[[WorkflowServiceStub], Awaitable[Any]], done: str = "") -> Any:
        """Calls until it is answered; None if the answer is that there is nothing left to do."""
        while True:
            try:
                return await call(self._stub())
            except grpc.aio.AioRpcError as error:
                if error.code().name == done and "BEGINNING" not in str(error.details()) + str(
                    error.trailing_metadata()
                ):
                    return None
                if error.code().name != done:
                    self._judge(error)
                await asyncio.sleep(0.2)

    def _judge(self, error: grpc.aio.AioRpcError) -> None:
        if error.code() not in _PASSING:
            self.wrong.append(f"{error.code().name}: {error.details()}")

    def _stub(self) -> WorkflowServiceStub:
        return self._random.choice(self._cluster.stubs)

    def _tag(self, name: str) -> str:
        return f"{self._seed}-{name}-{next(_numbers)}"


def _read(definition: Json) -> workflow_pb2.Workflow:
    return ParseDict(definition, workflow_pb2.Workflow())


def _delivered(request: urllib.request.Request) -> str:
    with urllib.request.urlopen(request, timeout=_CALL) as answer:
        return str(json.load(answer)["execution_id"])

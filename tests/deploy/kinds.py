"""Runs of all kinds, each of which comes to a standstill until the shop is open, or somebody answers or calls.

deliver  Charge ─ Code (on a queue of its own) ─ Total                     what others call
direct   Charge ─ Code ─ Wait (a second) ─ Total
calls    Deliver (the run of another workflow, which comes to a standstill)
later    Charge ─ Deliver                                                  whose child begins when the shop is open
agent    Agent ~ Deliver                                                   which calls it as a tool
asks     Ask (a person) ─ Charge ─ Total
called   Wait (for a call) ─ Charge ─ Total
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from temporalio.client import Client
from workflow_engine.v1 import human_task_pb2 as tasks

from orchestrator.calls import IncomingCall
from temporal.client import Runs
from tests.agents.scripted import Reply, Request, ScriptedModel
from tests.deploy.processes import PATIENCE, create, execute, until
from tests.deploy.shop import Shop
from tests.graphs import Json, flow, javascript, node, sets, transforms, trigger, workflow
from tests.temporal.harness import items

if TYPE_CHECKING:
    from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceAsyncStub

KINDS = ("direct", "calls", "later", "agent", "asks", "called")
# Of these a run of another workflow is part, which begins before the shop is open, or after.
CHILD_BEFORE, CHILD_AFTER = ("calls", "agent"), ("later",)
CALLING = (*CHILD_BEFORE, *CHILD_AFTER)
CODE = javascript("Code", "return items.map(one => ({order: one.order}))")
TOTAL = transforms("Total", "aggregate", field="order", into="charged")


def reply(request: Request) -> Reply:
    """The model has an order delivered, and then says that it is."""
    messages = request["messages"]
    if any(message["role"] == "tool" for message in messages):
        return "delivered"
    said = next(str(message["content"]) for message in messages if message["role"] == "user")
    return [("Deliver", {"order": int("".join(filter(str.isdigit, said)))})]


def charge(shop: Shop) -> Json:
    """Has the shop charge an item's order."""
    parameters = {"method": "POST", "url": shop.url, "body": "{{ $json }}", "timeout": "2m"}
    return node("Charge", "ACTION_NODE", "HTTP_REQUEST", parameters)


def definitions(shop: Shop, model: ScriptedModel, deliver: str) -> dict[str, Json]:
    """The workflows by kind; `deliver` is the id of the one that others call."""
    calls = flow("Deliver", "SUBWORKFLOW", workflow_id=deliver)
    order = sets("Order", order="{{ $('Start').first().json.order }}")
    asked = {"model_name": "m", "base_url": model.url, "prompt": "order {{ $json.order }}"}
    agent = node("Agent", "AI_AGENT_NODE", "ROUTER_AGENT", asked)
    ask = node("Ask", "HUMAN_IN_THE_LOOP_NODE", "APP", {"message": "Ship {{ $json.order }}?"})
    call = flow("Wait", "WAIT", mode="webhook")
    nodes = {
        "direct": [charge(shop), CODE, flow("Wait", "WAIT", duration="1s"), TOTAL],
        "calls": [calls],
        "later": [charge(shop), calls],
        "agent": [agent],
        "asks": [ask, order, charge(shop), TOTAL],
        "called": [call, order, charge(shop), TOTAL],
    }
    made = {}
    for kind, steps in nodes.items():
        names = ["Start", *(step["name"] for step in steps)]
        edges = [f"{'Ask.approved' if a == 'Ask' else a} -> {b}" for a, b in pairwise(names)]
        tools = ["Deliver -ai_tool-> Agent"] if kind == "agent" else []
        made[kind] = workflow(kind, [trigger(), *steps, *([calls] if tools else [])], *edges, *tools)
    return made


@dataclass
class Kinds:
    """The workflows by kind, and the order of each run that was begun."""

    ids: Mapping[str, str]
    client: Client
    orders: dict[str, int] = field(default_factory=dict)

    @classmethod
    async def create(cls, stub: Any, client: Client, shop: Shop, model: ScriptedModel) -> "Kinds":
        """Keeps the workflows."""
        model.reply = reply
        edges = ("In -> Charge", "Charge -> Code", "Code -> Total")
        nodes = [trigger("In", "SUBWORKFLOW"), charge(shop), CODE, TOTAL]
        deliver = await create(stub, workflow("deliver", nodes, *edges))
        made = definitions(shop, model, deliver)
        return cls({kind: await create(stub, made[kind]) for kind in KINDS}, client)

    async def begin(self, stub: Any, shop: Shop) -> dict[str, str]:
        """A run of each kind, once it stands still; execution ids by kind."""
        runs = {}
        for order, kind in enumerate(KINDS, start=len(self.orders) + 1):
            runs[kind] = await execute(stub, self.ids[kind], {"order": order})
            self.orders[runs[kind]] = order
        for kind, run in runs.items():
            await self._standstill(kind, run, shop)
        return runs

    async def go_on(self, people: "HumanTaskServiceAsyncStub", runs: Mapping[str, str]) -> None:
        """Answers the run that asks, and calls the one that waits for it."""
        asked = await people.ListHumanTasks(tasks.ListHumanTasksRequest(execution_id=runs["asks"]))
        (task,) = asked.tasks
        await people.AnswerHumanTask(tasks.AnswerHumanTaskRequest(task_id=task.task_id, decision="approved"))
        await Runs(self.client).call(runs["called"], IncomingCall(items({})))

    def charged(self) -> list[int]:
        """What the shop must have charged: twice what is charged before it is delivered."""
        later = [order for order in self.orders.values() if KINDS[(order - 1) % len(KINDS)] in CHILD_AFTER]
        return sorted([*self.orders.values(), *later])

    def result(self, kind: str, run: str) -> Any:
        """What a run must come to."""
        order = self.orders[run]
        if kind == "agent":
            return {"Agent": [{"output": "delivered"}]}
        return {"Deliver" if kind in CALLING else "Total": [{"charged": [order]}]}

    async def _standstill(self, kind: str, run: str, shop: Shop) -> None:
        if kind not in ("asks", "called"):
            await until(lambda: shop.asked[self.orders[run]] > 0)
            return
        async with asyncio.timeout(PATIENCE):
            while True:
                if (await self.client.get_workflow_handle(run).query("progress"))["waiting"]:
                    return
                await asyncio.sleep(0.1)

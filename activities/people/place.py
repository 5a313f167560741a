"""Where a node that asks people stands: its executor, its credential, and the links that people get."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.calling import Calls
from activities.invoke import Call
from activities.ports import Asked, People, Question
from nodes.base import FreeParameters, Item, NodeExecutionContext
from nodes.human.node import HumanNode
from nodes.human.request import Links, PersonalLink, Request
from orchestrator import exact_json
from orchestrator.task_form import TaskOption, port_of


@dataclass
class Place:
    """A node of one run, as far as asking people needs it."""

    calls: Calls
    people: People
    execution_id: str
    mode: str
    now: datetime

    def call(self, node: str, run_index: int, items: Sequence[Item] = ()) -> Call:
        """A call of the node, of which no parameters are resolved."""
        scope = self.calls.scope(self.execution_id, self.mode, [list(items)], {}, [], run_index, self.now)
        return self.calls.make(node, [list(items)], scope, run_index, self.now, self.execution_id)

    def links(self, task_id: str) -> Links:
        """Makes links to a task."""

        async def link(recipient: str) -> PersonalLink | None:
            made = await self.people.link(task_id, recipient)
            return PersonalLink(made.url, made.code) if made else None

        return link


def channel(call: Call) -> HumanNode[Any]:
    """The executor of a node that asks people."""
    executor = call.executor
    assert isinstance(executor, HumanNode), f"{call.node.subtype} asks nobody"
    return executor


def free_context(call: Call, item: int) -> NodeExecutionContext[Any]:
    """A context for what needs no parameters."""
    return call.context(item, {}, FreeParameters(), {})


def request_of(question: Question) -> Request:
    """A question as people see it."""
    labels = question.labels or ("",) * len(question.options)
    options = tuple(
        TaskOption(name, label, port_of(name)) for name, label in zip(question.options, labels, strict=True)
    )
    return Request(
        question.id,
        question.title,
        question.message,
        options,
        question.fields,
        question.assignees,
        question.deadline,
    )


def delivery_of(asked: Asked) -> dict[str, Any]:
    """Where a task lies."""
    found: dict[str, Any] = exact_json.loads(asked.delivery) if asked.delivery else {}
    return found

"""What all nodes that ask people do; each channel says how it delivers, reminds and shows the end."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from nodes.base import NodeExecutionContext, NodeExecutor
from nodes.human.parameters import HumanParameters
from nodes.human.request import Links, Request
from orchestrator.commands import Ask
from orchestrator.model import NodeType
from orchestrator.plan import Effect, Ports
from orchestrator.task_form import APPROVED, REJECTED, TIMEOUT, port_of

P = TypeVar("P", bound=HumanParameters)
Delivery = dict[str, Any]


class HumanNode(NodeExecutor[P], Generic[P]):
    """Asks people about each item and waits for their answers, without holding a worker.

    A delivery is JSON that says where the task lies before people: it is all that a channel gets to know later.
    """

    type = NodeType.HUMAN_IN_THE_LOOP_NODE
    effect = Effect.CONTROL

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """One input; `approved`, `rejected` and `timeout`, and a port for each option that is like neither."""
        return Ports(self.effect, outputs=tuple(dict.fromkeys((APPROVED, REJECTED, TIMEOUT, *_own(parameters)))))

    def execute(self, context: NodeExecutionContext[P]) -> Ask:
        """Has the workflow ask."""
        return Ask(len(context.items))

    def assignees(self, parameters: P) -> list[str]:
        """Who may answer."""
        return parameters.assignees

    @abstractmethod
    async def deliver(self, context: NodeExecutionContext[P], request: Request, links: Links) -> Delivery:
        """Puts a task before people."""

    @abstractmethod
    async def tell(
        self, context: NodeExecutionContext[Any], request: Request, delivery: Delivery, links: Links
    ) -> Delivery:
        """Reminds people, or tells those who have it now; where it lies after that."""

    @abstractmethod
    async def close(
        self, context: NodeExecutionContext[Any], request: Request, delivery: Delivery, outcome: str
    ) -> None:
        """Shows how the task ended wherever it lies."""


def _own(parameters: Mapping[str, Any]) -> list[str]:
    options = parameters.get("options")
    found = []
    for option in options if isinstance(options, list) else ():
        name = option.get("name") if isinstance(option, dict) else option
        port = option.get("port") if isinstance(option, dict) else ""
        if isinstance(name, str) and name:
            found.append(port if isinstance(port, str) and port else port_of(name))
    return found

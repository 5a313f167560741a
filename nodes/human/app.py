"""Asks in the inbox of the web application, the API and the command line."""

from typing import Any

from nodes.base import NodeExecutionContext
from nodes.human.node import Delivery, HumanNode
from nodes.human.parameters import HumanParameters
from nodes.human.request import Links, Request


class AppParameters(HumanParameters):
    """Parameters of APP."""


class App(HumanNode[AppParameters]):
    """Asks people in the inbox; every other channel's tasks are there, too."""

    subtype = "APP"
    model = AppParameters

    async def deliver(self, context: NodeExecutionContext[AppParameters], request: Request, links: Links) -> Delivery:
        """It lies in the inbox as soon as it is recorded."""
        return {}

    async def tell(
        self, context: NodeExecutionContext[Any], request: Request, delivery: Delivery, links: Links
    ) -> Delivery:
        """The inbox shows the deadline and who may answer."""
        return delivery

    async def close(
        self, context: NodeExecutionContext[Any], request: Request, delivery: Delivery, outcome: str
    ) -> None:
        """The inbox shows it."""

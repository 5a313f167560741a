"""Channels in which a task is a message with buttons, which it loses once somebody has answered."""

from abc import abstractmethod
from typing import Any, Generic, TypeVar

from nodes.base import NodeExecutionContext
from nodes.credentials.credential import Credential
from nodes.http.egress import Egress
from nodes.human.node import Delivery, HumanNode, P
from nodes.human.request import Links, Request

A = TypeVar("A")
Message = dict[str, Any]


class MessagingNode(HumanNode[P], Generic[P, A]):
    """Posts a message in one place, or to each assignee, by the channel's API, an A.

    Its parameters have a `base_url`; a delivery keeps it with the place and the messages.
    """

    @abstractmethod
    def place(self, parameters: P) -> str:
        """Where to post; empty for each assignee."""

    @abstractmethod
    def api(self, http: Egress, credential: Credential, base_url: str) -> A:
        """The channel's API with a credential, at its usual place where `base_url` is empty."""

    @abstractmethod
    async def direct(self, api: A, request: Request) -> list[str]:
        """Where each of the assignees is reached; PermanentError if nobody is."""

    @abstractmethod
    async def post(self, api: A, place: str, request: Request) -> Message:
        """Posts the message; how `replace` finds it again."""

    @abstractmethod
    async def replace(self, api: A, message: Message, request: Request, outcome: str) -> None:
        """Puts the outcome into the buttons' place."""

    async def deliver(self, context: NodeExecutionContext[P], request: Request, links: Links) -> Delivery:
        """Posts the message."""
        given: Any = context.parameters
        delivery: Delivery = {"base_url": given.base_url, "channel": self.place(context.parameters), "messages": []}
        return await self.tell(context, request, delivery, links)

    async def tell(
        self, context: NodeExecutionContext[Any], request: Request, delivery: Delivery, links: Links
    ) -> Delivery:
        """Posts it in the place, or to each of those who have it now; older messages lose their buttons."""
        api = await self._api(context, delivery)
        places = [delivery["channel"]] if delivery.get("channel") else await self.direct(api, request)
        posted = [await self.post(api, place, request) for place in dict.fromkeys(places)]
        for message in delivery.get("messages", ()):
            await self.replace(api, message, request, "There is a newer message about this.")
        return {**delivery, "messages": posted}

    async def close(
        self, context: NodeExecutionContext[Any], request: Request, delivery: Delivery, outcome: str
    ) -> None:
        """Replaces the buttons by the outcome."""
        api = await self._api(context, delivery)
        for message in delivery.get("messages", ()):
            await self.replace(api, message, request, outcome)

    async def _api(self, context: NodeExecutionContext[Any], delivery: Delivery) -> A:
        credential = await context.credential()
        assert credential is not None, "the slot is required"
        return self.api(context.resources.http, credential, delivery.get("base_url", ""))

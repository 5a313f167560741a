"""Operations on reactions: add, remove."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from nodes.external_action.slack_api.client import SlackApi
from nodes.external_action.slack_api.messages import Channel, Timestamp
from nodes.external_action.vendor import Operation
from nodes.parameters import STRUCTURAL

Emoji = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(lambda name: name.strip(":"))]


class ReactionOperation(Operation[SlackApi]):
    """An operation on a reaction to a message."""

    channel: Channel = Field(description="The channel's id, such as C0123456789.")
    timestamp: Timestamp = Field(description="The message's `ts`.")
    name: Emoji = Field(description="The emoji's name, such as `thumbsup`.")

    async def ask(self, api: SlackApi, method: str, fine: str) -> dict[str, Any]:
        """Asks; that it is so already is fine."""
        what = f'the message {self.timestamp} of the channel "{self.channel}"'
        arguments = {"channel": self.channel, "timestamp": self.timestamp, "name": self.name}
        answer = await api.post(method, what, fine=frozenset({fine}), **arguments)
        return {**arguments, "changed": answer.get("error") != fine}


class AddReaction(ReactionOperation):
    """Reacts to a message; a reaction that is there already is no error."""

    operation: Annotated[Literal["add_reaction"], STRUCTURAL] = Field(description="React to a message.")

    async def perform(self, api: SlackApi) -> dict[str, Any]:
        """Adds it."""
        return await self.ask(api, "reactions.add", "already_reacted")


class RemoveReaction(ReactionOperation):
    """Takes a reaction back; one that isn't there is no error."""

    operation: Annotated[Literal["remove_reaction"], STRUCTURAL] = Field(description="Take a reaction back.")

    async def perform(self, api: SlackApi) -> dict[str, Any]:
        """Removes it."""
        return await self.ask(api, "reactions.remove", "no_reaction")

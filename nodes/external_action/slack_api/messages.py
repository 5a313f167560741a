"""Operations on messages: post, update, delete."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nodes.external_action.slack_api.client import SlackApi
from nodes.external_action.vendor import Operation
from nodes.parameters import STRUCTURAL, misuse

Channel = Annotated[str, Field(min_length=1, max_length=255)]
Timestamp = Annotated[str, Field(pattern=r"^\d+\.\d+$")]


class MessageOperation(Operation[SlackApi]):
    """An operation on one message."""

    channel: Channel = Field(description="The channel's id, such as C0123456789.")
    ts: Timestamp = Field(description="The message's `ts`, as Slack gave it when it was posted.")

    @property
    def what(self) -> str:
        """How messages name it."""
        return f'the message {self.ts} of the channel "{self.channel}"'


class Content(Operation[SlackApi]):
    """What a message says."""

    text: str | None = Field(
        default=None,
        max_length=40_000,
        description="The text, in Slack's markup; beside blocks, for notifications.",
    )
    blocks: list[dict[str, Any]] | None = Field(
        default=None, max_length=50, description="Blocks, as Slack's Block Kit has them."
    )
    attachments: list[dict[str, Any]] | None = Field(
        default=None, max_length=100, description="Attachments, the older form of blocks."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set & {"text", "blocks", "attachments"}:
            raise misuse('has neither "text" nor "blocks" nor "attachments"; a message needs one')
        return self

    def content(self) -> dict[str, Any]:
        """What was given of it."""
        return {"text": self.text, "blocks": self.blocks, "attachments": self.attachments}


class PostMessage(Content):
    """Posts a message, and emits its channel and `ts`, by which it can be updated or answered."""

    operation: Annotated[Literal["post_message"], STRUCTURAL] = Field(description="Post a message.")
    channel: Channel = Field(description="The channel's id or name, or a user's id for a direct message.")
    thread_ts: Timestamp | None = Field(default=None, description="The `ts` of the message to answer in its thread.")
    reply_broadcast: bool | None = Field(default=None, description="Show an answer in the channel, too.")
    username: str | None = Field(default=None, max_length=80, description="The name to post under.")
    icon_emoji: str | None = Field(default=None, description="The emoji to post under, such as `:robot_face:`.")
    icon_url: str | None = Field(default=None, description="The picture to post under.")
    link_names: bool | None = Field(default=None, description="Make links of @names and #channels.")
    mrkdwn: bool | None = Field(default=None, description="Whether the text is Slack's markup; by default it is.")
    unfurl_links: bool | None = Field(default=None, description="Show what links lead to.")
    unfurl_media: bool | None = Field(default=None, description="Show pictures and videos that links lead to.")

    async def perform(self, api: SlackApi) -> dict[str, Any]:
        """Posts it."""
        names = (
            "channel",
            "thread_ts",
            "reply_broadcast",
            "username",
            "icon_emoji",
            "icon_url",
            "link_names",
            "mrkdwn",
            "unfurl_links",
            "unfurl_media",
        )
        what = f'the channel "{self.channel}"'
        return await api.post("chat.postMessage", what, **self.content(), **self.given(*names))


class UpdateMessage(MessageOperation, Content):
    """Changes what a message says."""

    operation: Annotated[Literal["update_message"], STRUCTURAL] = Field(description="Change a message.")

    async def perform(self, api: SlackApi) -> dict[str, Any]:
        """Changes it."""
        return await api.post("chat.update", self.what, channel=self.channel, ts=self.ts, **self.content())


class DeleteMessage(MessageOperation):
    """Deletes a message."""

    operation: Annotated[Literal["delete_message"], STRUCTURAL] = Field(description="Delete a message.")

    async def perform(self, api: SlackApi) -> dict[str, Any]:
        """Deletes it."""
        answer = await api.post("chat.delete", self.what, channel=self.channel, ts=self.ts)
        return {"deleted": True, **answer}

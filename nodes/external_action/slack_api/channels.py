"""Operations on channels: list, history."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from nodes.external_action.api import taken
from nodes.external_action.slack_api.client import SlackApi
from nodes.external_action.slack_api.messages import Channel
from nodes.external_action.vendor import PagedOperation
from nodes.parameters import STRUCTURAL, misuse
from nodes.values import shown

_TIMESTAMP = re.compile(r"\d+(\.\d+)?")


def _as_timestamp(text: str) -> str:
    if _TIMESTAMP.fullmatch(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise misuse(f'is {shown(text)}; expected a message\'s `ts`, or a time such as "2026-11-24T15:00:00+01:00"')
    return f"{moment.timestamp():.6f}"


Kind = Literal["public_channel", "private_channel", "mpim", "im"]
When = Annotated[str, AfterValidator(_as_timestamp)]


class ListChannels(PagedOperation[SlackApi]):
    """Emits the channels of the workspace that the token sees."""

    operation: Annotated[Literal["list_channels"], STRUCTURAL] = Field(description="Emit channels.")
    types: list[Kind] = Field(default=["public_channel"], min_length=1, description="Which kinds of channels.")
    exclude_archived: bool = Field(default=True, description="Leave archived ones out.")
    team_id: str | None = Field(default=None, description="The workspace, if the token is for several.")

    async def perform(self, api: SlackApi) -> list[dict[str, Any]]:
        """Gets as many pages as it takes."""
        arguments = {
            "types": ",".join(dict.fromkeys(self.types)),
            "exclude_archived": self.exclude_archived,
            "team_id": self.team_id,
        }
        pages = api.pages("conversations.list", "channels", arguments, "the channels", self.most)
        return await taken(pages, self.most)


class ChannelHistory(PagedOperation[SlackApi]):
    """Emits the messages of a channel, the latest first."""

    operation: Annotated[Literal["channel_history"], STRUCTURAL] = Field(description="Emit a channel's messages.")
    channel: Channel = Field(description="The channel's id, such as C0123456789.")
    oldest: When | None = Field(default=None, description="Only messages after this `ts` or time.")
    latest: When | None = Field(default=None, description="Only messages before this `ts` or time.")
    inclusive: bool = Field(default=False, description="Also the messages at `oldest` and `latest` themselves.")

    async def perform(self, api: SlackApi) -> list[dict[str, Any]]:
        """Gets as many pages as it takes."""
        arguments = {
            "channel": self.channel,
            "oldest": self.oldest,
            "latest": self.latest,
            "inclusive": self.inclusive or None,
        }
        what = f'the channel "{self.channel}"'
        return await taken(api.pages("conversations.history", "messages", arguments, what, self.most), self.most)

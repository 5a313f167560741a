"""Starts a run for each message in a chat; what its last node says is the reply."""

from typing import Annotated

from pydantic import Field

from nodes.parameters import STRUCTURAL, Duration, Parameters
from nodes.trigger.address import PATH, TriggerPath
from nodes.trigger.manual import Trigger


class ChatParameters(Parameters):
    """Parameters of CHAT."""

    path: TriggerPath = Field(default="", description=PATH)
    title: Annotated[str, STRUCTURAL] = Field(default="Chat", max_length=200, description="The page's heading.")
    welcome_message: Annotated[str, STRUCTURAL] = Field(
        default="", max_length=4000, description="What the page says before anybody has written."
    )
    public: Annotated[bool, STRUCTURAL] = Field(
        default=False, description="Whether anybody may chat, or only who is signed in to the workspace."
    )
    timeout: Annotated[Duration, STRUCTURAL] = Field(
        default=120.0, description="How long the API waits for a reply before it answers 202."
    )


class Chat(Trigger[ChatParameters]):
    """Emits `{session_id, message}`: give MEMORY nodes `{{ $json.session_id }}` to have them remember the chat."""

    subtype = "CHAT"
    model = ChatParameters

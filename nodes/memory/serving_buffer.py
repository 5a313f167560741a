"""A conversation's last turns as an agent's memory."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from nodes import equipment
from nodes.base import NodeExecutionContext
from nodes.memory.operation import Key, json_text
from nodes.memory.request import Caller
from nodes.memory.request import Message as Stored
from nodes.memory.serving import Serving, caller_of, served, speaker
from nodes.models.chat import Message
from nodes.parameters import STRUCTURAL
from nodes.values import as_text

KEPT = 1000
MOST_MESSAGES = 10_000
CHARACTERS_PER_TOKEN = 4


class ServeBuffer(Serving):
    """Serves an agent over `ai_memory`: it recalls the session's last messages, and appends each exchange."""

    operation: Annotated[Literal["serve"], STRUCTURAL] = Field(
        default="serve", description="Serve an agent; needn't be written."
    )
    session_key: Key | None = Field(
        default=None, description="Which conversation it is; the agent's session by default."
    )
    max_messages: int = Field(default=20, ge=1, le=MOST_MESSAGES, description="The most messages that are recalled.")
    max_tokens: int | None = Field(default=None, ge=1, description="The most tokens that they may have together.")


class BufferMemory(equipment.Memory):
    """Recalls what was said last."""

    async def recall(self, context: NodeExecutionContext[Any], session: str, prompt: str) -> Sequence[Message]:
        """The last messages, the oldest first."""
        given = served(context, ServeBuffer)
        found = await context.resources.memory.buffers.read(
            Caller.of(context), given.session_key or session, given.max_messages, given.max_tokens
        )
        said = ((speaker(one["role"]), as_text(one["content"])) for one in found["messages"])
        return [Message(role, text) for role, text in said if role is not None and text]

    async def remember(
        self, context: NodeExecutionContext[Any], session: str, said: Sequence[Message], key: str
    ) -> None:
        """Appends the messages."""
        given = served(context, ServeBuffer)
        messages = [
            Stored(one.role, json_text(one.text, "message"), -(-len(one.text) // CHARACTERS_PER_TOKEN)) for one in said
        ]
        await context.resources.memory.buffers.append(
            caller_of(context, key), given.session_key or session, messages, max(KEPT, given.max_messages), None
        )

"""Keeps the last messages of conversations, each by its session."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, RootModel, model_validator

from nodes.base import NodeExecutionContext, Parameters
from nodes.memory.operation import Key, MemoryNode, MemoryOperation, json_text
from nodes.memory.request import Caller, Json, Message
from nodes.memory.serving_buffer import BufferMemory, ServeBuffer
from nodes.memory.store import Memory
from nodes.parameters import STRUCTURAL, absent, misuse

MOST_MESSAGES = 10_000
KEPT = 1000
MOST_APPENDED = 1000
CHARACTERS_PER_TOKEN = 4

Session = Annotated[Key, Field(description="Which conversation it is.")]
Role = Annotated[str, Field(min_length=1, max_length=64)]


def _content(given: Any) -> Any:
    if given is None:
        raise misuse("is null; give the message's text, or any other JSON value")
    return given


Content = Annotated[Any, BeforeValidator(_content)]


class BufferMessage(Parameters):
    """A message."""

    role: Role = Field(default="user", description="Who says it: user, assistant, system, tool.")
    content: Content = Field(description="What is said: text, or any JSON value.")
    tokens: int | None = Field(
        default=None, ge=0, le=10_000_000, description="How many tokens it has; by default a quarter of its characters."
    )

    def stored(self, name: str) -> Message:
        """The message as it is kept."""
        text = json_text(self.content, name)
        said = self.content if isinstance(self.content, str) else text
        guessed = -(-len(said) // CHARACTERS_PER_TOKEN)
        return Message(self.role, text, guessed if self.tokens is None else self.tokens)


class Append(MemoryOperation):
    """Adds a message, or several, at the end; a retried node adds them once. Emits the `count` of what is kept."""

    operation: Annotated[Literal["append"], STRUCTURAL] = Field(description="Add messages.")
    session_key: Session
    role: Role = Field(default="user", description="Who says it: user, assistant, system, tool.")
    content: Any = Field(default=None, description="What is said: text, or any JSON value.")
    tokens: int | None = Field(
        default=None, ge=0, le=10_000_000, description="How many tokens it has; by default a quarter of its characters."
    )
    messages: list[BufferMessage] | None = Field(
        default=None, min_length=1, max_length=MOST_APPENDED, description="Several messages, instead of one `content`."
    )
    max_messages: int = Field(
        default=KEPT, ge=1, le=MOST_MESSAGES, description="How many messages are kept; the oldest are dropped."
    )
    max_tokens: int | None = Field(
        default=None, ge=1, description="How many tokens are kept; the newest message is kept in any case."
    )

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if self.content is None and self.messages is None:
            raise absent("content", 'give a message, or several as "messages"')
        if self.content is not None and self.messages is not None:
            raise misuse('has both "content" and "messages"; one of them says what to add')
        return self

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """How many messages there are now."""
        if self.messages is None:
            one = BufferMessage(role=self.role, content=self.content, tokens=self.tokens)
            messages = [one.stored("content")]
        else:
            messages = [one.stored(f"messages[{index}].content") for index, one in enumerate(self.messages)]
        return await memory.buffers.append(caller, self.session_key, messages, self.max_messages, self.max_tokens)


class Read(MemoryOperation):
    """Reads the last messages, the oldest first: `messages [{role, content, at}]`, their `count` and `tokens`."""

    operation: Annotated[Literal["read"], STRUCTURAL] = Field(description="Read the last messages.")
    session_key: Session
    max_messages: int = Field(default=KEPT, ge=1, le=MOST_MESSAGES, description="The most messages.")
    max_tokens: int | None = Field(default=None, ge=1, description="The most tokens that they may have together.")

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """The messages."""
        return await memory.buffers.read(caller, self.session_key, self.max_messages, self.max_tokens)


class Clear(MemoryOperation):
    """Forgets a conversation: `cleared` says how many messages it had."""

    operation: Annotated[Literal["clear"], STRUCTURAL] = Field(description="Forget the conversation.")
    session_key: Session

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """How many messages there were."""
        return await memory.buffers.clear(caller, self.session_key)


class BufferParameters(RootModel[Append | Read | Clear | ServeBuffer]):
    """Parameters of BUFFER: those of one operation."""


class Buffer(MemoryNode, BufferMemory):
    """Adds to a conversation, or reads it."""

    subtype = "BUFFER"
    model = BufferParameters

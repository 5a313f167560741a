"""What a chat model is asked and what it answers, whichever provider it is of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class ToolCall:
    """What the model wants done; `arguments` is JSON text as the model wrote it, which may be invalid."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Picture:
    """An image, for models that see."""

    content_type: str
    data: bytes


@dataclass(frozen=True)
class Message:
    """One turn: an assistant's may have `calls`, a user's `pictures`; a tool's answers the call `call_id`.

    `native` is an assistant's turn as its provider wrote it, where the provider wants it back so (reasoning that
    belongs to tool calls): JSON texts of its blocks. To leave it out is allowed, and loses the reasoning.
    """

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    pictures: tuple[Picture, ...] = ()
    native: tuple[str, ...] = ()


@dataclass(frozen=True)
class ToolSpec:
    """A tool that is offered to the model; `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Usage:
    """What an answer took; `input_tokens` includes `cached_tokens`. `cost_usd` is 0 for a model without a price."""

    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True)
class Answer:
    """The model's turn, and why it ended there."""

    message: Message
    usage: Usage
    stop: Literal["end", "tools", "length", "refusal"]


@dataclass(frozen=True)
class ChatRequest:
    """The conversation so far, and what may come of it; with `schema` the answer is JSON of that schema."""

    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    schema: dict[str, Any] | None = None
    temperature: float | None = None
    max_tokens: int | None = None


class ChatModel(Protocol):
    """A model that can be asked."""

    async def answer(self, request: ChatRequest, on_text: Callable[[str], None]) -> Answer:
        """The model's next turn; `on_text` gets each piece of its text as it arrives. NodeError if there is none."""
        ...

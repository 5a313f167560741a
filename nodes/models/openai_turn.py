"""Puts the pieces of a streamed Chat Completion together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from nodes.models.chat import Answer, ChatRequest, Message, ToolCall, Usage
from nodes.models.connection import Connection
from nodes.models.failure import broken
from nodes.models.prices import cost
from nodes.models.structured import Form
from nodes.models.tokens import estimate, estimate_text

if TYPE_CHECKING:
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall


@dataclass
class _Call:
    index: int | None
    id: str
    name: str = ""
    arguments: str = ""


@dataclass
class Turn:
    """A model's turn while it arrives; `on_text` gets the pieces, `on_whole` a text that is shown only as a whole.

    Compatible servers leave out much of what the SDK's types promise.
    """

    on_text: Callable[[str], None]
    on_whole: Callable[[str], None]
    has_begun: bool = False
    _text: list[str] = field(default_factory=list)
    _refused: list[str] = field(default_factory=list)
    _calls: list[_Call] = field(default_factory=list)
    _finish: str = ""
    _model: str = ""
    _usage: CompletionUsage | None = None

    def take(self, chunk: ChatCompletionChunk) -> None:
        """Adds a piece."""
        self.has_begun = True
        self._model = chunk.model or self._model
        self._usage = chunk.usage or self._usage
        for choice in (chunk.choices or [])[:1]:
            self._finish = choice.finish_reason or self._finish
            delta = choice.delta
            if not delta:
                continue
            if delta.content:
                self._text.append(delta.content)
                self.on_text(delta.content)
            if delta.refusal:
                self._refused.append(delta.refusal)
            for call in delta.tool_calls or []:
                self._take_call(call)

    def _take_call(self, delta: ChoiceDeltaToolCall) -> None:
        found = self._known(delta)
        if found is None:
            found = _Call(delta.index, delta.id or "")
            self._calls.append(found)
        if delta.function is not None:
            found.name += delta.function.name or "" if not found.name else ""
            found.arguments += delta.function.arguments or ""

    def _known(self, delta: ChoiceDeltaToolCall) -> _Call | None:
        """The call that a piece continues: some servers give each the index 0, or none, and tell them apart by id."""
        for call in reversed(self._calls):
            if delta.id and call.id:
                if call.id == delta.id:
                    return call
            elif delta.index is None or call.index == delta.index:
                return call
        return None

    def check_end(self, connection: Connection) -> None:
        """RetryableError if the pieces ended before the turn did."""
        if not self._finish:
            raise broken(connection, "the stream ended without saying why")

    def answer(self, connection: Connection, request: ChatRequest, form: Form | None) -> Answer:
        """The whole turn."""
        text, refused = "".join(self._text), "".join(self._refused)
        if form is not None and not refused and not self._calls:
            shown = form.read(text)
            if form.is_wrapped:
                self.on_whole(shown)
            text = shown
        count = len(request.messages)
        calls = tuple(
            ToolCall(call.id or f"call_{count}_{position}", call.name, call.arguments or "{}")
            for position, call in enumerate(self._calls)
        )
        message = Message("assistant", text or refused, calls)
        return Answer(message, self._counted(connection, request, message), self._stop(bool(refused)))

    def _stop(self, is_refused: bool) -> Literal["end", "tools", "length", "refusal"]:
        if is_refused or self._finish == "content_filter":
            return "refusal"
        if self._finish == "length":
            return "length"
        return "tools" if self._calls else "end"

    def _counted(self, connection: Connection, request: ChatRequest, message: Message) -> Usage:
        counted = self._usage
        if counted is None:
            # Limits on tokens and cost hold where a server counts nothing, too.
            written = estimate_text(message.text) + sum(estimate_text(call.arguments) for call in message.calls)
            given, cached = estimate(request.messages), 0
        else:
            details = counted.prompt_tokens_details
            given, written = counted.prompt_tokens or 0, counted.completion_tokens or 0
            cached = (details.cached_tokens or 0) if details is not None else 0
        name = self._model or connection.model
        price = cost(connection.provider, connection.model, given, written, cached)
        return Usage(connection.provider, name, given, written, cached, price)

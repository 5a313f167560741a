"""Puts the events of a streamed message of Anthropic's API together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nodes.models.chat import Answer, Message, ToolCall, Usage
from nodes.models.connection import Connection
from nodes.models.failure import broken
from nodes.models.prices import cost
from nodes.models.structured import Form

if TYPE_CHECKING:
    from anthropic.types import RawContentBlockDeltaEvent, RawMessageStreamEvent

# What of a block may be sent back.
_FIELDS = {
    "text": ("type", "text"),
    "tool_use": ("type", "id", "name", "input"),
    "thinking": ("type", "thinking", "signature"),
    "redacted_thinking": ("type", "data"),
}
_REASONING = ("thinking", "redacted_thinking")


@dataclass
class _Counted:
    input: int = 0
    output: int = 0
    cached: int = 0
    written_to_cache: int = 0

    def take(self, usage: Any) -> None:
        """The counts are of all so far; those that are absent stay."""
        for name, key in (
            ("input", "input_tokens"),
            ("output", "output_tokens"),
            ("cached", "cache_read_input_tokens"),
            ("written_to_cache", "cache_creation_input_tokens"),
        ):
            value = getattr(usage, key, None)
            if value is not None:
                setattr(self, name, value)


@dataclass
class Turn:
    """A model's turn while it arrives; `on_text` gets the pieces, `on_whole` a text that is shown only as a whole."""

    on_text: Callable[[str], None]
    on_whole: Callable[[str], None]
    has_begun: bool = False
    _blocks: dict[int, dict[str, Any]] = field(default_factory=dict)
    _arguments: dict[int, str] = field(default_factory=dict)
    _model: str = ""
    _stop: str = ""
    _ended: bool = False
    _counted: _Counted = field(default_factory=_Counted)

    def take(self, event: RawMessageStreamEvent) -> None:
        """Adds an event; those of kinds that came later than this are passed over."""
        self.has_begun = True
        if event.type == "message_start":
            self._model = event.message.model or ""
            self._counted.take(event.message.usage)
        elif event.type == "content_block_start":
            block = event.content_block.model_dump(mode="json", exclude_none=True)
            self._blocks[event.index] = block
            if block.get("text"):
                self.on_text(block["text"])
        elif event.type == "content_block_delta":
            self._extend(event)
        elif event.type == "message_delta":
            self._stop = event.delta.stop_reason or self._stop
            self._counted.take(event.usage)
        elif event.type == "message_stop":
            self._ended = True

    def _extend(self, event: RawContentBlockDeltaEvent) -> None:
        block, delta = self._blocks.setdefault(event.index, {"type": "text", "text": ""}), event.delta
        if delta.type == "text_delta":
            block["text"] = block.get("text", "") + delta.text
            self.on_text(delta.text)
        elif delta.type == "input_json_delta":
            self._arguments[event.index] = self._arguments.get(event.index, "") + delta.partial_json
        elif delta.type == "thinking_delta":
            block["thinking"] = block.get("thinking", "") + delta.thinking
        elif delta.type == "signature_delta":
            block["signature"] = block.get("signature", "") + delta.signature

    def check_end(self, connection: Connection) -> None:
        """RetryableError if the events ended before the turn did."""
        if not self._ended or not self._stop:
            raise broken(connection, "the stream ended without saying why")

    def answer(self, connection: Connection, form: Form | None) -> Answer:
        """The whole turn."""
        text = "".join(block.get("text", "") for block in self._blocks.values() if block.get("type") == "text")
        calls = tuple(
            ToolCall(block.get("id", f"call_{index}"), block.get("name", ""), self._written(index))
            for index, block in sorted(self._blocks.items())
            if block.get("type") == "tool_use"
        )
        stop = self._reason(bool(calls))
        if form is not None and stop in ("end", "length") and not calls:
            shown = form.read(text)
            if form.is_wrapped:
                self.on_whole(shown)
            text = shown
        return Answer(Message("assistant", text, calls, native=self._native()), self._usage(connection), stop)

    def _written(self, index: int) -> str:
        return self._arguments.get(index) or json.dumps(self._blocks[index].get("input") or {}, ensure_ascii=False)

    def _native(self) -> tuple[str, ...]:
        """All blocks as they came, where reasoning is among them: it must come back with the tool calls it led to."""
        if not any(block.get("type") in _REASONING for block in self._blocks.values()):
            return ()
        found = []
        for index, block in sorted(self._blocks.items()):
            kept = {key: block[key] for key in _FIELDS.get(block.get("type", ""), ()) if key in block}
            if kept.get("type") == "tool_use":
                kept["input"] = _object(self._written(index))
            if kept and (kept["type"] != "text" or kept["text"].strip()):
                found.append(json.dumps(kept, ensure_ascii=False))
        return tuple(found)

    def _reason(self, has_calls: bool) -> Literal["end", "tools", "length", "refusal"]:
        if self._stop == "refusal":
            return "refusal"
        if self._stop in ("max_tokens", "model_context_window_exceeded"):
            return "length"
        return "tools" if has_calls else "end"

    def _usage(self, connection: Connection) -> Usage:
        counted = self._counted
        given = counted.input + counted.cached + counted.written_to_cache
        price = cost(connection.provider, connection.model, given, counted.output, counted.cached)
        return Usage(connection.provider, self._model or connection.model, given, counted.output, counted.cached, price)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"invalid_arguments": text}

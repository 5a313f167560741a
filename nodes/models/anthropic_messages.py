"""Models that speak Anthropic's Messages API."""

import asyncio
import importlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from nodes.errors import PermanentError
from nodes.models.anthropic_history import conversation, instructions
from nodes.models.anthropic_turn import Turn
from nodes.models.chat import Answer, ChatRequest, ToolSpec
from nodes.models.connection import Connection
from nodes.models.streaming import drain, nowhere
from nodes.models.structured import Form, is_closed, single_typed

if TYPE_CHECKING:
    import httpx2
    from anthropic import AsyncAnthropic

# The API wants a limit; this one fits every model.
DEFAULT_MAX_TOKENS = 4096


class AnthropicMessages:
    """A model behind `POST …/v1/messages`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def answer(self, request: ChatRequest, on_text: Callable[[str], None]) -> Answer:
        """The model's next turn."""
        # It takes seconds to import, which the event loop doesn't wait for.
        await asyncio.to_thread(importlib.import_module, "anthropic.resources.messages")
        from anthropic import AnthropicError

        form = Form.of(request.schema) if request.schema is not None else None
        turn = Turn(nowhere if form is not None and form.is_wrapped else on_text, on_text)
        body = self.body(request, form)
        async with self._connection.opened() as http:
            # The arguments are a table here; the SDK has an overload for each of their combinations.
            opening = cast(Any, self._client(http)).messages.create(stream=True, **body)
            refused = await drain(self._connection, turn, opening, AnthropicError)
        return refused or turn.answer(self._connection, form)

    def _client(self, http: "httpx2.AsyncClient") -> "AsyncAnthropic":
        from anthropic import AsyncAnthropic

        # The key is in the connection's headers: without any here, the process's own would be looked for.
        return AsyncAnthropic(
            api_key="none",
            base_url=self._connection.base_url,
            http_client=http,
            max_retries=0,
            timeout=self._connection.timeout,
            open_telemetry=False,
        )

    def body(self, request: ChatRequest, form: Form | None = None) -> dict[str, Any]:
        """What is sent."""
        system = instructions(request.messages)
        body: dict[str, Any] = {
            "model": self._connection.model,
            "max_tokens": request.max_tokens or DEFAULT_MAX_TOKENS,
            "messages": conversation(request.messages),
        }
        if not body["messages"]:
            raise PermanentError(
                f"{self._connection.what} was given no message to answer",
                code="EMPTY_PROMPT",
                hint="give it a prompt that isn't empty",
            )
        if form is not None:
            if is_closed(form.schema):
                body["output_config"] = {"format": {"type": "json_schema", "schema": _accepted(form)}}
            else:
                system = "\n\n".join(filter(None, (system, form.instruction)))
        if system:
            body["system"] = system
        if request.tools:
            body["tools"] = _tools(request.tools)
        if request.temperature is not None:
            # The SDK has no word for it any more; models that aren't of the newest take it.
            body["extra_body"] = {"temperature": request.temperature}
        return body


def _accepted(form: Form) -> dict[str, Any]:
    """The schema as the API takes it; constraints that it has no words for become descriptions."""
    from anthropic import transform_schema

    copied: dict[str, Any] = json.loads(json.dumps(form.schema))
    return transform_schema(single_typed(copied))


def _tools(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    return [
        {"name": tool.name, "description": tool.description, "input_schema": {"type": "object", **tool.schema}}
        for tool in tools
    ]

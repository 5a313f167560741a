"""Models that speak OpenAI's Chat Completions: OpenAI's own, and those of every compatible server."""

import asyncio
import base64
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import httpx

from nodes.models.chat import Answer, ChatRequest, Message, Picture, ToolSpec
from nodes.models.connection import Connection
from nodes.models.openai_turn import Turn
from nodes.models.streaming import drain, nowhere
from nodes.models.structured import Form, is_strict

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI


class OpenAiChat:
    """A model behind `POST …/chat/completions`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def answer(self, request: ChatRequest, on_text: Callable[[str], None]) -> Answer:
        """The model's next turn."""
        # It takes a second to import, which the event loop doesn't wait for.
        await asyncio.to_thread(importlib.import_module, "openai.resources.chat.completions")
        from openai import OpenAIError

        form = Form.of(request.schema) if request.schema is not None else None
        turn = Turn(nowhere if form is not None and form.is_wrapped else on_text, on_text)
        body = self.body(request, form)
        async with self._connection.opened() as http:
            # The arguments are a table here; the SDK has an overload for each of their combinations.
            opening = cast(Any, self._client(http)).chat.completions.create(stream=True, **body)
            refused = await drain(self._connection, turn, opening, OpenAIError)
        return refused or turn.answer(self._connection, request, form)

    def _client(self, http: "httpx2.AsyncClient") -> "AsyncOpenAI":
        from openai import AsyncOpenAI

        # The key is in the connection's headers: given here, an empty one would be the process's own.
        return AsyncOpenAI(
            api_key="none",
            base_url=self._connection.base_url,
            http_client=http,
            max_retries=0,
            timeout=self._connection.timeout,
        )

    def body(self, request: ChatRequest, form: Form | None = None) -> dict[str, Any]:
        """What is sent."""
        body: dict[str, Any] = {
            "model": self._connection.model,
            "messages": [_message(message) for message in request.messages],
            "stream_options": {"include_usage": True},
        }
        if request.tools:
            body["tools"] = _tools(request.tools)
        if form is not None:
            described = {"name": "answer", "schema": form.schema, "strict": is_strict(form.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.max_tokens is not None:
            # OpenAI's newer models refuse the old name; most compatible servers know no other.
            host = httpx.URL(self._connection.base_url).host
            own = host == "api.openai.com" or host.endswith((".api.openai.com", ".openai.azure.com"))
            body["max_completion_tokens" if own else "max_tokens"] = request.max_tokens
        return body


def _tools(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
        }
        for tool in tools
    ]


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    if message.role == "assistant" and message.calls:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.calls
        ]
        return {"role": "assistant", "content": message.text or None, "tool_calls": calls}
    if message.pictures:
        parts = [{"type": "text", "text": message.text}] if message.text else []
        return {"role": message.role, "content": [*parts, *(_picture(picture) for picture in message.pictures)]}
    return {"role": message.role, "content": message.text}


def _picture(picture: Picture) -> dict[str, Any]:
    data = base64.b64encode(picture.data).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:{picture.content_type};base64,{data}"}}

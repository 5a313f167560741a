"""OpenAI's Chat Completions and embeddings, as they are on the wire."""

import base64
import hashlib
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from tests.model_server.conversation import Ask, Call, Json, Reply, Turn, check_calls, require
from tests.model_server.pieces import of_arguments, of_text

CREATED = 1_790_000_000
_KINDS = {400: "invalid_request_error", 401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


def read(body: Json, headers: Mapping[str, str]) -> Ask:
    """The request; Refused if OpenAI wouldn't take it."""
    require(isinstance(body.get("model"), str), "you must provide a model parameter")
    messages = body.get("messages")
    require(isinstance(messages, list) and messages, "messages: expected a list that isn't empty")
    turns = tuple(_turn(message) for message in messages or [])
    check_calls(turns)
    form = body.get("response_format") or {}
    schema = form.get("json_schema", {}).get("schema") if form.get("type") == "json_schema" else None
    require(schema is None or schema.get("type") == "object", "response_format: schema must be of type 'object'")
    for tool in body.get("tools", []):
        require(tool["type"] == "function" and tool["function"]["name"], "tools: expected functions with names")
    choice = body.get("tool_choice", "auto")
    return Ask(
        "openai",
        body["model"],
        turns,
        tuple(tool["function"]["name"] for tool in body.get("tools", [])),
        schema,
        choice if isinstance(choice, str) else choice["function"]["name"],
        bool(body.get("stream")),
        body,
        headers,
    )


def _turn(message: Json) -> Turn:
    role: Any = message["role"]
    content = message.get("content")
    require(role in ("system", "developer", "user", "assistant", "tool"), f"messages: there is no role {role!r}")
    parts: list[Json] = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    text = "".join(part["text"] for part in parts if part["type"] == "text")
    pictures = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    require(all(url.startswith(("data:image/", "https://")) for url in pictures), "messages: invalid image_url")
    calls = tuple(
        Call(call["function"]["name"], call["function"]["arguments"], call["id"])
        for call in message.get("tool_calls") or []
    )
    role = "system" if role == "developer" else role
    return Turn(role, text, calls, message.get("tool_call_id", ""), len(pictures))


def complete(ask: Ask, reply: Reply) -> Json:
    """The answer as one object."""
    message: Json = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.stop == "refusal":
        message |= {"content": None, "refusal": reply.text}
    if reply.calls:
        message["tool_calls"] = [_call(ask, index, call) for index, call in enumerate(reply.calls)]
    choice = {"index": 0, "message": message, "finish_reason": _finish(reply), "logprobs": None}
    return {**_head(ask, "chat.completion"), "choices": [choice], "usage": _usage(ask, reply)}


def chunks(ask: Ask, reply: Reply) -> Iterator[Json]:
    """The answer in pieces."""
    yield _chunk(ask, {"role": "assistant", "content": "", "refusal": None})
    for piece in of_text(reply.text):
        yield _chunk(ask, {"refusal" if reply.stop == "refusal" else "content": piece})
    for index, call in enumerate(reply.calls):
        begun = _call(ask, index, Call(call.name, "", call.id))
        yield _chunk(ask, {"tool_calls": [{"index": index, **begun}]})
        for piece in of_arguments(call.arguments):
            yield _chunk(ask, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield _chunk(ask, {}, _finish(reply))
    if reply.counts and (ask.body.get("stream_options") or {}).get("include_usage"):
        yield {**_head(ask, "chat.completion.chunk"), "choices": [], "usage": _usage(ask, reply)}


def error(reply: Reply, model: str) -> Json:
    """The body of an error."""
    kind = reply.kind or _KINDS.get(reply.status, "server_error")
    message = reply.error or f"The model `{model}` does not exist or you do not have access to it."
    return {"error": {"message": message, "type": kind, "param": None, "code": kind}}


def embeddings(body: Json) -> Json:
    """Vectors that are near each other where texts share words; the same for the same text."""
    given = body["input"]
    texts = [given] if isinstance(given, str) else given
    length = body.get("dimensions") or 64
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(_vector(text, length), body)}
        for index, text in enumerate(texts)
    ]
    tokens = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage}


def _vector(text: str, length: int) -> list[float]:
    vector = [0.0] * length
    for word in text.lower().split() or [""]:
        digest = hashlib.sha256(word.strip(".,;:!?").encode()).digest()
        vector[int.from_bytes(digest[:4], "big") % length] += 1.0
    size = math.sqrt(sum(number * number for number in vector))
    return [number / size for number in vector]


def _encoded(vector: list[float], body: Json) -> list[float] | str:
    if body.get("encoding_format") == "base64":
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return vector


def _head(ask: Ask, kind: str) -> Json:
    return {"id": f"chatcmpl-{ask.digest}", "object": kind, "created": CREATED, "model": ask.model}


def _chunk(ask: Ask, delta: Json, finish: str | None = None) -> Json:
    choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {**_head(ask, "chat.completion.chunk"), "choices": [choice]}


def _call(ask: Ask, index: int, call: Call) -> Json:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id or f"call_{ask.turn}_{index}", "type": "function", "function": function}


def _finish(reply: Reply) -> str:
    return "length" if reply.stop == "length" else "tool_calls" if reply.calls else "stop"


def _usage(ask: Ask, reply: Reply) -> Json:
    given, written = ask.input_tokens, reply.output_tokens
    return {
        "prompt_tokens": given,
        "completion_tokens": written,
        "total_tokens": given + written,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
    }

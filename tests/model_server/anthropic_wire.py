"""Anthropic's Messages API, as it is on the wire."""

import json
from collections.abc import Iterator, Mapping

from tests.model_server.conversation import Ask, Call, Json, Reply, Turn, check_calls, require
from tests.model_server.pieces import of_arguments, of_text

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def read(body: Json, headers: Mapping[str, str]) -> Ask:
    """The request; Refused if Anthropic wouldn't take it."""
    require(isinstance(body.get("model"), str), "model: field required")
    require(isinstance(body.get("max_tokens"), int), "max_tokens: field required")
    require(headers.get("anthropic-version"), "anthropic-version: header is required")
    messages = body.get("messages")
    require(isinstance(messages, list) and messages, "messages: at least one message is required")
    system = body.get("system", "")
    turns = [Turn("system", system)] if system else []
    for message in messages or []:
        turns += _turns(message)
    require(turns[bool(system)].role == "user", "messages: first message must use the user role")
    check_calls(turns)
    form = (body.get("output_config") or {}).get("format") or {}
    schema = form.get("schema")
    if schema is not None:
        _check_schema(schema)
    choice = body.get("tool_choice") or {"type": "auto"}
    return Ask(
        "anthropic",
        body["model"],
        tuple(turns),
        tuple(tool["name"] for tool in body.get("tools", [])),
        schema,
        choice.get("name") or choice["type"],
        bool(body.get("stream")),
        body,
        headers,
    )


def _turns(message: Json) -> list[Turn]:
    role, content = message["role"], message["content"]
    require(role in ("user", "assistant"), f"messages: there is no role {role!r}")
    blocks: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    require(blocks, "messages: content must not be empty")
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    require(all(text.strip() for text in texts), "messages: text content blocks must be non-empty")
    calls = [block for block in blocks if block["type"] == "tool_use"]
    require(all(isinstance(call["input"], dict) for call in calls), "tool_use.input: input should be an object")
    for block in blocks:
        require(block["type"] != "thinking" or block.get("signature"), "thinking.signature: field required")
    if role == "assistant":
        made = tuple(Call(call["name"], json.dumps(call["input"]), call["id"]) for call in calls)
        return [Turn("assistant", "".join(texts), made)]
    answers = [block for block in blocks if block["type"] == "tool_result"]
    first = [block["type"] for block in blocks[: len(answers)]]
    require(set(first) <= {"tool_result"}, "messages: tool_result blocks must come first")
    pictures = [block["source"]["media_type"] for block in blocks if block["type"] == "image"]
    turns = [Turn("tool", block["content"], call_id=block["tool_use_id"]) for block in answers]
    return [*turns, Turn("user", "".join(texts), pictures=len(pictures))] if texts or pictures else turns


def _check_schema(schema: Json) -> None:
    if schema.get("type") == "object":
        require(schema.get("additionalProperties") is False, "output_config: additionalProperties must be false")
    require(not schema.keys() & {"minimum", "maximum", "minLength", "pattern"}, "output_config: unsupported keyword")
    for part in (*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *schema.get("$defs", {}).values()):
        _check_schema(part)
    if "items" in schema:
        _check_schema(schema["items"])


def complete(ask: Ask, reply: Reply) -> Json:
    """The answer as one object."""
    blocks = [{**block, **_filled(block, rest)} for block, rest in _blocks(ask, reply)]
    return {**_head(ask, reply), "content": blocks, "stop_reason": _stop(reply)}


def _filled(block: Json, rest: str) -> Json:
    if block["type"] == "tool_use":
        return {"input": json.loads(rest)}
    return {"thinking": rest, "signature": "c2lnbmVk"} if block["type"] == "thinking" else {"text": rest}


def events(ask: Ask, reply: Reply) -> Iterator[Json]:
    """The answer in pieces."""
    yield {
        "type": "message_start",
        "message": _head(ask, reply) | {"usage": {**_usage(ask, reply), "output_tokens": 1}},
    }
    yield {"type": "ping"}
    for index, (block, rest) in enumerate(_blocks(ask, reply)):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for delta in _deltas(block["type"], rest):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": _stop(reply), "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": reply.output_tokens}}
    yield {"type": "message_stop"}


def _deltas(kind: str, rest: str) -> Iterator[Json]:
    if kind == "tool_use":
        for piece in of_arguments(rest):
            yield {"type": "input_json_delta", "partial_json": piece}
        return
    for piece in of_text(rest):
        yield (
            {"type": "thinking_delta", "thinking": piece}
            if kind == "thinking"
            else {"type": "text_delta", "text": piece}
        )
    if kind == "thinking":
        yield {"type": "signature_delta", "signature": "c2lnbmVk"}


def error(reply: Reply, model: str) -> Json:
    """The body of an error."""
    kind = reply.kind or _KINDS.get(reply.status, "api_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": reply.error or f"model: {model}"},
        "request_id": "req_1",
    }


def _head(ask: Ask, reply: Reply) -> Json:
    return {
        "id": f"msg_{ask.digest}",
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(ask, reply),
    }


def _blocks(ask: Ask, reply: Reply) -> Iterator[tuple[Json, str]]:
    """The blocks as they begin, each with what is to come of it."""
    if reply.thinking:
        yield {"type": "thinking", "thinking": "", "signature": ""}, reply.thinking
    if reply.text:
        yield {"type": "text", "text": ""}, reply.text
    for index, call in enumerate(reply.calls):
        identity = call.id or f"toolu_{ask.turn}_{index}"
        yield {"type": "tool_use", "id": identity, "name": call.name, "input": {}}, call.arguments


def _stop(reply: Reply) -> str:
    if reply.stop:
        return "max_tokens" if reply.stop == "length" else "refusal"
    return "tool_use" if reply.calls else "end_turn"


def _usage(ask: Ask, reply: Reply) -> Json:
    return {
        "input_tokens": ask.input_tokens - reply.cached_tokens,
        "cache_read_input_tokens": reply.cached_tokens,
        "cache_creation_input_tokens": 0,
        "output_tokens": reply.output_tokens,
    }

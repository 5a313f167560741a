"""A conversation as Anthropic's Messages API takes it: roles alternate, tools' answers come from the user."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from nodes.models.chat import Message

Block = dict[str, Any]


def instructions(messages: Sequence[Message]) -> str:
    """The system prompt, which isn't part of the conversation there."""
    return "\n\n".join(message.text for message in messages if message.role == "system" and message.text.strip())


def conversation(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The turns, each of which has all that one side said in a row."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message) -> list[Block]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.call_id, "content": message.text}]
    if message.native:
        return [json.loads(block) for block in message.native]
    # Blocks without text are refused.
    blocks: list[Block] = [{"type": "text", "text": message.text}] if message.text.strip() else []
    blocks += [_picture(picture.content_type, picture.data) for picture in message.pictures]
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call.arguments)}
        for call in message.calls
    ]
    return blocks


def _picture(content_type: str, data: bytes) -> Block:
    encoded = base64.b64encode(data).decode("ascii")
    return {"type": "image", "source": {"type": "base64", "media_type": content_type, "data": encoded}}


def _arguments(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    # The API takes an object only; the model is to see what it wrote.
    return found if isinstance(found, dict) else {"invalid_arguments": found}

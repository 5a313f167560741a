"""One stored value for each session as an agent's memory: the last messages, without a table of their own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from nodes import equipment
from nodes.base import NodeExecutionContext
from nodes.errors import RetryableError
from nodes.memory.operation import Name, json_text
from nodes.memory.request import Caller, Condition
from nodes.memory.serving import Serving, caller_of, served, speaker
from nodes.models.chat import Message
from nodes.parameters import STRUCTURAL, Duration

_KEYS = 50
_TRIES = 10


class ServeValues(Serving):
    """Serves an agent over `ai_memory`: `{messages}` under the session's key; the oldest messages are dropped."""

    operation: Annotated[Literal["serve"], STRUCTURAL] = Field(
        default="serve", description="Serve an agent; needn't be written."
    )
    namespace: Name = Field(default="default", description="Which values these are.")
    max_messages: int = Field(default=20, ge=1, le=1000, description="The most messages that are kept and recalled.")
    ttl: Annotated[Duration | None, Field(gt=0)] = Field(
        default=None, description="How long after its last exchange a conversation is kept."
    )


class ValuesMemory(equipment.Memory):
    """Recalls the messages that a value holds."""

    async def recall(self, context: NodeExecutionContext[Any], session: str, prompt: str) -> Sequence[Message]:
        """The last messages, the oldest first."""
        given = served(context, ServeValues)
        found = await context.resources.memory.values.get(Caller.of(context), given.namespace, session)
        messages = _part(found["value"], "messages")[-given.max_messages :]
        said = ((speaker(str(one.get("role"))), one.get("content")) for one in messages if isinstance(one, dict))
        return [Message(role, text) for role, text in said if role is not None and isinstance(text, str) and text]

    async def remember(
        self, context: NodeExecutionContext[Any], session: str, said: Sequence[Message], key: str
    ) -> None:
        """Adds the messages, unless it has done so; conversations that others change meanwhile lose nothing."""
        given, caller = served(context, ServeValues), caller_of(context, key)
        values, new = context.resources.memory.values, [{"role": one.role, "content": one.text} for one in said]
        for _ in range(_TRIES):
            found = await values.get(caller, given.namespace, session)
            keys = _part(found["value"], "keys")
            if caller.key and caller.key in keys:
                return
            messages = [*_part(found["value"], "messages"), *new][-given.max_messages :]
            value = {"messages": messages, "keys": [*keys, *([caller.key] if caller.key else ())][-_KEYS:]}
            unchanged = Condition(if_version=found["version"]) if found["found"] else Condition(if_absent=True)
            # Not by the key: a try that came too late must be made again.
            stored = await values.set(
                replace(caller, key=""), given.namespace, session, json_text(value, "value"), given.ttl, unchanged
            )
            if stored["stored"]:
                return
        raise RetryableError("the conversation is changed by too many at once", code="STORE_BUSY", hint="retry")


def _part(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []

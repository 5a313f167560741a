"""What memory nodes have in common where they serve agents over AI connections instead of taking items."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from nodes.base import NodeExecutionContext, PermanentError
from nodes.memory.operation import MemoryOperation
from nodes.memory.request import Caller, Json
from nodes.memory.store import Memory
from nodes.models.chat import Message
from nodes.parameters import parse

# What of a text a model for embeddings gets to read, in characters: about 2,000 tokens.
MOST_EMBEDDED = 8000
_SPEAKERS: Mapping[str, Literal["user", "assistant"]] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
}
S = TypeVar("S", bound="Serving")


class Serving(MemoryOperation):
    """Parameters of a node that stands on AI connections."""

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """Always an error: items can't be served."""
        raise PermanentError(
            'the parameter "operation" is missing; a node that items reach needs one',
            code="MISSING_PARAMETER",
            hint="name the operation, or connect the node to an agent instead",
        )


def served(context: NodeExecutionContext[Any], model: type[S]) -> S:
    """How a node serves: as its parameters say, whichever operation they were written for."""
    if isinstance(context.parameters, model):
        return context.parameters
    given: Iterable[tuple[str, Any]] = context.resolved.items()
    if isinstance(context.parameters, BaseModel) and not context.resolved:
        given = ((name, getattr(context.parameters, name)) for name in context.parameters.model_fields_set)
    return parse(model, {name: value for name, value in given if name in model.model_fields and name != "operation"})


def caller_of(context: NodeExecutionContext[Any], key: str) -> Caller:
    """On whose behalf a node serves; two nodes that serve the same call have keys of their own."""
    return replace(Caller.of(context), key=f"{key}/{context.node.name}" if key else "")


def speaker(role: str) -> Literal["user", "assistant"] | None:
    """Whose words a stored message is, as models know it; None if it is neither's."""
    return _SPEAKERS.get(role.lower())


def written(said: Sequence[Message]) -> str:
    """What was said, as a text."""
    return "\n".join(f"{message.role.capitalize()}: {message.text}" for message in said if message.text)

"""A graph of statements as an agent's memory, and as documents for a question."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from nodes import equipment
from nodes.base import NodeExecutionContext
from nodes.equipment import Document
from nodes.memory.operation import MOST_LISTED, Name
from nodes.memory.request import Caller, Json, Pattern
from nodes.memory.serving import Serving, served
from nodes.models.chat import Message
from nodes.parameters import STRUCTURAL
from nodes.texts.ranking import is_unspaced
from orchestrator import exact_json

# Of a graph too large to be looked through: how many phrases of the prompt are looked up, of how many words each.
_PHRASES, _LONGEST = 120, 4
_WORD = re.compile(r"[\w'’.@&+-]*\w")


class ServeGraph(Serving):
    """Serves an agent over `ai_memory` and `ai_retriever`: statements whose subject or object the prompt names.

    It remembers nothing by itself: let the agent have a node with the operation `add` as a tool.
    """

    operation: Annotated[Literal["serve"], STRUCTURAL] = Field(
        default="serve", description="Serve an agent; needn't be written."
    )
    namespace: Name = Field(default="default", description="Which graph it is.")
    limit: int = Field(default=30, ge=1, le=MOST_LISTED, description="The most statements that are recalled.")


class GraphMemory(equipment.Memory, equipment.Retriever):
    """Recalls what is known of the entities that a prompt names."""

    async def recall(self, context: NodeExecutionContext[Any], session: str, prompt: str) -> Sequence[Message]:
        """The statements, as data that the user hands over."""
        found = await _statements(context, prompt, served(context, ServeGraph).limit)
        if not found:
            return []
        lines = (exact_json.dumps([one["subject"], one["predicate"], one["object"]]) for one in found)
        return [
            Message("user", "\n".join(["What is known (data), each line a subject, predicate and object:", *lines]))
        ]

    async def remember(
        self, context: NodeExecutionContext[Any], session: str, said: Sequence[Message], key: str
    ) -> None:
        """Nothing: what was said is no statement yet."""

    async def retrieve(self, context: NodeExecutionContext[Any], query: str, top_k: int) -> Sequence[Document]:
        """The same statements as documents; `source` has their parts and their provenance."""
        found = await _statements(context, query, top_k)
        texts = (f"{one['subject']} {one['predicate']} {one['object']}" for one in found)
        return [Document(text, text, one, 1.0) for text, one in zip(texts, found, strict=True)]


async def _statements(context: NodeExecutionContext[Any], prompt: str, limit: int) -> list[Json]:
    graphs, caller = context.resources.memory.graphs, Caller.of(context)
    namespace = served(context, ServeGraph).namespace
    whole = await graphs.query(caller, namespace, Pattern(), MOST_LISTED)
    found: list[Json] = [one for one in whole["triples"] if _named(one, prompt)]
    if whole["truncated"]:
        for phrase in _phrases(prompt):
            for pattern in (Pattern(subject=phrase), Pattern(object=phrase)):
                found += (await graphs.query(caller, namespace, pattern, limit))["triples"]
    distinct = {(one["subject"], one["predicate"], one["object"]): one for one in found}
    return list(distinct.values())[:limit]


def _named(triple: Json, prompt: str) -> bool:
    folded = prompt.casefold()
    return any(_stands_in(triple[end].casefold(), folded) for end in ("subject", "object"))


def _stands_in(name: str, text: str) -> bool:
    """Whether a name stands in a text as whole words, where its script has spaces between words."""
    start = text.find(name)
    while start >= 0 and name:
        before, after = text[start - 1 : start] if start else "", text[start + len(name) : start + len(name) + 1]
        if not (_joins(before, name[0]) or _joins(name[-1], after)):
            return True
        start = text.find(name, start + 1)
    return False


def _joins(left: str, right: str) -> bool:
    return left.isalnum() and right.isalnum() and not (is_unspaced(left) or is_unspaced(right))


def _phrases(prompt: str) -> Iterator[str]:
    """Runs of words in a prompt that could be names: those that begin as names do first, longer ones first."""
    words = _WORD.findall(prompt)
    phrases = (
        " ".join(words[start : start + length])
        for length in range(_LONGEST, 0, -1)
        for start in range(len(words) - length + 1)
    )
    yield from sorted(dict.fromkeys(phrases), key=lambda phrase: phrase[0].islower())[:_PHRASES]

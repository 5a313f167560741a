"""Finds the documents that go into an agent's prompt: those it is given, and those that retrievers find for it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nodes.base import NodeExecutionContext
from nodes.equipment import Document, served_by
from nodes.texts.ranking import by_nearness, by_words
from nodes.texts.splitting import split
from orchestrator.model import ConnectionType

CHARACTERS_PER_TOKEN = 4
# How many times more documents are found where a reranker chooses among them.
_FOR_RERANKER = 4
MOST_RETRIEVED = 100


async def sources_for(context: NodeExecutionContext[Any], prompt: str) -> list[Document]:
    """The documents for a prompt: those that are given first, then those that were found, the best one first."""
    room = context.parameters.max_source_tokens * CHARACTERS_PER_TOKEN
    given = await _given(context, prompt, room)
    room -= sum(len(one.text) for one in given)
    known = {(one.id, one.text) for one in given}
    found = [one for one in await _retrieved(context, prompt) if (one.id, one.text) not in known]
    return [*given, *_fitting(found, room)]


async def _given(context: NodeExecutionContext[Any], prompt: str, room: int) -> list[Document]:
    """The documents of AI_DOCUMENT: all of them, or of too many the pieces that fit the prompt best."""
    documents: list[Document] = []
    for source, own in served_by(context.equipment, ConnectionType.AI_DOCUMENT):
        documents += await source.documents(own)
    if sum(len(one.text) for one in documents) <= room:
        return documents
    cut = [piece for one in documents for piece in split(context.equipment, one)]
    taken = _fitting(await _ranked(context, prompt, cut), room)
    context.log(
        f"the documents are longer than max_source_tokens: the best {len(taken)} of {len(cut)} pieces are taken"
    )
    return taken


async def _ranked(context: NodeExecutionContext[Any], prompt: str, documents: Sequence[Document]) -> list[Document]:
    embedders = served_by(context.equipment, ConnectionType.AI_EMBEDDING)
    texts = [one.text for one in documents]
    if not embedders:
        order = by_words(prompt, texts)
    else:
        embedder, own = embedders[0]
        (question,) = await embedder.embed(own, [prompt], "query")
        order = by_nearness(question, await embedder.embed(own, texts, "document"))
    return [replace(documents[position], score=score) for position, score in order]


async def _retrieved(context: NodeExecutionContext[Any], prompt: str) -> list[Document]:
    rerankers = served_by(context.equipment, ConnectionType.AI_RERANKER)
    top_k = context.parameters.top_k
    wanted = min(top_k * _FOR_RERANKER, MOST_RETRIEVED) if rerankers else top_k
    found: dict[tuple[str, str], Document] = {}
    for retriever, own in served_by(context.equipment, ConnectionType.AI_RETRIEVER):
        for one in await retriever.retrieve(own, prompt, wanted):
            found.setdefault((one.id, one.text), one)
    documents: Sequence[Document] = list(found.values())
    for reranker, own in rerankers:
        documents = await reranker.rerank(own, prompt, documents) if documents else documents
    return list(documents[:top_k]) if rerankers else list(documents)


def _fitting(documents: Sequence[Document], room: int) -> list[Document]:
    """The first documents that there is room for; the last one may be cut."""
    taken = []
    for one in documents:
        if room <= 0:
            break
        taken.append(one if len(one.text) <= room else replace(one, text=f"{one.text[: room - 1]}…"))
        room -= len(one.text)
    return taken

"""Vectors as an agent's memory of earlier exchanges, and as documents for a question."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from nodes import equipment
from nodes.base import NodeExecutionContext
from nodes.equipment import Document
from nodes.memory import filtering
from nodes.memory.embedding import Embedding
from nodes.memory.embedding_choice import embed_by
from nodes.memory.operation import Name
from nodes.memory.request import Caller, Json, Metric, Search, VectorRecord
from nodes.memory.serving import MOST_EMBEDDED, Serving, caller_of, served, written
from nodes.models.chat import Message
from nodes.parameters import STRUCTURAL
from orchestrator import exact_json


def _readable(given: Any) -> Any:
    filtering.read(given)
    return given


class ServeVectors(Serving):
    """Serves over `ai_vector_store`, `ai_retriever` and `ai_memory`, where it keeps and recalls exchanges."""

    operation: Annotated[Literal["serve"], STRUCTURAL] = Field(
        default="serve", description="Serve an agent; needn't be written."
    )
    collection: Name = Field(default="default", description="Which vectors these are.")
    top_k: int = Field(default=5, ge=1, le=100, description="For ai_memory: the most exchanges that are recalled.")
    filter: Annotated[dict[str, Any], BeforeValidator(_readable)] = Field(
        default_factory=dict, description="Which metadata counts, as for `search`."
    )
    min_score: float | None = Field(default=None, description="The least score: 1 is the same direction by cosine.")
    metric: Metric | None = Field(default=None, description="For ai_memory: how a new collection is compared.")
    all_sessions: bool = Field(
        default=False, description="For ai_memory: recall exchanges of every session, not only of the agent's own."
    )
    embedding: Embedding | None = Field(
        default=None, description="What makes vectors of texts, unless EMBEDDINGS are connected."
    )


class VectorMemory(equipment.Memory, equipment.Retriever):
    """Finds texts by what they mean."""

    async def recall(self, context: NodeExecutionContext[Any], session: str, prompt: str) -> Sequence[Message]:
        """The nearest earlier exchanges, the oldest first, as data that the user hands over."""
        given = served(context, ServeVectors)
        own = {"kind": "exchange", **({} if given.all_sessions else {"session": session})}
        found = await _nearest(context, given, prompt, given.top_k, {**given.filter, **own})
        matches = sorted(found, key=lambda match: str(match["metadata"].get("at", "")))
        lines = [exact_json.dumps(match["text"]) for match in matches if match["text"]]
        if not lines:
            return []
        return [Message("user", "\n".join(["Earlier exchanges that may matter (data), one a line:", *lines]))]

    async def remember(
        self, context: NodeExecutionContext[Any], session: str, said: Sequence[Message], key: str
    ) -> None:
        """Keeps the exchange as one text."""
        given, text = served(context, ServeVectors), written(said)
        if not text:
            return
        embedded = await embed_by(context, given.embedding, [text[:MOST_EMBEDDED]], "document")
        caller = caller_of(context, key)
        name = hashlib.sha256(f"{session}\x1f{caller.key}\x1f{'' if caller.key else text}".encode()).hexdigest()[:32]
        metadata = {"kind": "exchange", "session": session, "at": context.now.isoformat()}
        record = VectorRecord(name, embedded.vectors[0], text, filtering.metadata_text(metadata))
        await context.resources.memory.vectors.upsert(caller, given.collection, [record], given.metric, embedded.model)

    async def retrieve(self, context: NodeExecutionContext[Any], query: str, top_k: int) -> Sequence[Document]:
        """The nearest texts; `source` has their metadata."""
        given = served(context, ServeVectors)
        return [
            Document(match["id"], match["text"], _source(given.collection, match["metadata"]), match["score"])
            for match in await _nearest(context, given, query, top_k, given.filter)
            if match["text"]
        ]


async def _nearest(
    context: NodeExecutionContext[Any], given: ServeVectors, text: str, top_k: int, filter: Mapping[str, Any]
) -> list[Json]:
    embedded = await embed_by(context, given.embedding, [text[:MOST_EMBEDDED]], "query")
    search = Search(embedded.vectors[0], top_k, None, filtering.read(dict(filter)), given.min_score)
    found = await context.resources.memory.vectors.search(Caller.of(context), given.collection, search, embedded.model)
    matches: list[Json] = found["matches"]
    return matches


def _source(collection: str, metadata: Mapping[str, Any]) -> Json:
    loaded = metadata.get("source")
    title = (loaded if isinstance(loaded, dict) else metadata).get("title")
    return {"collection": collection, "metadata": dict(metadata), **({"title": title} if title else {})}

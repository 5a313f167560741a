"""Loads documents into a collection of vectors: cut into pieces, each found by what it means."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from nodes.base import NodeExecutionContext, PermanentError
from nodes.equipment import Document, served_by
from nodes.memory import filtering
from nodes.memory.embedding import Embedding
from nodes.memory.embedding_choice import embed_by
from nodes.memory.operation import MOST_KEY_BYTES, Key, LongText, MemoryOperation, Name
from nodes.memory.request import Caller, Json, Metric, VectorRecord
from nodes.memory.store import Memory
from nodes.parameters import STRUCTURAL, misuse
from nodes.texts.splitting import split
from orchestrator.model import ConnectionType

MOST_PIECES = 20_000
MOST_METADATA = 48 * 1024
BATCH = 200


def _metadata(given: dict[str, Any]) -> dict[str, Any]:
    size = len(filtering.metadata_text(given).encode())
    if size > MOST_METADATA:
        raise misuse(f"has {size:,} bytes as JSON; at most {MOST_METADATA:,} are allowed")
    if "source" in given:
        raise misuse('has the field "source", which says where a piece comes from')
    return given


class Load(MemoryOperation):
    """Loads the documents that are connected over `ai_document`, or a text: `documents`, `pieces`, `deleted`.

    They are cut as the TEXT_SPLITTER says that is connected over `ai_text_splitter`. Loaded again, a document's
    pieces replace those before.
    """

    operation: Annotated[Literal["load"], STRUCTURAL] = Field(description="Load documents.")
    collection: Name = Field(default="default", description="Which vectors these are; collections never meet.")
    text: LongText | None = Field(default=None, min_length=1, description="A text to load instead of documents.")
    id: Key | None = Field(default=None, description="The text's id; a new one by default.")
    title: Annotated[str, Field(max_length=1000)] = Field(default="", description="The text's title.")
    metadata: Annotated[dict[str, Any], AfterValidator(_metadata)] = Field(
        default_factory=dict,
        description="What is known of every piece, to filter by; `source {document, title, piece}` is added.",
    )
    metric: Metric | None = Field(
        default=None, description="How a new collection is compared; cosine by default. It stays as it is."
    )
    embedding: Embedding | None = Field(
        default=None, description="What makes vectors of texts, unless EMBEDDINGS are connected."
    )

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """How much was loaded."""
        documents = await self._documents(context, caller)
        loaded = _Loading(self, context, memory, caller)
        cut = {one.id: split(context.equipment, one) for one in documents}
        count = sum(len(pieces) for pieces in cut.values())
        if count > MOST_PIECES:
            raise PermanentError(
                f"the documents have {count:,} pieces; at most {MOST_PIECES:,} are loaded at once",
                code="TOO_MANY_PIECES",
                hint="choose fewer documents, or longer pieces",
            )
        await loaded.store([piece for pieces in cut.values() for piece in pieces])
        deleted = [await loaded.remove_rest(one, len(cut[one.id]), at) for at, one in enumerate(documents)]
        return {
            "collection": self.collection,
            "documents": len(documents),
            "pieces": count,
            "deleted": sum(deleted),
        }

    async def _documents(self, context: NodeExecutionContext[Any], caller: Caller) -> list[Document]:
        if self.text is not None:
            id = self.id or caller.key or uuid.uuid4().hex
            return [Document(id, self.text, {"title": self.title} if self.title else {})]
        sources = served_by(context.equipment, ConnectionType.AI_DOCUMENT)
        if not sources:
            raise PermanentError(
                'the parameter "text" is missing; and no documents are connected',
                code="MISSING_PARAMETER",
                hint="connect a DOCUMENT_STORAGE to the node as ai_document, or give a text",
            )
        found: dict[str, Document] = {}
        for source, own in sources:
            for one in await source.documents(own):
                # Documents of two collections may have the same id.
                id = one.id if one.id not in found else f"{one.source.get('collection', own.node.name)}/{one.id}"
                found[id] = replace(one, id=id)
        return list(found.values())


@dataclass
class _Loading:
    """The pieces of one call on their way into the store."""

    load: Load
    context: NodeExecutionContext[Any]
    memory: Memory
    caller: Caller

    async def store(self, pieces: Sequence[Document]) -> None:
        """Embeds and stores pieces, some at a time."""
        for start in range(0, len(pieces), BATCH):
            batch = pieces[start : start + BATCH]
            texts = [piece.text for piece in batch]
            embedded = await embed_by(self.context, self.load.embedding, texts, "document")
            records = [
                VectorRecord(_piece_id(piece), vector, piece.text, self._metadata(piece))
                for piece, vector in zip(batch, embedded.vectors, strict=True)
            ]
            await self.memory.vectors.upsert(
                self._caller(f"pieces-{start}"), self.load.collection, records, self.load.metric, embedded.model
            )

    async def remove_rest(self, document: Document, count: int, at: int) -> int:
        """Removes the pieces that a document had when it was longer."""
        rest = filtering.read({"source.document": {"$eq": document.id}, "source.piece": {"$gte": count}})
        found = await self.memory.vectors.delete(self._caller(f"rest-{at}"), self.load.collection, [], rest)
        return int(found["deleted"])

    def _metadata(self, piece: Document) -> str:
        source = {"document": piece.id, "piece": piece.source["piece"]}
        title = piece.source.get("title")
        named = {"title": str(title)[:1000]} if title else {}
        return filtering.metadata_text({**self.load.metadata, "source": {**source, **named}})

    def _caller(self, part: str) -> Caller:
        return replace(self.caller, key=f"{self.caller.key}/{part}" if self.caller.key else "")


def _piece_id(piece: Document) -> str:
    id = f"{piece.id}#{piece.source['piece']}"
    return id if len(id.encode()) <= MOST_KEY_BYTES else hashlib.sha256(id.encode()).hexdigest()

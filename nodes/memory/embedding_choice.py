"""Makes vectors by the EMBEDDINGS node that is connected, else as a node's own parameter says."""

from collections.abc import Sequence
from typing import Any

from nodes.base import NodeExecutionContext
from nodes.equipment import served_by
from nodes.memory.embedding import Embedded, Embedding, Purpose, embed
from orchestrator.model import ConnectionType


async def embed_by(
    context: NodeExecutionContext[Any], own: Embedding | None, texts: Sequence[str], purpose: Purpose
) -> Embedded:
    """The vectors of texts, with the model's name, where it is known."""
    embedders = served_by(context.equipment, ConnectionType.AI_EMBEDDING)
    if not embedders:
        return await embed(context, own or Embedding(), texts, purpose)
    embedder, provider = embedders[0]
    vectors = [list(vector) for vector in await embedder.embed(provider, texts, purpose)]
    return Embedded(vectors, getattr(provider.parameters, "model_name", ""), None)

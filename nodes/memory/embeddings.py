"""Turns texts into vectors, whose nearness is the nearness of what the texts mean."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from nodes.base import NodeExecutionContext, NodeExecutor, PermanentError
from nodes.credentials.credential import CredentialSlot
from nodes.equipment import Embedder
from nodes.memory.embedding import Embedding, Purpose, embed
from nodes.memory.operation import MOST_VALUE_BYTES
from nodes.memory.request import Json
from nodes.models.credentials import OPENAI_API_KEY
from nodes.parameters import misuse
from nodes.values import shown
from orchestrator.model import NodeType

MOST_TEXTS = 2048


def _texts(given: object) -> object:
    if isinstance(given, list) and not 1 <= len(given) <= MOST_TEXTS:
        raise misuse(f"is a list of {len(given)}; expected 1 to {MOST_TEXTS:,} texts")
    for index, text in enumerate(given if isinstance(given, list) else [given]):
        where = f"[{index}] " if isinstance(given, list) else ""
        if not isinstance(text, str):
            raise misuse(f"{where}is {shown(text)}; expected text, or a list of texts")
        if not text.strip():
            raise misuse(f"{where}is empty; there is nothing to embed")
        if len(text) > MOST_VALUE_BYTES:
            raise misuse(f"{where}has {len(text):,} characters; at most {MOST_VALUE_BYTES:,} are allowed")
    return given


class EmbeddingsParameters(Embedding):
    """Parameters of EMBEDDINGS."""

    text: Annotated[str | list[str] | None, BeforeValidator(_texts)] = Field(
        default=None, description="A text, or a list of at most 2,048; left out where the node serves others."
    )
    input_type: Purpose = Field(
        default="document",
        description="Whether the texts are searched in or asked for; some models tell the two apart.",
    )


class Embeddings(NodeExecutor[EmbeddingsParameters], Embedder):
    """Emits `embedding` for one text, `embeddings` for a list, with `model`, `dimensions` and `tokens`."""

    type = NodeType.MEMORY_NODE
    subtype = "EMBEDDINGS"
    model = EmbeddingsParameters
    credentials: ClassVar = {"auth": CredentialSlot((OPENAI_API_KEY,), required=False)}

    async def execute(self, context: NodeExecutionContext[EmbeddingsParameters]) -> Json:
        """The vectors for one item."""
        given = context.parameters
        if given.text is None:
            raise PermanentError(
                'the parameter "text" is missing; a node that items reach needs it',
                code="MISSING_PARAMETER",
                hint="give the text, or connect the node to others as ai_embedding",
            )
        texts = [given.text] if isinstance(given.text, str) else given.text
        found = await embed(context, given, texts, given.input_type)
        vectors = {"embedding": found.vectors[0]} if isinstance(given.text, str) else {"embeddings": found.vectors}
        return {**vectors, "model": found.model, "dimensions": len(found.vectors[0]), "tokens": found.tokens}

    async def embed(
        self, context: NodeExecutionContext[Any], texts: Sequence[str], purpose: Purpose
    ) -> Sequence[Sequence[float]]:
        """The vectors of texts that another node has."""
        return (await embed(context, context.parameters, texts, purpose)).vectors

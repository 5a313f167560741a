"""Makes vectors of texts: which provider and model is the node's choice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field

from nodes.base import NodeExecutionContext, Parameters
from nodes.errors import PermanentError
from nodes.memory import local_embeddings, openai_embeddings
from nodes.parameters import Duration

Purpose = Literal["document", "query"]
MOST_DIMENSIONS = 16_000


class Embedding(Parameters):
    """Which model makes the vectors."""

    provider: Literal["openai", "local"] = Field(
        default="openai",
        description="`openai`: OpenAI's API, or at `base_url` any that speaks it. "
        "`local`: a model that comes with the extra `embeddings-local`, without network.",
    )
    model: str = Field(
        default="",
        max_length=200,
        description=f"The model's name; by default {openai_embeddings.DEFAULT_MODEL} of openai, "
        f"{local_embeddings.DEFAULT_MODEL} of local.",
    )
    dimensions: int | None = Field(
        default=None, ge=1, le=MOST_DIMENSIONS, description="How long the vectors are, where the model leaves a choice."
    )
    base_url: str = Field(
        default="",
        max_length=8192,
        description="Where another service speaks OpenAI's API, up to and with `/v1`; the credential's by default.",
    )
    timeout: Duration = Field(default=60.0, gt=0, le=3600, description="How long one request may take.")

    @property
    def model_name(self) -> str:
        """The model that is meant."""
        return self.model or DEFAULT_MODELS[self.provider]


@dataclass(frozen=True)
class Embedded:
    """The vectors of texts, in their order; `tokens` as the provider counts them, if it does."""

    vectors: list[list[float]]
    model: str
    tokens: int | None


DEFAULT_MODELS: Mapping[str, str] = MappingProxyType(
    {"openai": openai_embeddings.DEFAULT_MODEL, "local": local_embeddings.DEFAULT_MODEL}
)


async def embed(
    context: NodeExecutionContext[Any], choice: Embedding, texts: Sequence[str], purpose: Purpose
) -> Embedded:
    """The vectors of texts; `purpose` matters to models that read questions and passages differently."""
    if choice.provider == "local":
        vectors = await local_embeddings.vectors_of(choice.model_name, texts, is_query=purpose == "query")
        tokens = None
    else:
        vectors, tokens = await openai_embeddings.vectors_of(
            context, choice.base_url, choice.model_name, texts, choice.dimensions, choice.timeout
        )
    _check(choice, vectors)
    counted = "" if tokens is None else f", {tokens} tokens"
    context.log(f"{len(texts)} {'text' if len(texts) == 1 else 'texts'} embedded by {choice.model_name}{counted}")
    return Embedded(vectors, choice.model_name, tokens)


def _check(choice: Embedding, vectors: Sequence[Sequence[float]]) -> None:
    lengths = {len(vector) for vector in vectors}
    wanted = choice.dimensions or len(vectors[0])
    if lengths != {wanted}:
        other = next(length for length in sorted(lengths) if length != wanted)
        raise PermanentError(
            f"the model {choice.model_name} made a vector of {other} dimensions; {wanted} were expected",
            code="DIMENSION_MISMATCH",
            hint='leave "dimensions" out, or name a model that can be shortened',
        )

"""Says how documents are cut into pieces, where they are loaded into a store or are too long for a prompt."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from nodes.ai_agent.provider import ProviderNode
from nodes.base import NodeExecutionContext, Parameters
from nodes.equipment import Splitter
from nodes.parameters import misuse
from nodes.texts.splitting import Splitting, pieces


class TextSplitterParameters(Parameters):
    """Parameters of TEXT_SPLITTER."""

    chunk_size: int = Field(default=1000, ge=20, le=100_000, description="The most characters in a piece.")
    chunk_overlap: int = Field(
        default=100, ge=0, le=50_000, description="How many characters of a piece the next one may repeat."
    )
    format: Literal["text", "markdown"] = Field(
        default="text", description="Whether headings, lists and code of Markdown hold pieces together."
    )

    @model_validator(mode="after")
    def _shorter(self) -> Self:
        known = isinstance(self.chunk_size, int) and isinstance(self.chunk_overlap, int)
        if known and self.chunk_overlap >= self.chunk_size:
            raise misuse(f'has a "chunk_overlap" of {self.chunk_overlap}; it must be less than "chunk_size"')
        return self


class TextSplitterNode(ProviderNode[TextSplitterParameters], Splitter):
    """Serves over `ai_text_splitter`."""

    subtype = "TEXT_SPLITTER"
    model = TextSplitterParameters

    def split(self, context: NodeExecutionContext[Any], text: str) -> Sequence[str]:
        """The pieces, cut at the largest break that lets them fit."""
        given: TextSplitterParameters = context.parameters
        return pieces(text, Splitting(given.chunk_size, given.chunk_overlap, given.format))

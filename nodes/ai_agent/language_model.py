"""Stands for a chat model that agents may ask; several at one agent are asked in their order until one answers."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from nodes.ai_agent.provider import ProviderNode
from nodes.base import NodeExecutionContext, Parameters
from nodes.credentials.credential import CredentialSlot
from nodes.equipment import LanguageModel, ModelChoice
from nodes.models.credentials import ANTHROPIC_API_KEY, OPENAI_API_KEY


class LanguageModelParameters(Parameters):
    """Parameters of LANGUAGE_MODEL."""

    provider: Literal["openai", "anthropic"] = Field(
        default="openai", description="Whose wire format the model speaks; `openai` is that of most services."
    )
    model: str = Field(min_length=1, max_length=200, description="The model's name.")
    base_url: str = Field(
        default="",
        max_length=8192,
        description="Where another service speaks that wire format; the provider's own address by default.",
    )
    temperature: float | None = Field(
        default=None, ge=0, le=2, description="How freely it chooses its words; the agent's by default."
    )
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="How many tokens it may write in one turn; the agent's `max_answer_tokens` by default.",
    )


class LanguageModelNode(ProviderNode[LanguageModelParameters], LanguageModel):
    """Serves over `ai_language_model`."""

    subtype = "LANGUAGE_MODEL"
    model = LanguageModelParameters
    credentials: ClassVar[Mapping[str, CredentialSlot]] = {
        "auth": CredentialSlot((OPENAI_API_KEY, ANTHROPIC_API_KEY), required=False)
    }

    def choice(self, context: NodeExecutionContext[Any]) -> ModelChoice:
        """The model that its parameters name."""
        given: LanguageModelParameters = context.parameters
        return ModelChoice(given.provider, given.model, given.base_url, given.temperature, given.max_tokens)

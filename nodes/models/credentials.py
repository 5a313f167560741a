"""The credentials of the providers of models."""

from collections.abc import Mapping

from pydantic import Field, SecretStr

from nodes.credentials.checking import bearing, requesting
from nodes.credentials.credential import Credential, CredentialFields, CredentialType

OPENAI_URL = "https://api.openai.com/v1"
ANTHROPIC_URL = "https://api.anthropic.com"
ANTHROPIC_VERSION = "2023-06-01"


class OpenAiKey(CredentialFields):
    """A key for OpenAI's API, or for a service that speaks it."""

    api_key: SecretStr = Field(description="The key.")
    base_url: str = Field(default="", description="Where another service speaks OpenAI's API, up to and with /v1.")
    organization: str = Field(default="", max_length=200, description="The organization that pays, if there are many.")


class AnthropicKey(CredentialFields):
    """A key for Anthropic's API, or for a service that speaks it."""

    api_key: SecretStr = Field(min_length=1, description="The key.")
    base_url: str = Field(default="", description="Where another service speaks Anthropic's API, without /v1.")


def anthropic_headers(credential: Credential) -> Mapping[str, str]:
    """What a request to Anthropic's API carries of a credential."""
    fields = credential.fields
    assert isinstance(fields, AnthropicKey)
    return {"x-api-key": fields.api_key.get_secret_value().strip(), "anthropic-version": ANTHROPIC_VERSION}


OPENAI_API_KEY = CredentialType(
    "openai_api_key",
    "OpenAI API key",
    OpenAiKey,
    hosts=("api.openai.com",),
    check=bearing(f"{OPENAI_URL}/models", "api_key"),
)
ANTHROPIC_API_KEY = CredentialType(
    "anthropic_api_key",
    "Anthropic API key",
    AnthropicKey,
    hosts=("api.anthropic.com",),
    check=requesting(f"{ANTHROPIC_URL}/v1/models", anthropic_headers),
)

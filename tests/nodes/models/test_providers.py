"""What opening a model checks."""

from typing import Any

import pytest

from nodes.credentials.credential import Credential
from nodes.errors import PermanentError
from nodes.http.egress import Egress
from nodes.models.anthropic_messages import AnthropicMessages
from nodes.models.chat import ChatRequest, Message
from nodes.models.openai_chat import OpenAiChat
from nodes.models.providers import open_model
from tests.nodes.models.conftest import key_of


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ({"provider": "openia"}, "UNKNOWN_PROVIDER", '"openia"'),
        ({"model": " "}, "MISSING_PARAMETER", "no model"),
        ({"credential": None}, "MISSING_CREDENTIAL", "OpenAI API key"),
        ({"provider": "anthropic", "credential": None}, "MISSING_CREDENTIAL", "Anthropic API key"),
        ({"provider": "anthropic"}, "INVALID_CREDENTIAL", "needs one of the type Anthropic API key"),
        ({"base_url": "https://evil.example/v1"}, "CREDENTIAL_HOST", "evil.example"),
        ({"base_url": "ftp://127.0.0.1"}, "INVALID_PARAMETER", '"base_url"'),
        ({"base_url": "localhost:8000"}, "INVALID_PARAMETER", '"base_url"'),
        ({"base_url": "http://[::1"}, "INVALID_PARAMETER", '"base_url"'),
        (
            {"credential": key_of("openai", ("api.openai.com",), api_key="sk-\u200bcopied")},
            "INVALID_CREDENTIAL",
            "characters",
        ),
        (
            {"credential": key_of("openai", ("api.openai.com",), api_key="sk-a\nx: y")},
            "INVALID_CREDENTIAL",
            "characters",
        ),
    ],
)
def test_what_is_refused(egress: Egress, given: dict[str, Any], code: str, says: str) -> None:
    usual = {"provider": "openai", "model": "m", "credential": key_of("openai", ("api.openai.com", "127.0.0.1"))}
    with pytest.raises(PermanentError) as caught:
        open_model(egress, **{"base_url": "", "timeout": 5.0, **usual, **given})
    assert caught.value.code == code
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("provider", "credential", "base_url", "kind"),
    [
        ("openai", key_of("openai", ("api.openai.com",)), "", OpenAiChat),
        ("anthropic", key_of("anthropic", ("api.anthropic.com",)), "", AnthropicMessages),
        ("openai", None, "http://models.example/v1", OpenAiChat),
        ("anthropic", None, "https://gateway.example/v1/", AnthropicMessages),
    ],
)
def test_what_opens(
    egress: Egress, provider: str, credential: Credential | None, base_url: str, kind: type[Any]
) -> None:
    opened = open_model(egress, provider=provider, model="m", credential=credential, base_url=base_url, timeout=5.0)
    assert isinstance(opened, kind)


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("https://api.openai.com.example/v1", "max_tokens"),
        ("http://localhost:11434/v1", "max_tokens"),
    ],
)
def test_what_the_limit_on_tokens_is_called(egress: Egress, base_url: str, name: str) -> None:
    opened = open_model(egress, provider="openai", model="m", credential=None, base_url=base_url, timeout=5.0)
    assert isinstance(opened, OpenAiChat)
    body = opened.body(ChatRequest([Message("user", "hello")], max_tokens=7))
    assert {key: value for key, value in body.items() if value == 7} == {name: 7}

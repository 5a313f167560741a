"""What models cost, and how tokens are guessed."""

import pytest

from nodes.models.chat import Message, Picture, ToolCall
from nodes.models.prices import cost, is_priced
from nodes.models.tokens import estimate


@pytest.mark.parametrize(
    ("provider", "model", "usd"),
    [
        ("openai", "gpt-4o", 2.5),
        ("openai", "gpt-4o-2024-11-20", 2.5),
        ("openai", "gpt-4o-mini-2024-07-18", 0.15),
        ("openai", "openai/GPT-4o", 2.5),
        ("openai", "gpt-4o-audio-preview", 0.0),
        ("openai", "gpt-5-chat-latest", 0.0),
        ("anthropic", "claude-haiku-4-5-20251001", 1.0),
        ("anthropic", "claude-sonnet-4-5@20250929", 3.0),
        ("anthropic", "claude-opus-5-latest", 5.0),
        ("anthropic", "claude-opus-5-5", 4.0),
        # More than 100,000 tokens at once.
        ("anthropic", "claude-haiku-5-5", 0.5),
        ("anthropic", "gpt-4o", 0.0),
        ("openai", "llama3", 0.0),
        ("other", "gpt-4o", 0.0),
    ],
)
def test_a_million_tokens_of_input(provider: str, model: str, usd: float) -> None:
    assert cost(provider, model, 1_000_000, 0) == pytest.approx(usd)
    assert is_priced(provider, model) == (usd > 0)


@pytest.mark.parametrize(
    ("tokens", "usd"),
    [
        ((1000, 0, 0), 0.00125),
        ((1000, 100, 0), 0.00225),
        ((1000, 0, 1000), 0.000125),
        ((1000, 0, 5000), 0.000125),
        ((0, 0, 0), 0.0),
    ],
)
def test_input_output_and_what_was_cached(tokens: tuple[int, int, int], usd: float) -> None:
    assert cost("openai", "gpt-5", *tokens) == pytest.approx(usd)


def test_a_long_request_is_dearer() -> None:
    assert cost("anthropic", "claude-haiku-5-5", 100_000, 0) == pytest.approx(0.01)
    assert cost("anthropic", "claude-haiku-5-5", 100_001, 1000, 1) == pytest.approx(0.05 + 0.0025 + 0.00000005)


@pytest.mark.parametrize(
    ("messages", "tokens"),
    [
        ([], 0),
        ([Message("user", "")], 4),
        ([Message("user", "12345")], 6),
        (
            [Message("user", "1234"), Message("assistant", calls=(ToolCall("a", "name", '{"a": 1}'),))],
            4 + 1 + 4 + 1 + 2,
        ),
        ([Message("user", pictures=(Picture("image/png", b"x" * 9999),))], 1004),
    ],
)
def test_a_guess_at_tokens(messages: list[Message], tokens: int) -> None:
    assert estimate(messages) == tokens

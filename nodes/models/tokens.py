"""A guess at how many tokens messages have, where no provider has counted them yet."""

from collections.abc import Sequence

from nodes.models.chat import Message

_CHARACTERS_PER_TOKEN = 4
_PER_MESSAGE = 4
# Providers count 85 to 1,600 for a picture, by its size.
_PER_PICTURE = 1000


def estimate(messages: Sequence[Message]) -> int:
    """About how many tokens the messages have; good for limits, not for bills."""
    return sum(_of(message) for message in messages)


def estimate_text(text: str) -> int:
    """About how many tokens a text has."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def _of(message: Message) -> int:
    written = sum(estimate_text(call.name) + estimate_text(call.arguments) for call in message.calls)
    return _PER_MESSAGE + estimate_text(message.text) + written + _PER_PICTURE * len(message.pictures)

"""Reads a provider's stream to its end, whichever SDK it comes from."""

from collections.abc import Awaitable
from typing import Any, Protocol

import httpx2

from nodes.models.chat import Answer, Message, Usage
from nodes.models.connection import Connection
from nodes.models.failure import failure, no_stream, refusal


class Turn(Protocol):
    """A model's turn while it arrives."""

    has_begun: bool

    def take(self, piece: Any, /) -> None:
        """Adds a piece."""

    def check_end(self, connection: Connection) -> None:
        """RetryableError if the pieces ended before the turn did."""


async def drain(connection: Connection, turn: Turn, opening: Awaitable[Any], kind: type[Exception]) -> Answer | None:
    """Gives a turn all of a stream, whose SDK raises errors of a kind; an answer only if the content was refused."""
    try:
        stream = await opening
        async for piece in stream:
            turn.take(piece)
    except (kind, httpx2.HTTPError, httpx2.StreamError, ValueError) as error:
        said = refusal(error)
        if said is None:
            raise failure(connection, error) from None
        return Answer(Message("assistant", said), Usage(connection.provider, connection.model, 0, 0), "refusal")
    content_type = str(stream.response.headers.get("content-type", "")).partition(";")[0].strip()
    if not turn.has_begun and content_type != "text/event-stream":
        raise no_stream(connection, content_type)
    turn.check_end(connection)
    return None


def nowhere(_: str) -> None:
    """Takes the pieces of a text that is read only as a whole."""

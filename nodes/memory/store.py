"""What the memory nodes need of the store, as protocols; `services` implements them and hands them over.

Every method answers with JSON, the way the node emits it. A write is made once for each idempotency key: repeated, it
answers what it answered. PermanentError says what doesn't fit what is stored, RetryableError that the store is out of
reach.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from nodes.errors import PermanentError
from nodes.memory.request import (
    Caller,
    Condition,
    Filter,
    Json,
    Message,
    Metric,
    Page,
    Pattern,
    Search,
    TextSearch,
    Triple,
    VectorRecord,
    Walk,
)


class Values(Protocol):
    """JSON values by namespace and key; `value` is JSON text."""

    async def get(self, caller: Caller, namespace: str, key: str) -> Json:
        """The value, if there is one that hasn't expired."""

    async def set(
        self, caller: Caller, namespace: str, key: str, value: str, ttl: float | None, condition: Condition
    ) -> Json:
        """Stores a value if the condition holds; without `ttl` (seconds) it lasts."""

    async def increment(
        self, caller: Caller, namespace: str, key: str, by: int | float | Any, ttl: float | None
    ) -> Json:
        """Adds to a number, 0 if there is none; `ttl` counts from when there was none."""

    async def delete(self, caller: Caller, namespace: str, key: str) -> Json:
        """Removes a value."""

    async def list(self, caller: Caller, namespace: str, page: Page) -> Json:
        """Values in the order of their keys."""


class Buffers(Protocol):
    """Conversations by session key."""

    async def append(
        self, caller: Caller, session_key: str, messages: Sequence[Message], keep: int, keep_tokens: int | None
    ) -> Json:
        """Adds messages at the end; drops the oldest beyond what is to be kept, but never the new ones."""

    async def read(self, caller: Caller, session_key: str, limit: int, max_tokens: int | None) -> Json:
        """The last messages, the oldest first."""

    async def clear(self, caller: Caller, session_key: str) -> Json:
        """Forgets the conversation."""


class Graphs(Protocol):
    """Statements by namespace."""

    async def add(self, caller: Caller, namespace: str, triples: Sequence[Triple]) -> Json:
        """Adds the statements that aren't there yet."""

    async def query(self, caller: Caller, namespace: str, pattern: Pattern, limit: int) -> Json:
        """The statements that fit."""

    async def neighbours(self, caller: Caller, namespace: str, start: str, walk: Walk) -> Json:
        """The entities around one, the nearest first."""

    async def path(self, caller: Caller, namespace: str, start: str, end: str, walk: Walk) -> Json:
        """A shortest way between two entities."""

    async def delete(self, caller: Caller, namespace: str, pattern: Pattern) -> Json:
        """Removes the statements that fit."""


class Vectors(Protocol):
    """Vectors by collection."""

    async def upsert(
        self, caller: Caller, collection: str, records: Sequence[VectorRecord], metric: Metric | None, model: str
    ) -> Json:
        """Stores vectors, replacing those of the same ids; the first decide dimension, metric and model."""

    async def search(self, caller: Caller, collection: str, search: Search, model: str) -> Json:
        """The nearest vectors, the nearest first."""

    async def delete(self, caller: Caller, collection: str, ids: Sequence[str], filter: Filter | None) -> Json:
        """Removes vectors by id or by filter; the whole collection if neither is given."""


class Documents(Protocol):
    """Documents by collection; `document` is JSON text, `body` the text to be found."""

    async def put(
        self, caller: Caller, collection: str, id: str, document: str, body: str, language: str | None
    ) -> Json:
        """Stores a document, replacing the one of the same id; the first decides the language."""

    async def get(self, caller: Caller, collection: str, id: str) -> Json:
        """The document, if there is one."""

    async def search(self, caller: Caller, collection: str, search: TextSearch) -> Json:
        """The documents that fit, the best first."""

    async def list(self, caller: Caller, collection: str, page: Page) -> Json:
        """Documents in the order of their ids."""

    async def delete(self, caller: Caller, collection: str, ids: Sequence[str]) -> Json:
        """Removes documents; the whole collection if no id is given."""


class Memory(Protocol):
    """What workflows remember."""

    @property
    def values(self) -> Values:
        """JSON values."""

    @property
    def buffers(self) -> Buffers:
        """Conversations."""

    @property
    def graphs(self) -> Graphs:
        """Statements."""

    @property
    def vectors(self) -> Vectors:
        """Vectors."""

    @property
    def documents(self) -> Documents:
        """Documents."""


class NoMemory(Memory):
    """The memory of a process that has none."""

    @property
    def values(self) -> Values:
        """Always an error."""
        raise _none()

    @property
    def buffers(self) -> Buffers:
        """Always an error."""
        raise _none()

    @property
    def graphs(self) -> Graphs:
        """Always an error."""
        raise _none()

    @property
    def vectors(self) -> Vectors:
        """Always an error."""
        raise _none()

    @property
    def documents(self) -> Documents:
        """Always an error."""
        raise _none()


def _none() -> PermanentError:
    return PermanentError("this process has no memory store", code="NO_MEMORY", hint="run the node in a worker")

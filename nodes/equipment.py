"""What nodes do for each other over AI connections: who serves a node, and what a server of each kind can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

from nodes.errors import PermanentError
from orchestrator.model import ConnectionType

if TYPE_CHECKING:
    from nodes.base import BaseNodeExecutor, NodeExecutionContext
    from nodes.credentials.credential import CredentialSlot
    from nodes.models.chat import Message


@dataclass(frozen=True)
class Provider:
    """A node that serves another one, with its parameters resolved for the item in hand."""

    executor: BaseNodeExecutor
    context: NodeExecutionContext[Any]

    @property
    def name(self) -> str:
        """The node's name."""
        return self.context.node.name


Equipment = Mapping[ConnectionType, Sequence[Provider]]


@dataclass(frozen=True)
class Document:
    """A text that was found or is to be kept; `source` says where it comes from, `score` how well it fits."""

    id: str
    text: str
    source: Mapping[str, Any] = field(default_factory=dict)
    score: float = 0.0


@dataclass(frozen=True)
class ModelChoice:
    """Which model to call, and how; `context` opens the credential (slot `auth`), or names none."""

    provider: Literal["openai", "anthropic"]
    model: str
    base_url: str = ""
    temperature: float | None = None
    max_tokens: int | None = None


class LanguageModel(ABC):
    """Serves AI_LANGUAGE_MODEL."""

    credentials: ClassVar[Mapping[str, CredentialSlot]]

    @abstractmethod
    def choice(self, context: NodeExecutionContext[Any]) -> ModelChoice:
        """The model that the node stands for."""


class Memory(ABC):
    """Serves AI_MEMORY: read before an agent's first turn, written after its last."""

    @abstractmethod
    async def recall(self, context: NodeExecutionContext[Any], session: str, prompt: str) -> Sequence[Message]:
        """What is remembered of a session that matters for a prompt, as messages that go before it."""

    @abstractmethod
    async def remember(
        self, context: NodeExecutionContext[Any], session: str, said: Sequence[Message], key: str
    ) -> None:
        """Keeps what was said; with the same key again it changes nothing."""


class Retriever(ABC):
    """Serves AI_RETRIEVER and AI_VECTOR_STORE."""

    @abstractmethod
    async def retrieve(self, context: NodeExecutionContext[Any], query: str, top_k: int) -> Sequence[Document]:
        """The documents that fit a question best, the best one first."""


class DocumentSource(ABC):
    """Serves AI_DOCUMENT."""

    @abstractmethod
    async def documents(self, context: NodeExecutionContext[Any]) -> Sequence[Document]:
        """Every document that the node's parameters choose."""


class Splitter(ABC):
    """Serves AI_TEXT_SPLITTER."""

    @abstractmethod
    def split(self, context: NodeExecutionContext[Any], text: str) -> Sequence[str]:
        """The pieces of a text."""


class Embedder(ABC):
    """Serves AI_EMBEDDING."""

    @abstractmethod
    async def embed(
        self, context: NodeExecutionContext[Any], texts: Sequence[str], purpose: Literal["document", "query"]
    ) -> Sequence[Sequence[float]]:
        """A vector for each text."""


class Reranker(ABC):
    """Serves AI_RERANKER."""

    @abstractmethod
    async def rerank(
        self, context: NodeExecutionContext[Any], query: str, documents: Sequence[Document]
    ) -> Sequence[Document]:
        """The documents by how well they answer, the best one first; those that don't may be left out."""


class OutputParser(ABC):
    """Serves AI_OUTPUT_PARSER."""

    @abstractmethod
    def schema(self, context: NodeExecutionContext[Any]) -> Mapping[str, Any]:
        """The JSON Schema that an answer must satisfy."""


def serving(equipment: Equipment, type_: ConnectionType) -> Sequence[Provider]:
    """The nodes that serve over connections of a type, in the order written; those that are disabled don't."""
    return [provider for provider in equipment.get(type_, ()) if not provider.context.node.disabled]


_KINDS: Mapping[ConnectionType, type] = MappingProxyType(
    {
        ConnectionType.AI_LANGUAGE_MODEL: LanguageModel,
        ConnectionType.AI_MEMORY: Memory,
        ConnectionType.AI_RETRIEVER: Retriever,
        ConnectionType.AI_VECTOR_STORE: Retriever,
        ConnectionType.AI_DOCUMENT: DocumentSource,
        ConnectionType.AI_TEXT_SPLITTER: Splitter,
        ConnectionType.AI_EMBEDDING: Embedder,
        ConnectionType.AI_RERANKER: Reranker,
        ConnectionType.AI_OUTPUT_PARSER: OutputParser,
    }
)


@overload
def served_by(
    equipment: Equipment, type_: Literal[ConnectionType.AI_LANGUAGE_MODEL]
) -> list[tuple[LanguageModel, NodeExecutionContext[Any]]]: ...
@overload
def served_by(
    equipment: Equipment, type_: Literal[ConnectionType.AI_MEMORY]
) -> list[tuple[Memory, NodeExecutionContext[Any]]]: ...
@overload
def served_by(
    equipment: Equipment, type_: Literal[ConnectionType.AI_RETRIEVER]
) -> list[tuple[Retriever, NodeExecutionContext[Any]]]: ...
@overload
def served_by(
    equipment: Equipment, type_: Literal[ConnectionType.AI_VECTOR_STORE]
) -> list[tuple[Retriever, NodeExecutionContext[Any]]]: ...
@overload
def served_by(
    equipment: Equipment, type_: Literal[ConnectionType.AI_DOCUMENT]
) -> list[tuple[DocumentSource, NodeExecutionContext[Any]]]: ...
@overload
def served_by(
    equipment: Equipment, type_: Literal[ConnectionType.AI_TEXT_SPLITTER]
) -> list[tuple[Splitter, NodeExecutionContext[Any]]]: ...
@overload
def served_by(
    equipment: Equipment, type_: Literal[ConnectionType.AI_EMBEDDING]
) -> list[tuple[Embedder, NodeExecutionContext[Any]]]: ...
@overload
def served_by(
    equipment: Equipment, type_: Literal[ConnectionType.AI_RERANKER]
) -> list[tuple[Reranker, NodeExecutionContext[Any]]]: ...
@overload
def served_by(
    equipment: Equipment, type_: Literal[ConnectionType.AI_OUTPUT_PARSER]
) -> list[tuple[OutputParser, NodeExecutionContext[Any]]]: ...
def served_by(equipment: Equipment, type_: ConnectionType) -> list[tuple[Any, NodeExecutionContext[Any]]]:
    """What serves over connections of a type, each with its own context; PermanentError if one can't."""
    found: list[tuple[Any, NodeExecutionContext[Any]]] = []
    for provider in serving(equipment, type_):
        if not isinstance(provider.executor, _KINDS[type_]):
            raise PermanentError(
                f'the node "{provider.name}" can\'t serve over {type_.value.lower()}',
                code="INVALID_CONNECTION",
                hint="connect a node of another subtype",
            )
        found.append((provider.executor, provider.context))
    return found

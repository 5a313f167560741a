"""Builds agents and what serves them by hand, without an engine: contexts, providers, and peers that count calls."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, cast

from nodes.ai_agent.agent import Agent
from nodes.base import Item, NodeExecutionContext, NodeExecutor
from nodes.equipment import (
    Document,
    DocumentSource,
    Embedder,
    Equipment,
    Memory,
    Provider,
    Reranker,
    Retriever,
)
from nodes.factory import load
from nodes.models.chat import Message
from nodes.resources import Resources
from orchestrator.model import ConnectionType, Node, NodeType
from tests.nodes.tool.parts import MemoryFiles

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CATALOGUE = load()
Served = Sequence[tuple[ConnectionType, Provider]]


def resources(**fields: Any) -> Resources:
    """Resources with files in memory and nothing else."""
    made: dict[str, Any] = dict.fromkeys(("http", "sandbox", "expressions", "credentials"))
    return Resources(**{**made, "files": MemoryFiles(), **fields})


def node_of(kind: str, parameters: Mapping[str, Any], **fields: Any) -> Node:
    """A node such as AI_AGENT.ROUTER_AGENT."""
    family, _, subtype = kind.partition(".")
    return Node(
        type=NodeType(f"{family}_NODE"), subtype=subtype, parameters=dict(parameters), **{"name": "N", **fields}
    )


def executor_of(kind: str) -> NodeExecutor[Any]:
    """The catalogue's executor of such a node."""
    return cast(NodeExecutor[Any], CATALOGUE.find(node_of(kind, {})))


def context_of(
    kind: str,
    parameters: Mapping[str, Any],
    *inputs: Sequence[Mapping[str, Any]],
    served: Served = (),
    node: Mapping[str, Any] | None = None,
    **fields: Any,
) -> NodeExecutionContext[Any]:
    """The context of one call, with parameters that are resolved."""
    executor = executor_of(kind)
    items = [[one if "json" in one else {"json": one} for one in port] for port in inputs or ([{}],)]
    equipment: dict[ConnectionType, list[Provider]] = {}
    for type_, provider in served:
        equipment.setdefault(type_, []).append(provider)
    return NodeExecutionContext(
        node=node_of(kind, parameters, **(node or {})),
        parameters=executor.parse(parameters),
        inputs=cast(Sequence[Sequence[Item]], items),
        slots=executor.credentials,
        resolved=parameters,
        equipment=cast(Equipment, equipment),
        **{"resources": resources(), "now": NOW, "execution_id": "run-1", "idempotency_key": "key-1", **fields},
    )


def agent_of(kind: str) -> Agent[Any]:
    """An agent of the catalogue."""
    return cast(Agent[Any], executor_of(f"AI_AGENT.{kind}"))


def provider_of(kind: str, parameters: Mapping[str, Any], name: str = "P", **fields: Any) -> Provider:
    """A node of the catalogue that serves another."""
    node = {"name": name, **fields.pop("node", {})}
    return Provider(executor_of(kind), context_of(kind, parameters, node=node, **fields))


class Peer(NodeExecutor[Any], Memory, Retriever, DocumentSource, Embedder, Reranker):
    """Serves whatever is asked, from what it is given, and keeps what it is told."""

    type = NodeType.CUSTOM_NODE
    subtype = "PEER"
    credentials: ClassVar = {}

    def __init__(self, documents: Sequence[Document] = (), messages: Sequence[Message] = ()) -> None:
        self.given = list(documents)
        self.messages = list(messages)
        self.asked: list[Any] = []

    def execute(self, context: NodeExecutionContext[Any]) -> dict[str, Any]:
        return {}

    async def recall(self, context: NodeExecutionContext[Any], session: str, prompt: str) -> Sequence[Message]:
        self.asked.append((session, prompt))
        return self.messages

    async def remember(
        self, context: NodeExecutionContext[Any], session: str, said: Sequence[Message], key: str
    ) -> None:
        self.messages += said

    async def retrieve(self, context: NodeExecutionContext[Any], query: str, top_k: int) -> Sequence[Document]:
        self.asked.append((query, top_k))
        return self.given[:top_k]

    async def documents(self, context: NodeExecutionContext[Any]) -> Sequence[Document]:
        return self.given

    async def embed(
        self, context: NodeExecutionContext[Any], texts: Sequence[str], purpose: Literal["document", "query"]
    ) -> Sequence[Sequence[float]]:
        """How often each letter stands in a text."""
        self.asked.append((purpose, len(texts)))
        return [[1.0 + text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]

    async def rerank(
        self, context: NodeExecutionContext[Any], query: str, documents: Sequence[Document]
    ) -> Sequence[Document]:
        self.asked.append((query, len(documents)))
        return list(documents)[::-1]

    @property
    def provider(self) -> Provider:
        """It as a provider."""
        context: NodeExecutionContext[Any] = NodeExecutionContext(Node(name="Peer"), None, [], resources(), NOW)
        return Provider(self, context)

"""A workflow as its author wrote it: nodes, the ConnectionsMap and settings, in the shape of the proto3 JSON."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class NodeType(StrEnum):
    """The family of a node."""

    TRIGGER_NODE = "TRIGGER_NODE"
    AI_AGENT_NODE = "AI_AGENT_NODE"
    EXTERNAL_ACTION_NODE = "EXTERNAL_ACTION_NODE"
    ACTION_NODE = "ACTION_NODE"
    FLOW_NODE = "FLOW_NODE"
    HUMAN_IN_THE_LOOP_NODE = "HUMAN_IN_THE_LOOP_NODE"
    TOOL_NODE = "TOOL_NODE"
    MEMORY_NODE = "MEMORY_NODE"
    CUSTOM_NODE = "CUSTOM_NODE"


class ConnectionType(StrEnum):
    """What a connection carries: MAIN a run's items; the others equip one node with another."""

    MAIN = "MAIN"
    AI_AGENT = "AI_AGENT"
    AI_CHAIN = "AI_CHAIN"
    AI_DOCUMENT = "AI_DOCUMENT"
    AI_EMBEDDING = "AI_EMBEDDING"
    AI_LANGUAGE_MODEL = "AI_LANGUAGE_MODEL"
    AI_MEMORY = "AI_MEMORY"
    AI_OUTPUT_PARSER = "AI_OUTPUT_PARSER"
    AI_RETRIEVER = "AI_RETRIEVER"
    AI_RERANKER = "AI_RERANKER"
    AI_TEXT_SPLITTER = "AI_TEXT_SPLITTER"
    AI_TOOL = "AI_TOOL"
    AI_VECTOR_STORE = "AI_VECTOR_STORE"


OnError = Literal["stop", "continue", "error_output"]
FanIn = Literal["join", "each"]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


class Position(_Message):
    """Where a node stands on a canvas."""

    x: float = 0
    y: float = 0


class RetryPolicy(_Message):
    """How often a failed attempt is repeated; durations as text."""

    max_attempts: int = Field(default=1, ge=0, le=1000)
    initial_interval: str = "1s"
    backoff: float = Field(default=2.0, ge=0, le=100)
    max_interval: str = "5m"


class Node(_Message):
    """One step."""

    id: str = ""
    name: str = ""
    type: Annotated[NodeType | None, Field(strict=False)] = None
    subtype: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    position: Position | None = None
    disabled: bool = False
    notes: str = ""
    credentials: dict[str, str] = Field(default_factory=dict)
    retry: RetryPolicy | None = None
    timeout: str = ""
    on_error: Literal["", "stop", "continue", "error_output"] = ""
    always_output: bool = False
    execute_once: bool = False
    fan_in: Literal["", "join", "each"] = ""
    cache_ttl: str = ""
    pinned: list[Any] | None = None


class Connection(_Message):
    """One arrow to `node`'s input port `index`, out of our port `output` (a name or a position)."""

    node: str = ""
    type: Annotated[ConnectionType | None, Field(strict=False)] = None
    index: int = Field(default=0, ge=-(2**31), le=2**31 - 1)
    output: str = ""


class ConnectionArray(_Message):
    """The arrows of one type, in the order written."""

    connections: list[Connection] = Field(default_factory=list)


class NodeConnections(_Message):
    """The arrows out of one node, by connection type."""

    connection_types: dict[str, ConnectionArray] = Field(default_factory=dict)


class ConnectionsMap(_Message):
    """Every arrow of a workflow, by the name of the node it is written at."""

    connections: dict[str, NodeConnections] = Field(default_factory=dict)


class Settings(_Message):
    """What holds for every run of a workflow."""

    error_workflow_id: str = ""
    timeout: str = ""
    timezone: str = ""
    # 0 is the default, 3.
    priority: int = Field(default=0, ge=0, le=5)
    variables: dict[str, Any] = Field(default_factory=dict)


class Workflow(_Message):
    """A workflow's definition; the last four fields are the server's and are ignored when a client sends them."""

    id: str = ""
    name: str = ""
    description: str = ""
    nodes: list[Node] = Field(default_factory=list)
    connections: ConnectionsMap = Field(default_factory=ConnectionsMap)
    settings: Settings = Field(default_factory=Settings)
    tags: list[str] = Field(default_factory=list)
    version: int = 0
    user_id: str = ""
    created_at: str = ""
    updated_at: str = ""

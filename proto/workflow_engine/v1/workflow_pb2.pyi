import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NodeType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NODE_TYPE_UNSPECIFIED: _ClassVar[NodeType]
    TRIGGER_NODE: _ClassVar[NodeType]
    AI_AGENT_NODE: _ClassVar[NodeType]
    EXTERNAL_ACTION_NODE: _ClassVar[NodeType]
    ACTION_NODE: _ClassVar[NodeType]
    FLOW_NODE: _ClassVar[NodeType]
    HUMAN_IN_THE_LOOP_NODE: _ClassVar[NodeType]
    TOOL_NODE: _ClassVar[NodeType]
    MEMORY_NODE: _ClassVar[NodeType]
    CUSTOM_NODE: _ClassVar[NodeType]

class ConnectionType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONNECTION_TYPE_UNSPECIFIED: _ClassVar[ConnectionType]
    MAIN: _ClassVar[ConnectionType]
    AI_AGENT: _ClassVar[ConnectionType]
    AI_CHAIN: _ClassVar[ConnectionType]
    AI_DOCUMENT: _ClassVar[ConnectionType]
    AI_EMBEDDING: _ClassVar[ConnectionType]
    AI_LANGUAGE_MODEL: _ClassVar[ConnectionType]
    AI_MEMORY: _ClassVar[ConnectionType]
    AI_OUTPUT_PARSER: _ClassVar[ConnectionType]
    AI_RETRIEVER: _ClassVar[ConnectionType]
    AI_RERANKER: _ClassVar[ConnectionType]
    AI_TEXT_SPLITTER: _ClassVar[ConnectionType]
    AI_TOOL: _ClassVar[ConnectionType]
    AI_VECTOR_STORE: _ClassVar[ConnectionType]

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    ERROR: _ClassVar[Severity]
    WARNING: _ClassVar[Severity]
NODE_TYPE_UNSPECIFIED: NodeType
TRIGGER_NODE: NodeType
AI_AGENT_NODE: NodeType
EXTERNAL_ACTION_NODE: NodeType
ACTION_NODE: NodeType
FLOW_NODE: NodeType
HUMAN_IN_THE_LOOP_NODE: NodeType
TOOL_NODE: NodeType
MEMORY_NODE: NodeType
CUSTOM_NODE: NodeType
CONNECTION_TYPE_UNSPECIFIED: ConnectionType
MAIN: ConnectionType
AI_AGENT: ConnectionType
AI_CHAIN: ConnectionType
AI_DOCUMENT: ConnectionType
AI_EMBEDDING: ConnectionType
AI_LANGUAGE_MODEL: ConnectionType
AI_MEMORY: ConnectionType
AI_OUTPUT_PARSER: ConnectionType
AI_RETRIEVER: ConnectionType
AI_RERANKER: ConnectionType
AI_TEXT_SPLITTER: ConnectionType
AI_TOOL: ConnectionType
AI_VECTOR_STORE: ConnectionType
SEVERITY_UNSPECIFIED: Severity
ERROR: Severity
WARNING: Severity

class Position(_message.Message):
    __slots__ = ("x", "y")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ...) -> None: ...

class RetryPolicy(_message.Message):
    __slots__ = ("max_attempts", "initial_interval", "backoff", "max_interval")
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    INITIAL_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    MAX_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    max_attempts: int
    initial_interval: str
    backoff: float
    max_interval: str
    def __init__(self, max_attempts: _Optional[int] = ..., initial_interval: _Optional[str] = ..., backoff: _Optional[float] = ..., max_interval: _Optional[str] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("id", "name", "type", "subtype", "parameters", "position", "disabled", "notes", "credentials", "retry", "timeout", "on_error", "always_output", "execute_once", "fan_in", "pinned", "cache_ttl")
    class CredentialsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SUBTYPE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    ON_ERROR_FIELD_NUMBER: _ClassVar[int]
    ALWAYS_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    EXECUTE_ONCE_FIELD_NUMBER: _ClassVar[int]
    FAN_IN_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    CACHE_TTL_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    type: NodeType
    subtype: str
    parameters: _struct_pb2.Struct
    position: Position
    disabled: bool
    notes: str
    credentials: _containers.ScalarMap[str, str]
    retry: RetryPolicy
    timeout: str
    on_error: str
    always_output: bool
    execute_once: bool
    fan_in: str
    pinned: _struct_pb2.ListValue
    cache_ttl: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[_Union[NodeType, str]] = ..., subtype: _Optional[str] = ..., parameters: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., position: _Optional[_Union[Position, _Mapping]] = ..., disabled: _Optional[bool] = ..., notes: _Optional[str] = ..., credentials: _Optional[_Mapping[str, str]] = ..., retry: _Optional[_Union[RetryPolicy, _Mapping]] = ..., timeout: _Optional[str] = ..., on_error: _Optional[str] = ..., always_output: _Optional[bool] = ..., execute_once: _Optional[bool] = ..., fan_in: _Optional[str] = ..., pinned: _Optional[_Union[_struct_pb2.ListValue, _Mapping]] = ..., cache_ttl: _Optional[str] = ...) -> None: ...

class Connection(_message.Message):
    __slots__ = ("node", "type", "index", "output")
    NODE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    node: str
    type: ConnectionType
    index: int
    output: str
    def __init__(self, node: _Optional[str] = ..., type: _Optional[_Union[ConnectionType, str]] = ..., index: _Optional[int] = ..., output: _Optional[str] = ...) -> None: ...

class ConnectionArray(_message.Message):
    __slots__ = ("connections",)
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    connections: _containers.RepeatedCompositeFieldContainer[Connection]
    def __init__(self, connections: _Optional[_Iterable[_Union[Connection, _Mapping]]] = ...) -> None: ...

class NodeConnections(_message.Message):
    __slots__ = ("connection_types",)
    class ConnectionTypesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ConnectionArray
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ConnectionArray, _Mapping]] = ...) -> None: ...
    CONNECTION_TYPES_FIELD_NUMBER: _ClassVar[int]
    connection_types: _containers.MessageMap[str, ConnectionArray]
    def __init__(self, connection_types: _Optional[_Mapping[str, ConnectionArray]] = ...) -> None: ...

class ConnectionsMap(_message.Message):
    __slots__ = ("connections",)
    class ConnectionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: NodeConnections
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[NodeConnections, _Mapping]] = ...) -> None: ...
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    connections: _containers.MessageMap[str, NodeConnections]
    def __init__(self, connections: _Optional[_Mapping[str, NodeConnections]] = ...) -> None: ...

class WorkflowSettings(_message.Message):
    __slots__ = ("error_workflow_id", "timeout", "timezone", "variables", "priority")
    ERROR_WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    error_workflow_id: str
    timeout: str
    timezone: str
    variables: _struct_pb2.Struct
    priority: int
    def __init__(self, error_workflow_id: _Optional[str] = ..., timeout: _Optional[str] = ..., timezone: _Optional[str] = ..., variables: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., priority: _Optional[int] = ...) -> None: ...

class Workflow(_message.Message):
    __slots__ = ("id", "name", "description", "nodes", "connections", "settings", "tags", "version", "user_id", "created_at", "updated_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    description: str
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    connections: ConnectionsMap
    settings: WorkflowSettings
    tags: _containers.RepeatedScalarFieldContainer[str]
    version: int
    user_id: str
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., connections: _Optional[_Union[ConnectionsMap, _Mapping]] = ..., settings: _Optional[_Union[WorkflowSettings, _Mapping]] = ..., tags: _Optional[_Iterable[str]] = ..., version: _Optional[int] = ..., user_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("code", "node", "message", "field", "severity")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    code: str
    node: str
    message: str
    field: str
    severity: Severity
    def __init__(self, code: _Optional[str] = ..., node: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ..., severity: _Optional[_Union[Severity, str]] = ...) -> None: ...

class Problems(_message.Message):
    __slots__ = ("problems",)
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    problems: _containers.RepeatedCompositeFieldContainer[Problem]
    def __init__(self, problems: _Optional[_Iterable[_Union[Problem, _Mapping]]] = ...) -> None: ...

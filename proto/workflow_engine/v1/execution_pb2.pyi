import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from workflow_engine.v1 import ai_system_pb2 as _ai_system_pb2
from workflow_engine.v1 import workflow_pb2 as _workflow_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExecutionMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXECUTION_MODE_UNSPECIFIED: _ClassVar[ExecutionMode]
    MANUAL: _ClassVar[ExecutionMode]
    TRIGGER: _ClassVar[ExecutionMode]
    RETRY: _ClassVar[ExecutionMode]
    SUBWORKFLOW: _ClassVar[ExecutionMode]
    TEST: _ClassVar[ExecutionMode]

class ExecutionStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXECUTION_STATUS_UNSPECIFIED: _ClassVar[ExecutionStatus]
    RUNNING: _ClassVar[ExecutionStatus]
    PAUSED: _ClassVar[ExecutionStatus]
    COMPLETED: _ClassVar[ExecutionStatus]
    FAILED: _ClassVar[ExecutionStatus]
    CANCELED: _ClassVar[ExecutionStatus]
    TIMED_OUT: _ClassVar[ExecutionStatus]

class NodeRunStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NODE_RUN_STATUS_UNSPECIFIED: _ClassVar[NodeRunStatus]
    NODE_RUNNING: _ClassVar[NodeRunStatus]
    NODE_WAITING: _ClassVar[NodeRunStatus]
    NODE_RETRYING: _ClassVar[NodeRunStatus]
    NODE_COMPLETED: _ClassVar[NodeRunStatus]
    NODE_FAILED: _ClassVar[NodeRunStatus]
    NODE_CANCELED: _ClassVar[NodeRunStatus]
    NODE_SKIPPED: _ClassVar[NodeRunStatus]

class EventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_TYPE_UNSPECIFIED: _ClassVar[EventType]
    EXECUTION_STARTED: _ClassVar[EventType]
    EXECUTION_PAUSED: _ClassVar[EventType]
    EXECUTION_RESUMED: _ClassVar[EventType]
    EXECUTION_FINISHED: _ClassVar[EventType]
    NODE_STARTED: _ClassVar[EventType]
    NODE_WAITS: _ClassVar[EventType]
    NODE_FINISHED: _ClassVar[EventType]
    NODE_PROGRESS: _ClassVar[EventType]
EXECUTION_MODE_UNSPECIFIED: ExecutionMode
MANUAL: ExecutionMode
TRIGGER: ExecutionMode
RETRY: ExecutionMode
SUBWORKFLOW: ExecutionMode
TEST: ExecutionMode
EXECUTION_STATUS_UNSPECIFIED: ExecutionStatus
RUNNING: ExecutionStatus
PAUSED: ExecutionStatus
COMPLETED: ExecutionStatus
FAILED: ExecutionStatus
CANCELED: ExecutionStatus
TIMED_OUT: ExecutionStatus
NODE_RUN_STATUS_UNSPECIFIED: NodeRunStatus
NODE_RUNNING: NodeRunStatus
NODE_WAITING: NodeRunStatus
NODE_RETRYING: NodeRunStatus
NODE_COMPLETED: NodeRunStatus
NODE_FAILED: NodeRunStatus
NODE_CANCELED: NodeRunStatus
NODE_SKIPPED: NodeRunStatus
EVENT_TYPE_UNSPECIFIED: EventType
EXECUTION_STARTED: EventType
EXECUTION_PAUSED: EventType
EXECUTION_RESUMED: EventType
EXECUTION_FINISHED: EventType
NODE_STARTED: EventType
NODE_WAITS: EventType
NODE_FINISHED: EventType
NODE_PROGRESS: EventType

class Items(_message.Message):
    __slots__ = ("json",)
    JSON_FIELD_NUMBER: _ClassVar[int]
    json: str
    def __init__(self, json: _Optional[str] = ...) -> None: ...

class PortItems(_message.Message):
    __slots__ = ("port", "count", "size_bytes", "items_json")
    PORT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ITEMS_JSON_FIELD_NUMBER: _ClassVar[int]
    port: str
    count: int
    size_bytes: int
    items_json: str
    def __init__(self, port: _Optional[str] = ..., count: _Optional[int] = ..., size_bytes: _Optional[int] = ..., items_json: _Optional[str] = ...) -> None: ...

class ExecutionError(_message.Message):
    __slots__ = ("code", "node", "message", "hint", "item", "attempt")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    code: str
    node: str
    message: str
    hint: str
    item: int
    attempt: int
    def __init__(self, code: _Optional[str] = ..., node: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ..., item: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class Execution(_message.Message):
    __slots__ = ("execution_id", "workflow_id", "workflow_name", "version", "mode", "status", "trigger", "error", "started_at", "finished_at", "parent_execution_id", "output_json", "last_sequence", "usage")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    PARENT_EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_JSON_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    workflow_id: str
    workflow_name: str
    version: int
    mode: ExecutionMode
    status: ExecutionStatus
    trigger: str
    error: ExecutionError
    started_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    parent_execution_id: str
    output_json: str
    last_sequence: int
    usage: _containers.RepeatedCompositeFieldContainer[_ai_system_pb2.ModelUsage]
    def __init__(self, execution_id: _Optional[str] = ..., workflow_id: _Optional[str] = ..., workflow_name: _Optional[str] = ..., version: _Optional[int] = ..., mode: _Optional[_Union[ExecutionMode, str]] = ..., status: _Optional[_Union[ExecutionStatus, str]] = ..., trigger: _Optional[str] = ..., error: _Optional[_Union[ExecutionError, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., parent_execution_id: _Optional[str] = ..., output_json: _Optional[str] = ..., last_sequence: _Optional[int] = ..., usage: _Optional[_Iterable[_Union[_ai_system_pb2.ModelUsage, _Mapping]]] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("attempt", "failed_at", "error")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FAILED_AT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    failed_at: _timestamp_pb2.Timestamp
    error: ExecutionError
    def __init__(self, attempt: _Optional[int] = ..., failed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., error: _Optional[_Union[ExecutionError, _Mapping]] = ...) -> None: ...

class NodeRun(_message.Message):
    __slots__ = ("node", "run_index", "status", "attempt", "started_at", "finished_at", "inputs", "outputs", "error", "failed_attempts", "logs", "reused", "parent", "usage", "cached")
    NODE_FIELD_NUMBER: _ClassVar[int]
    RUN_INDEX_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    FAILED_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    node: str
    run_index: int
    status: NodeRunStatus
    attempt: int
    started_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    inputs: _containers.RepeatedCompositeFieldContainer[PortItems]
    outputs: _containers.RepeatedCompositeFieldContainer[PortItems]
    error: ExecutionError
    failed_attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    logs: _containers.RepeatedScalarFieldContainer[str]
    reused: bool
    parent: str
    usage: _ai_system_pb2.ModelUsage
    cached: bool
    def __init__(self, node: _Optional[str] = ..., run_index: _Optional[int] = ..., status: _Optional[_Union[NodeRunStatus, str]] = ..., attempt: _Optional[int] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., inputs: _Optional[_Iterable[_Union[PortItems, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[PortItems, _Mapping]]] = ..., error: _Optional[_Union[ExecutionError, _Mapping]] = ..., failed_attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ..., logs: _Optional[_Iterable[str]] = ..., reused: _Optional[bool] = ..., parent: _Optional[str] = ..., usage: _Optional[_Union[_ai_system_pb2.ModelUsage, _Mapping]] = ..., cached: _Optional[bool] = ...) -> None: ...

class ExecutionEvent(_message.Message):
    __slots__ = ("sequence", "type", "at", "node_run", "execution", "text")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    NODE_RUN_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    type: EventType
    at: _timestamp_pb2.Timestamp
    node_run: NodeRun
    execution: Execution
    text: str
    def __init__(self, sequence: _Optional[int] = ..., type: _Optional[_Union[EventType, str]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., node_run: _Optional[_Union[NodeRun, _Mapping]] = ..., execution: _Optional[_Union[Execution, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class ExecuteWorkflowRequest(_message.Message):
    __slots__ = ("workflow_id", "mode", "input", "trigger", "request_id", "version", "user_id")
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    workflow_id: str
    mode: ExecutionMode
    input: Items
    trigger: str
    request_id: str
    version: int
    user_id: str
    def __init__(self, workflow_id: _Optional[str] = ..., mode: _Optional[_Union[ExecutionMode, str]] = ..., input: _Optional[_Union[Items, _Mapping]] = ..., trigger: _Optional[str] = ..., request_id: _Optional[str] = ..., version: _Optional[int] = ..., user_id: _Optional[str] = ...) -> None: ...

class ExecuteWorkflowResponse(_message.Message):
    __slots__ = ("execution_id", "workflow_id", "version", "status")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    workflow_id: str
    version: int
    status: ExecutionStatus
    def __init__(self, execution_id: _Optional[str] = ..., workflow_id: _Optional[str] = ..., version: _Optional[int] = ..., status: _Optional[_Union[ExecutionStatus, str]] = ...) -> None: ...

class GetExecutionRequest(_message.Message):
    __slots__ = ("execution_id",)
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    def __init__(self, execution_id: _Optional[str] = ...) -> None: ...

class GetExecutionResponse(_message.Message):
    __slots__ = ("execution",)
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    execution: Execution
    def __init__(self, execution: _Optional[_Union[Execution, _Mapping]] = ...) -> None: ...

class ListExecutionsRequest(_message.Message):
    __slots__ = ("workflow_id", "statuses", "started_after", "started_before", "page_size", "page_token")
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    STARTED_AFTER_FIELD_NUMBER: _ClassVar[int]
    STARTED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    workflow_id: str
    statuses: _containers.RepeatedScalarFieldContainer[ExecutionStatus]
    started_after: _timestamp_pb2.Timestamp
    started_before: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, workflow_id: _Optional[str] = ..., statuses: _Optional[_Iterable[_Union[ExecutionStatus, str]]] = ..., started_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListExecutionsResponse(_message.Message):
    __slots__ = ("executions", "next_page_token")
    EXECUTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    executions: _containers.RepeatedCompositeFieldContainer[Execution]
    next_page_token: str
    def __init__(self, executions: _Optional[_Iterable[_Union[Execution, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetExecutionHistoryRequest(_message.Message):
    __slots__ = ("execution_id", "node", "max_port_bytes", "page_size", "page_token")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    MAX_PORT_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    node: str
    max_port_bytes: int
    page_size: int
    page_token: str
    def __init__(self, execution_id: _Optional[str] = ..., node: _Optional[str] = ..., max_port_bytes: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetExecutionHistoryResponse(_message.Message):
    __slots__ = ("execution", "node_runs", "next_page_token")
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    NODE_RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    execution: Execution
    node_runs: _containers.RepeatedCompositeFieldContainer[NodeRun]
    next_page_token: str
    def __init__(self, execution: _Optional[_Union[Execution, _Mapping]] = ..., node_runs: _Optional[_Iterable[_Union[NodeRun, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchExecutionRequest(_message.Message):
    __slots__ = ("execution_id", "after_sequence", "types")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    after_sequence: int
    types: _containers.RepeatedScalarFieldContainer[EventType]
    def __init__(self, execution_id: _Optional[str] = ..., after_sequence: _Optional[int] = ..., types: _Optional[_Iterable[_Union[EventType, str]]] = ...) -> None: ...

class WatchExecutionResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: ExecutionEvent
    def __init__(self, event: _Optional[_Union[ExecutionEvent, _Mapping]] = ...) -> None: ...

class CancelExecutionRequest(_message.Message):
    __slots__ = ("execution_id", "reason")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    reason: str
    def __init__(self, execution_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CancelExecutionResponse(_message.Message):
    __slots__ = ("execution",)
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    execution: Execution
    def __init__(self, execution: _Optional[_Union[Execution, _Mapping]] = ...) -> None: ...

class PauseExecutionRequest(_message.Message):
    __slots__ = ("execution_id",)
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    def __init__(self, execution_id: _Optional[str] = ...) -> None: ...

class PauseExecutionResponse(_message.Message):
    __slots__ = ("execution",)
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    execution: Execution
    def __init__(self, execution: _Optional[_Union[Execution, _Mapping]] = ...) -> None: ...

class ResumeExecutionRequest(_message.Message):
    __slots__ = ("execution_id",)
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    def __init__(self, execution_id: _Optional[str] = ...) -> None: ...

class ResumeExecutionResponse(_message.Message):
    __slots__ = ("execution",)
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    execution: Execution
    def __init__(self, execution: _Optional[_Union[Execution, _Mapping]] = ...) -> None: ...

class RetryExecutionRequest(_message.Message):
    __slots__ = ("execution_id", "node", "inputs", "request_id", "latest_version")
    class InputsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Items
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Items, _Mapping]] = ...) -> None: ...
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    node: str
    inputs: _containers.MessageMap[str, Items]
    request_id: str
    latest_version: bool
    def __init__(self, execution_id: _Optional[str] = ..., node: _Optional[str] = ..., inputs: _Optional[_Mapping[str, Items]] = ..., request_id: _Optional[str] = ..., latest_version: _Optional[bool] = ...) -> None: ...

class RetryExecutionResponse(_message.Message):
    __slots__ = ("execution_id",)
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    def __init__(self, execution_id: _Optional[str] = ...) -> None: ...

class TestNodeRequest(_message.Message):
    __slots__ = ("workflow", "workflow_id", "node", "input", "user_id")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    workflow: _workflow_pb2.Workflow
    workflow_id: str
    node: str
    input: Items
    user_id: str
    def __init__(self, workflow: _Optional[_Union[_workflow_pb2.Workflow, _Mapping]] = ..., workflow_id: _Optional[str] = ..., node: _Optional[str] = ..., input: _Optional[_Union[Items, _Mapping]] = ..., user_id: _Optional[str] = ...) -> None: ...

class TestNodeResponse(_message.Message):
    __slots__ = ("node_run",)
    NODE_RUN_FIELD_NUMBER: _ClassVar[int]
    node_run: NodeRun
    def __init__(self, node_run: _Optional[_Union[NodeRun, _Mapping]] = ...) -> None: ...

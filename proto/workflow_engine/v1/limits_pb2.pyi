from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Limits(_message.Message):
    __slots__ = ("max_runs", "starts_per_minute", "max_run_seconds", "weight", "max_payload_bytes", "max_node_runs")
    MAX_RUNS_FIELD_NUMBER: _ClassVar[int]
    STARTS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    MAX_RUN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_NODE_RUNS_FIELD_NUMBER: _ClassVar[int]
    max_runs: int
    starts_per_minute: int
    max_run_seconds: int
    weight: float
    max_payload_bytes: int
    max_node_runs: int
    def __init__(self, max_runs: _Optional[int] = ..., starts_per_minute: _Optional[int] = ..., max_run_seconds: _Optional[int] = ..., weight: _Optional[float] = ..., max_payload_bytes: _Optional[int] = ..., max_node_runs: _Optional[int] = ...) -> None: ...

class GetLimitsRequest(_message.Message):
    __slots__ = ("workflow_id",)
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    workflow_id: str
    def __init__(self, workflow_id: _Optional[str] = ...) -> None: ...

class GetLimitsResponse(_message.Message):
    __slots__ = ("workspace", "workflow")
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    workspace: Limits
    workflow: Limits
    def __init__(self, workspace: _Optional[_Union[Limits, _Mapping]] = ..., workflow: _Optional[_Union[Limits, _Mapping]] = ...) -> None: ...

class SetWorkflowLimitsRequest(_message.Message):
    __slots__ = ("workflow_id", "limits")
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    workflow_id: str
    limits: Limits
    def __init__(self, workflow_id: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ...) -> None: ...

class SetWorkflowLimitsResponse(_message.Message):
    __slots__ = ("limits",)
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    limits: Limits
    def __init__(self, limits: _Optional[_Union[Limits, _Mapping]] = ...) -> None: ...

class Retention(_message.Message):
    __slots__ = ("days", "failed_days")
    DAYS_FIELD_NUMBER: _ClassVar[int]
    FAILED_DAYS_FIELD_NUMBER: _ClassVar[int]
    days: int
    failed_days: int
    def __init__(self, days: _Optional[int] = ..., failed_days: _Optional[int] = ...) -> None: ...

class GetRetentionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetRetentionResponse(_message.Message):
    __slots__ = ("own", "applying")
    OWN_FIELD_NUMBER: _ClassVar[int]
    APPLYING_FIELD_NUMBER: _ClassVar[int]
    own: Retention
    applying: Retention
    def __init__(self, own: _Optional[_Union[Retention, _Mapping]] = ..., applying: _Optional[_Union[Retention, _Mapping]] = ...) -> None: ...

class SetRetentionRequest(_message.Message):
    __slots__ = ("retention",)
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    retention: Retention
    def __init__(self, retention: _Optional[_Union[Retention, _Mapping]] = ...) -> None: ...

class SetRetentionResponse(_message.Message):
    __slots__ = ("own", "applying")
    OWN_FIELD_NUMBER: _ClassVar[int]
    APPLYING_FIELD_NUMBER: _ClassVar[int]
    own: Retention
    applying: Retention
    def __init__(self, own: _Optional[_Union[Retention, _Mapping]] = ..., applying: _Optional[_Union[Retention, _Mapping]] = ...) -> None: ...

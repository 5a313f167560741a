from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Limits(_message.Message):
    __slots__ = ("max_runs", "starts_per_minute", "max_run_seconds", "weight")
    MAX_RUNS_FIELD_NUMBER: _ClassVar[int]
    STARTS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    MAX_RUN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    max_runs: int
    starts_per_minute: int
    max_run_seconds: int
    weight: float
    def __init__(self, max_runs: _Optional[int] = ..., starts_per_minute: _Optional[int] = ..., max_run_seconds: _Optional[int] = ..., weight: _Optional[float] = ...) -> None: ...

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

import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HumanTaskStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HUMAN_TASK_STATUS_UNSPECIFIED: _ClassVar[HumanTaskStatus]
    TASK_OPEN: _ClassVar[HumanTaskStatus]
    TASK_ANSWERED: _ClassVar[HumanTaskStatus]
    TASK_CANCELED: _ClassVar[HumanTaskStatus]
    TASK_EXPIRED: _ClassVar[HumanTaskStatus]
HUMAN_TASK_STATUS_UNSPECIFIED: HumanTaskStatus
TASK_OPEN: HumanTaskStatus
TASK_ANSWERED: HumanTaskStatus
TASK_CANCELED: HumanTaskStatus
TASK_EXPIRED: HumanTaskStatus

class TaskField(_message.Message):
    __slots__ = ("name", "label", "type", "required", "options", "default_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    label: str
    type: str
    required: bool
    options: _containers.RepeatedScalarFieldContainer[str]
    default_json: str
    def __init__(self, name: _Optional[str] = ..., label: _Optional[str] = ..., type: _Optional[str] = ..., required: _Optional[bool] = ..., options: _Optional[_Iterable[str]] = ..., default_json: _Optional[str] = ...) -> None: ...

class TaskEvent(_message.Message):
    __slots__ = ("at", "kind", "by", "channel", "text")
    AT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    kind: str
    by: str
    channel: str
    text: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[str] = ..., by: _Optional[str] = ..., channel: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class HumanTask(_message.Message):
    __slots__ = ("task_id", "execution_id", "node", "status", "title", "message", "subject_json", "options", "assignees", "created_at", "decision", "answered_by", "answered_at", "comment", "workflow_id", "workflow_name", "channel", "fields", "fields_json", "deadline", "on_timeout", "answered_via", "events")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_JSON_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEES_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_BY_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_NAME_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    FIELDS_JSON_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    ON_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_VIA_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    execution_id: str
    node: str
    status: HumanTaskStatus
    title: str
    message: str
    subject_json: str
    options: _containers.RepeatedScalarFieldContainer[str]
    assignees: _containers.RepeatedScalarFieldContainer[str]
    created_at: _timestamp_pb2.Timestamp
    decision: str
    answered_by: str
    answered_at: _timestamp_pb2.Timestamp
    comment: str
    workflow_id: str
    workflow_name: str
    channel: str
    fields: _containers.RepeatedCompositeFieldContainer[TaskField]
    fields_json: str
    deadline: _timestamp_pb2.Timestamp
    on_timeout: str
    answered_via: str
    events: _containers.RepeatedCompositeFieldContainer[TaskEvent]
    def __init__(self, task_id: _Optional[str] = ..., execution_id: _Optional[str] = ..., node: _Optional[str] = ..., status: _Optional[_Union[HumanTaskStatus, str]] = ..., title: _Optional[str] = ..., message: _Optional[str] = ..., subject_json: _Optional[str] = ..., options: _Optional[_Iterable[str]] = ..., assignees: _Optional[_Iterable[str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decision: _Optional[str] = ..., answered_by: _Optional[str] = ..., answered_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., comment: _Optional[str] = ..., workflow_id: _Optional[str] = ..., workflow_name: _Optional[str] = ..., channel: _Optional[str] = ..., fields: _Optional[_Iterable[_Union[TaskField, _Mapping]]] = ..., fields_json: _Optional[str] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., on_timeout: _Optional[str] = ..., answered_via: _Optional[str] = ..., events: _Optional[_Iterable[_Union[TaskEvent, _Mapping]]] = ...) -> None: ...

class ListHumanTasksRequest(_message.Message):
    __slots__ = ("execution_id", "assignee", "open_only", "page_size", "page_token", "mine")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEE_FIELD_NUMBER: _ClassVar[int]
    OPEN_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MINE_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    assignee: str
    open_only: bool
    page_size: int
    page_token: str
    mine: bool
    def __init__(self, execution_id: _Optional[str] = ..., assignee: _Optional[str] = ..., open_only: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., mine: _Optional[bool] = ...) -> None: ...

class ListHumanTasksResponse(_message.Message):
    __slots__ = ("tasks", "next_page_token")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[HumanTask]
    next_page_token: str
    def __init__(self, tasks: _Optional[_Iterable[_Union[HumanTask, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetHumanTaskRequest(_message.Message):
    __slots__ = ("task_id",)
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    def __init__(self, task_id: _Optional[str] = ...) -> None: ...

class GetHumanTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: HumanTask
    def __init__(self, task: _Optional[_Union[HumanTask, _Mapping]] = ...) -> None: ...

class AnswerHumanTaskRequest(_message.Message):
    __slots__ = ("task_id", "decision", "user_id", "comment", "fields_json")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    FIELDS_JSON_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    decision: str
    user_id: str
    comment: str
    fields_json: str
    def __init__(self, task_id: _Optional[str] = ..., decision: _Optional[str] = ..., user_id: _Optional[str] = ..., comment: _Optional[str] = ..., fields_json: _Optional[str] = ...) -> None: ...

class AnswerHumanTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: HumanTask
    def __init__(self, task: _Optional[_Union[HumanTask, _Mapping]] = ...) -> None: ...

class ReassignHumanTaskRequest(_message.Message):
    __slots__ = ("task_id", "assignees", "reason")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    assignees: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    def __init__(self, task_id: _Optional[str] = ..., assignees: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ...) -> None: ...

class ReassignHumanTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: HumanTask
    def __init__(self, task: _Optional[_Union[HumanTask, _Mapping]] = ...) -> None: ...

class CommentHumanTaskRequest(_message.Message):
    __slots__ = ("task_id", "comment")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    comment: str
    def __init__(self, task_id: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...

class CommentHumanTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: HumanTask
    def __init__(self, task: _Optional[_Union[HumanTask, _Mapping]] = ...) -> None: ...

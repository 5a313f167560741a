from workflow_engine.v1 import workflow_pb2 as _workflow_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NodeEffect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NODE_EFFECT_UNSPECIFIED: _ClassVar[NodeEffect]
    PURE: _ClassVar[NodeEffect]
    EFFECTFUL: _ClassVar[NodeEffect]
    CONTROL: _ClassVar[NodeEffect]
NODE_EFFECT_UNSPECIFIED: NodeEffect
PURE: NodeEffect
EFFECTFUL: NodeEffect
CONTROL: NodeEffect

class NodeTypeDescription(_message.Message):
    __slots__ = ("type", "subtype", "title", "description", "parameters_schema_json", "ports", "effect", "per_item", "credentials")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SUBTYPE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    PER_ITEM_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    type: _workflow_pb2.NodeType
    subtype: str
    title: str
    description: str
    parameters_schema_json: str
    ports: NodePorts
    effect: NodeEffect
    per_item: bool
    credentials: _containers.RepeatedCompositeFieldContainer[CredentialSlot]
    def __init__(self, type: _Optional[_Union[_workflow_pb2.NodeType, str]] = ..., subtype: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., parameters_schema_json: _Optional[str] = ..., ports: _Optional[_Union[NodePorts, _Mapping]] = ..., effect: _Optional[_Union[NodeEffect, str]] = ..., per_item: _Optional[bool] = ..., credentials: _Optional[_Iterable[_Union[CredentialSlot, _Mapping]]] = ...) -> None: ...

class NodePorts(_message.Message):
    __slots__ = ("inputs", "outputs", "provider")
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    inputs: int
    outputs: _containers.RepeatedScalarFieldContainer[str]
    provider: bool
    def __init__(self, inputs: _Optional[int] = ..., outputs: _Optional[_Iterable[str]] = ..., provider: _Optional[bool] = ...) -> None: ...

class CredentialSlot(_message.Message):
    __slots__ = ("name", "types", "required")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    name: str
    types: _containers.RepeatedScalarFieldContainer[str]
    required: bool
    def __init__(self, name: _Optional[str] = ..., types: _Optional[_Iterable[str]] = ..., required: _Optional[bool] = ...) -> None: ...

class ListNodeTypesRequest(_message.Message):
    __slots__ = ("type",)
    TYPE_FIELD_NUMBER: _ClassVar[int]
    type: _workflow_pb2.NodeType
    def __init__(self, type: _Optional[_Union[_workflow_pb2.NodeType, str]] = ...) -> None: ...

class ListNodeTypesResponse(_message.Message):
    __slots__ = ("node_types",)
    NODE_TYPES_FIELD_NUMBER: _ClassVar[int]
    node_types: _containers.RepeatedCompositeFieldContainer[NodeTypeDescription]
    def __init__(self, node_types: _Optional[_Iterable[_Union[NodeTypeDescription, _Mapping]]] = ...) -> None: ...

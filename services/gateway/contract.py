"""The methods that the API has, read from the descriptors of the services that its server registers."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from workflow_engine.v1 import auth_pb2, human_task_pb2, integration_pb2, workflow_service_pb2

from services.gateway.answers import invalid
from services.rpc import deep_messages

# The levels around the 64 that values in a definition may have.
_JSON_LEVELS = 80
_MESSAGE_LEVELS = deep_messages.MAX_DEPTH
_LONGEST = 300
_WITHOUT_VALUES = ("Failed to load JSON", "Message t", "null is not")
_PLACE = re.compile(r"(?:\bat |^Failed to parse )([A-Za-z]\w*(?:\.\w+|\[\d+\])*)")
_ENUM = re.compile(r"for enum type ([\w.]+)")
_STRUCTURE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
_FILES = (auth_pb2, human_task_pb2, integration_pb2, workflow_service_pb2)
KNOWN = tuple(service.full_name for file in _FILES for service in file.DESCRIPTOR.services_by_name.values())


@dataclass(frozen=True)
class Method:
    """A method: its names, its messages, and whether its answer is a stream."""

    service: str
    name: str
    request: type[Message]
    response: type[Message]
    streams: bool

    @property
    def path(self) -> str:
        """Its full name, which is also where Connect has it."""
        return f"/{self.service}/{self.name}"

    def decode(self, data: bytes) -> Message:
        """An answer's message, however deep it nests."""
        try:
            return self.response.FromString(data)
        except DecodeError:
            return deep_messages.decode(self.response, data)


def methods(services: Iterable[str]) -> list[Method]:
    """All methods that have one request."""
    pool = descriptor_pool.Default()
    found: list[Method] = []
    for service in services:
        described: Sequence[MethodDescriptor] = pool.FindServiceByName(service).methods
        found += [_method(service, method) for method in described if not method.client_streaming]
    return found


def read_json(kind: type[Message], data: bytes) -> Message:
    """The message that JSON text stands for; fields by their names in the contract or in lowerCamelCase."""
    _check_depth(data)
    if data.strip()[:1] not in (b"{", b""):
        raise invalid("BAD_JSON", "the body must be a JSON object")
    try:
        text = data.decode() if data.strip() else "{}"
        return json_format.Parse(text, kind(), max_recursion_depth=_MESSAGE_LEVELS)
    except UnicodeDecodeError:
        raise invalid("BAD_JSON", "the body isn't UTF-8") from None
    except json_format.ParseError as error:
        raise invalid("BAD_JSON", f"the body can't be read: {_said(error)}") from None


def read_fields(kind: type[Message], fields: Mapping[str, Any]) -> Message:
    """The message with these fields, as JSON has them."""
    try:
        return json_format.ParseDict(dict(fields), kind(), max_recursion_depth=_MESSAGE_LEVELS)
    except json_format.ParseError as error:
        raise invalid("BAD_PARAMETERS", f"the parameters can't be read: {_said(error)}") from None


def read_binary(kind: type[Message], data: bytes) -> Message:
    """The message that protobuf's own encoding stands for."""
    try:
        return kind.FromString(data)
    except DecodeError:
        try:
            return deep_messages.decode(kind, data)
        except DecodeError:
            raise invalid("BAD_PROTO", f"the body isn't a {kind.DESCRIPTOR.full_name}") from None


def write_json(message: Message) -> str:
    """Its JSON on one line; empty lists and zeros are there, so that clients needn't know of defaults."""
    return json_format.MessageToJson(
        message, indent=None, always_print_fields_with_no_presence=True, ensure_ascii=False
    )


def _said(error: json_format.ParseError) -> str:
    """What is wrong and where, without the value: it may be a secret that stands in the wrong place."""
    text = str(error)
    if text.startswith(_WITHOUT_VALUES):
        return text[:_LONGEST]
    found = _PLACE.findall(text) or [""]
    kind = _ENUM.search(text)
    return f"{found[-1] or 'a field'} can't have this value{f'; it is a {kind[1]}' if kind else ''}"


def _check_depth(data: bytes) -> None:
    """Refuses JSON that nests deeper, in one pass, before any parser sees it."""
    depth = 0
    for token in _STRUCTURE.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            depth += 1
            if depth > _JSON_LEVELS:
                raise invalid("TOO_DEEP", f"the JSON nests deeper than {_JSON_LEVELS} levels")
        elif first in b"]}":
            depth -= 1


def _method(service: str, method: MethodDescriptor) -> Method:
    request = message_factory.GetMessageClass(method.input_type)
    response = message_factory.GetMessageClass(method.output_type)
    return Method(service, method.name, request, response, method.server_streaming)

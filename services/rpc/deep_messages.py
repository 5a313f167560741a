"""Decodes messages that nest deeper than protobuf's own limit of 100: a JSON level in a Struct takes three."""

from typing import Any

from google._upb import _message
from google.protobuf.message import DecodeError, Message

# Enough for 64 levels of JSON in a node's parameters, and far from what would overflow the C stack.
MAX_DEPTH = 250
MAX_BYTES = 4 * 1024 * 1024
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5


def decode(kind: type[Message], data: bytes) -> Message:
    """The message; DecodeError if it is none, is too large or nests too deep."""
    if len(data) > MAX_BYTES:
        raise DecodeError("too large to nest that deep")
    _measure(kind.DESCRIPTOR, data)
    # The one switch there is lifts the limit for good, so it is only lifted for what has just been measured.
    _message.SetAllowOversizeProtos(True)
    try:
        return kind.FromString(data)
    finally:
        _message.SetAllowOversizeProtos(False)


def _measure(descriptor: Any, data: bytes) -> None:
    """Walks the encoded message without recursion; DecodeError where it nests too deep or is malformed."""
    open_messages = [(descriptor, len(data))]
    position = 0
    while open_messages:
        descriptor, end = open_messages[-1]
        if position == end:
            open_messages.pop()
            continue
        tag, position = _varint(data, position, end)
        if tag & 7 == _DELIMITED:
            length, position = _varint(data, position, end)
            if position + length > end:
                raise DecodeError("truncated")
            field = descriptor.fields_by_number.get(tag >> 3)
            if field is not None and field.message_type is not None:
                if len(open_messages) >= MAX_DEPTH:
                    raise DecodeError("nested too deep")
                open_messages.append((field.message_type, position + length))
            else:
                position += length
        else:
            position = _skip(data, position, end, tag & 7)


def _skip(data: bytes, position: int, end: int, wire_type: int) -> int:
    if wire_type == _VARINT:
        return _varint(data, position, end)[1]
    position += {_FIXED64: 8, _FIXED32: 4}.get(wire_type, len(data))
    if position > end:
        raise DecodeError("truncated, or a group")
    return position


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= end:
            raise DecodeError("truncated")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise DecodeError("a varint of more than ten bytes")

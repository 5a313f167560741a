"""How values become Temporal payloads: JSON by pydantic, our own messages without what is at its default."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass, replace
from functools import lru_cache
from typing import Any, get_type_hints

import msgspec
from pydantic import TypeAdapter
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    PayloadCodec,
)
from temporalio.converter import JSONPlainPayloadConverter as PlainJson

from orchestrator.messages import NodeResult, NodeTask
from temporal.codec import ENCODING, SealedPayloadError, key_of


class TerseJson(PydanticJSONPlainPayloadConverter):
    """Leaves defaults out of dataclasses, which keeps histories small and readable.

    The SDK makes a converter for each run; the schemas, which take tens of milliseconds, are the process's.
    """

    def to_payload(self, value: Any) -> Payload | None:
        """The JSON of a value."""
        if not is_dataclass(value) or isinstance(value, type):
            return super().to_payload(value)
        data = _adapter(type(value)).dump_json(value, exclude_defaults=True)
        return Payload(metadata={"encoding": self.encoding.encode()}, data=data)

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """The value that a payload holds."""
        return _reader(type_hint if type_hint is not None else Any)(payload.data)


class Sealed(EncodingPayloadConverter):
    """Says what is missing where a payload is sealed and there is no codec to open it."""

    @property
    def encoding(self) -> str:
        """That of sealed payloads."""
        return ENCODING.decode()

    def to_payload(self, value: Any) -> Payload | None:
        """Takes no value."""
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """Raises SealedPayloadError."""
        key = key_of(payload)
        raise SealedPayloadError(
            f"a payload is sealed under the key {key!r}, and ORCHESTRATOR_TEMPORAL_KEYS isn't set in this process"
        )


class TersePayloads(CompositePayloadConverter):
    """The SDK's converters, with ours for JSON; the SDK makes one of these for each run and each of its tasks."""

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """The values' payloads; no converter but ours is asked about messages and texts."""
        if all(isinstance(value, str) or is_dataclass(value) for value in values):
            return [_payload(value) for value in values]
        return super().to_payloads(values)


def build_schemas(calls: Iterable[Callable[..., Any]]) -> None:
    """Makes the schemas of all messages that workflows and activities take and give.

    Left to the first tasks, each of those that come at once makes them, with all the others' threads waiting: on a busy
    machine that takes longer than the SDK lets a workflow think.
    """
    for call in calls:
        for type_ in get_type_hints(call).values():
            if isinstance(type_, type) and is_dataclass(type_):
                _adapter(type_)


@lru_cache(maxsize=256)
def _reader(type_: Any) -> Callable[[bytes], Any]:
    # What each effectful node costs: msgspec reads it in a third of the time. It can't tell dataclasses apart, as
    # other messages ask for.
    if type_ in (NodeTask, NodeResult):
        return msgspec.json.Decoder(type_).decode
    return _adapter(type_).validate_json


@lru_cache(maxsize=256)
def _adapter(type_: Any) -> TypeAdapter[Any]:
    return TypeAdapter(type_)


def _payload(value: Any) -> Payload:
    payload = _JSON.to_payload(value)
    assert payload is not None, "JSON takes every value, or raises"
    return payload


_JSON = TerseJson()
_CONVERTERS = (
    Sealed(),
    *(
        _JSON if isinstance(one, PlainJson) else one
        for one in DefaultPayloadConverter.default_encoding_payload_converters
    ),
)
DATA_CONVERTER = replace(DataConverter.default, payload_converter_class=TersePayloads)


def sealing(codec: PayloadCodec) -> DataConverter:
    """The converter whose payloads pass a codec; failures' messages and stack traces are payloads, too."""
    return replace(
        DATA_CONVERTER,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )

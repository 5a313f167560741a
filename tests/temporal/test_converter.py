"""Messages become payloads and come back; what that takes is there before the first one comes."""

from dataclasses import is_dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import CompositePayloadConverter

from activities.activities import Activities
from activities.triggers.activities import TriggerActivities
from orchestrator.items import Items, Part
from orchestrator.messages import NodeResult, NodeTask, Ran
from temporal import converter
from temporal.trigger import TriggerWorkflow
from temporal.worker import make_worker
from temporal.workflow import OrchestratorWorkflow


def _activities() -> list[Any]:
    found = [value for owner in (Activities, TriggerActivities) for value in vars(owner).values()]
    return [value for value in found if hasattr(value, "__temporal_activity_definition")]


def _messages() -> set[type]:
    """All that a worker takes and gives, as the SDK sees it."""
    found: list[Any] = []
    for type_ in (OrchestratorWorkflow, TriggerWorkflow):
        definition = workflow._Definition.must_from_class(type_)
        found += [*(definition.arg_types or []), definition.ret_type]
    for call in _activities():
        known = activity._Definition.must_from_callable(call)
        found += [*(known.arg_types or []), known.ret_type]
    return {type_ for type_ in found if is_dataclass(type_)}


async def test_a_worker_has_its_schemas_before_it_works(temporal_client: Client) -> None:
    converter._adapter.cache_clear()
    make_worker(temporal_client, _activities(), task_queue="schemas")
    made = converter._adapter.cache_info().misses
    messages = _messages()
    assert len(messages) > 15
    for type_ in messages:
        converter._adapter(type_)
    assert converter._adapter.cache_info().misses == made


AT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
SOME = Items((Part(2, 30, 1, '[{"json":{"n":12345678901234567890}}]'), Part(1, 40_000, 0, None, "5f")))


@pytest.mark.parametrize(
    "message",
    [
        NodeTask("e", "v", "MANUAL", "N", 0, [], {}, Items(), AT),
        NodeTask("e", "v", "TEST", "Nö", 3, [SOME, Items()], {"M": {"main": SOME}}, SOME, AT, journaled=True),
        NodeResult({}),
        NodeResult({"main": SOME, "error": Items()}, Ran(AT, AT, 2)),
    ],
)
def test_what_every_effectful_node_costs_is_read_as_any_message(message: NodeTask | NodeResult) -> None:
    kind = type(message)
    (payload,) = converter.TersePayloads().to_payloads([message])
    # From a later build, which may have more to say.
    later = Payload(metadata=payload.metadata, data=payload.data[:-1] + b',"more":{"x":[1]}}')
    for one in (payload, later) if payload.data != b"{}" else (payload,):
        assert converter.TersePayloads().from_payloads([one], [kind]) == [message]
        assert TypeAdapter(kind).validate_json(one.data) == message


@pytest.mark.parametrize(
    "values",
    [[NodeResult({})], ["summary"], [NodeResult({}), "x"], [None], [b"raw"], ["x", None, {"a": 1}, 1.5, Payload()], []],
)
def test_payloads_are_the_same_whoever_is_asked(values: list[Any]) -> None:
    terse = converter.TersePayloads()
    assert terse.to_payloads(values) == CompositePayloadConverter.to_payloads(terse, values)

"""What messages become payloads by is there before the first one comes."""

from dataclasses import is_dataclass
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client

from activities.activities import Activities
from activities.triggers.activities import TriggerActivities
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

"""Checkpoints: the items that are done, up to the first that isn't."""

import pytest

from orchestrator.errors import RunError
from orchestrator.items import Items, Part
from orchestrator.record import NodeRecord, NodeStatus
from services.store import checkpoints, payloads, recording
from tests.services.conftest import Store


def output(text: str) -> dict[str, Items]:
    return {"main": Items((Part(1, len(text), 0, text),))}


async def test_items_done(store: Store) -> None:
    run = await store.execution()
    assert (await checkpoints.load(store.database, run, "A", 0)).outputs == []
    for item in (0, 1, 3):
        await checkpoints.save(store.database, run, "A", 0, item, output(f"[{item}]"))
    await checkpoints.save(store.database, run, "A", 0, 1, output("[again]"))
    await checkpoints.save(store.database, run, "A", 1, 0, output("[other]"))
    found = await checkpoints.load(store.database, run, "A", 0)
    assert found.outputs == [output("[0]"), output("[again]")]


async def test_failures_of_the_next_item_are_counted(store: Store) -> None:
    run = await store.execution()
    await checkpoints.save(store.database, run, "A", 0, 0, output("[]"))
    failed = [(0, 1), (1, 2), (1, 3), (None, 4)]
    records = [
        NodeRecord("A", 0, NodeStatus.RETRYING, attempt, failed_attempt=RunError("E", "", item=item, attempt=attempt))
        for item, attempt in failed
    ]
    await recording.record(store.database, run, records)
    assert (await checkpoints.load(store.database, run, "A", 0)).failures == 2


async def test_payloads_of_a_checkpoint_are_linked(store: Store) -> None:
    first, second = await store.execution(), await store.execution()
    (ref,) = await payloads.put(store.database, first, [b"[]"])
    await checkpoints.save(store.database, second, "A", 0, 0, {"main": Items((Part(1, 2, 0, None, ref),))})
    assert await store.count("payload_links") == 2


async def test_a_run_without_a_row_is_named(store: Store) -> None:
    with pytest.raises(LookupError, match="nowhere"):
        await checkpoints.save(store.database, "nowhere", "A", 0, 0, {})

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


@pytest.mark.parametrize(
    ("done", "failed", "failures"),
    [
        pytest.param(1, [(0, 1), (1, 1), (1, 2)], 2, id="those of the next item"),
        pytest.param(0, [(None, 1), (None, 2)], 2, id="a node that runs once for all items"),
        pytest.param(0, [(3, 1), (1, 2)], 2, id="one that names the item at fault"),
    ],
)
async def test_failures_since_the_last_item_that_is_done(
    store: Store, done: int, failed: list[tuple[int | None, int]], failures: int
) -> None:
    run = await store.execution()
    for item in range(done):
        await checkpoints.save(store.database, run, "A", 0, item, output("[]"))
    records = [
        NodeRecord("A", 0, NodeStatus.RETRYING, attempt, failed_attempt=RunError("E", "", item=item, attempt=attempt))
        for item, attempt in failed
    ]
    await recording.record(store.database, run, records)
    assert (await checkpoints.load(store.database, run, "A", 0)).failures == failures


async def test_payloads_of_a_checkpoint_are_linked(store: Store) -> None:
    first, second = await store.execution(), await store.execution()
    (ref,) = await payloads.put(store.database, first, [b"[]"])
    await checkpoints.save(store.database, second, "A", 0, 0, {"main": Items((Part(1, 2, 0, None, ref),))})
    assert await store.count("payload_links") == 2


async def test_a_run_without_a_row_is_named(store: Store) -> None:
    with pytest.raises(LookupError, match="nowhere"):
        await checkpoints.save(store.database, "nowhere", "A", 0, 0, {})

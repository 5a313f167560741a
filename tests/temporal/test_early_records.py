"""An effectful node's end is written beside what goes on, and by the run itself where that failed."""

import asyncio
from collections.abc import Sequence

import pytest

from activities import early_records
from activities.early_records import EarlyRecords
from activities.ports import StoreUnavailableError
from orchestrator.record import ExecutionRecord, NodeRecord, NodeStatus, Status
from temporal.workflow import MOST_UNCONFIRMED
from tests.graphs import javascript, trigger, workflow
from tests.temporal.features import FEATURES
from tests.temporal.harness import Engine
from tests.temporal.memory import MemoryDefinitions, MemoryExecutions

CHAIN = FEATURES["effectful_chain"]
CODE_NODES = [f"C{i}" for i in range(18)]


class Store(MemoryExecutions):
    """Keeps records, once it is let."""

    def __init__(self) -> None:
        super().__init__(MemoryDefinitions())
        self.asked = asyncio.Event()
        self.let = asyncio.Event()
        self.failing: Exception | None = None
        self.calls = 0

    async def record(
        self, execution_id: str, nodes: Sequence[NodeRecord], execution: ExecutionRecord | None = None
    ) -> bool:
        """Waits first."""
        self.calls += 1
        self.asked.set()
        await self.let.wait()
        if self.failing:
            raise self.failing
        return await super().record(execution_id, nodes, execution)


def ended(node: str) -> NodeRecord:
    return NodeRecord(node, 0, NodeStatus.COMPLETED)


async def test_neighbours_are_written_together_and_in_order() -> None:
    store = Store()
    early = EarlyRecords(store)
    early.add("run", ended("A"))
    early.add("run", ended("B"))
    early.add("other", ended("D"))
    await store.asked.wait()
    early.add("run", ended("C"))
    draining = asyncio.ensure_future(early.drain())
    asking = asyncio.ensure_future(early.missing("run", [ended("A"), ended("C"), ended("E")]))
    await asyncio.sleep(0)
    assert not asking.done()
    store.let.set()
    await draining
    assert [record.node for record in await asking] == ["E"]
    assert [node for node, _, _ in store.of("run").log] == ["A", "B", "C"]
    assert [node for node, _, _ in store.of("other").log] == ["D"]
    assert store.calls == 3


async def test_whoever_asks_first_writes_himself() -> None:
    store = Store()
    store.let.set()
    early = EarlyRecords(store)
    early.add("run", ended("A"))
    early.add("run", ended("B"))
    assert await early.missing("run", [ended("A")]) == [ended("A")]
    await early.drain()
    assert [node for node, _, _ in store.of("run").log] == ["B"]
    assert await early.missing("run", [ended("B")]) == []


@pytest.mark.parametrize("error", [StoreUnavailableError("away"), LookupError("gone"), ValueError("a bug")])
async def test_what_could_not_be_written_is_missing(error: Exception) -> None:
    store = Store()
    store.let.set()
    store.failing = error
    early = EarlyRecords(store)
    early.add("run", ended("A"))
    await early.drain()
    assert await early.missing("run", [ended("A")]) == [ended("A")]
    store.failing = None
    early.add("run", ended("B"))
    await early.drain()
    assert await early.missing("run", [ended("A"), ended("B")]) == [ended("A")]


async def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_records, "MOST_WRITTEN", 1)
    store = Store()
    store.let.set()
    early = EarlyRecords(store)
    early.add("run", ended("A"))
    early.add("run", ended("B"))
    await early.drain()
    assert await early.missing("run", [ended("A"), ended("B")]) == [ended("A")]


async def test_each_node_is_written_once(engine: Engine) -> None:
    handle = await engine.start(CHAIN.definition, CHAIN.value)
    assert await engine.result(handle) == CHAIN.result
    recorded = engine.recorded(handle)
    assert [node for node, _, status in recorded.log if status is NodeStatus.COMPLETED] == ["Start", *CODE_NODES]


async def test_what_only_the_run_could_write_is_complete(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record of a node by itself is refused: what the run's own records carry is all there is."""
    whole = engine.executions.record
    carried: list[int] = []

    async def record(execution_id: str, nodes: Sequence[NodeRecord], execution: ExecutionRecord | None = None) -> bool:
        if execution is None and 0 < len(nodes) < MOST_UNCONFIRMED and nodes[0].node in CODE_NODES:
            raise StoreUnavailableError("refused")
        carried.append(len(nodes))
        return await whole(execution_id, nodes, execution)

    monkeypatch.setattr(engine.executions, "record", record)
    handle = await engine.start(CHAIN.definition, CHAIN.value)
    assert await engine.result(handle) == CHAIN.result
    recorded = engine.recorded(handle)
    assert recorded.execution
    assert recorded.execution.status is Status.COMPLETED
    assert carried == [1, MOST_UNCONFIRMED, len(CODE_NODES) - MOST_UNCONFIRMED]
    for number, node in enumerate(CODE_NODES):
        record_ = recorded.nodes[node, 0]
        assert record_.status is NodeStatus.COMPLETED
        assert record_.started_at
        assert record_.finished_at
        assert record_.finished_at >= record_.started_at
        texts = [[part.text for items in ports for part in items.parts] for ports in (record_.inputs or [],)]
        assert texts == [[f'[{{"json":{{"n":{number}}}}}]']]
        assert (record_.outputs or {})["main"].parts[0].text == f'[{{"json":{{"n":{number + 1}}}}}]'


async def test_a_log_is_never_left_to_the_run(engine: Engine) -> None:
    """Its length has no limit, and Temporal's history has."""
    nodes = [trigger(), javascript("Code", "console.log('seen'); return items")]
    handle = await engine.start(workflow("logging", nodes, "Start -> Code"), {"n": 1})
    await engine.result(handle)
    assert engine.recorded(handle).nodes["Code", 0].logs == ["seen"]
    history = await handle.fetch_history()
    assert "seen" not in history.to_json()

"""The executor's contract: preparation, clean-up, blocking code, what a context offers."""

import asyncio
import threading
import time
from typing import Any

import pytest

from nodes.base import BaseNodeExecutor, NodeExecutionContext
from nodes.errors import PermanentError
from orchestrator.model import Node, NodeType
from orchestrator.plan import Effect


class Recording(BaseNodeExecutor):
    def __init__(self) -> None:
        self.calls: list[str] = []
        self.thread = 0

    def get_supported_subtypes(self) -> list[str]:
        return ["RECORDING"]

    async def prepare_execution(self, context: NodeExecutionContext[Any]) -> None:
        self.calls.append("prepare")

    def execute(self, context: NodeExecutionContext[Any]) -> Any:
        self.calls.append("execute")
        self.thread = threading.get_ident()
        if context.get_parameter("fail"):
            raise PermanentError("no")
        time.sleep(context.get_parameter("sleep", 0))
        return {"a": 1}

    def cleanup_execution(self, context: NodeExecutionContext[Any]) -> None:
        self.calls.append("cleanup")


class Asynchronous(Recording):
    async def execute(self, context: NodeExecutionContext[Any]) -> Any:
        return super().execute(context)


class Awaitable(Recording):
    def execute(self, context: NodeExecutionContext[Any]) -> Any:
        return asyncio.sleep(0, {"b": 2})


class Pure(Recording):
    effect = Effect.PURE


def context_of(**parameters: Any) -> NodeExecutionContext[Any]:
    return NodeExecutionContext(
        node=Node(name="N", type=NodeType.CUSTOM_NODE, subtype="RECORDING", parameters=parameters),
        parameters=None,
        inputs=[[{"json": {"a": 1, "b": 1}}, {"json": {"a": 2}}], [{"json": {"c": 3}}]],
        resources=None,  # type: ignore[arg-type]
        now=None,  # type: ignore[arg-type]
        item_index=1,
        resolved=parameters,
    )


@pytest.mark.parametrize(
    ("executor", "expected"),
    [(Recording(), {"a": 1}), (Asynchronous(), {"a": 1}), (Pure(), {"a": 1}), (Awaitable(), {"b": 2})],
)
async def test_execute_may_be_sync_or_async(executor: Recording, expected: Any) -> None:
    assert await executor.run(context_of()) == expected
    assert [call for call in executor.calls if call != "execute"] == ["prepare", "cleanup"]


async def test_cleanup_follows_a_failure() -> None:
    executor = Recording()
    with pytest.raises(PermanentError) as caught:
        await executor.run(context_of(fail=True))
    assert executor.calls == ["prepare", "execute", "cleanup"]
    assert caught.value.item is None


async def test_a_per_item_failure_names_its_item() -> None:
    executor = Recording()
    executor.per_item = True  # type: ignore[misc]
    with pytest.raises(PermanentError) as caught:
        await executor.run(context_of(fail=True))
    assert caught.value.item == 1


async def test_blocking_code_holds_nobody_up() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    executor = Recording()
    await executor.run(context_of(sleep=0.2))
    ticking.cancel()
    assert ticks >= 5
    assert executor.thread != threading.get_ident()


async def test_pure_code_runs_where_it_is() -> None:
    executor = Pure()
    await executor.run(context_of())
    assert executor.thread == threading.get_ident()


def test_what_a_context_offers() -> None:
    context = context_of(x=None, y=0)
    assert context.item == {"json": {"a": 2}}
    assert context.input_data == {"a": 2, "b": 1, "c": 3}
    assert [context.get_parameter(name, "default") for name in ("x", "y", "z")] == [None, 0, "default"]
    context.log("a line")
    assert context.logs == ["a line"]

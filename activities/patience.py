"""Ports that wait for the store to come back: what a node has done must be written down, not done again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from activities.ports import (
    Asked,
    Checkpoint,
    ChildExecution,
    Executions,
    Happening,
    Link,
    Payloads,
    People,
    Question,
    Results,
    StoreUnavailableError,
    Transcripts,
)
from orchestrator.items import Items
from orchestrator.people import Answer
from orchestrator.record import ExecutionRecord, NodeRecord

T = TypeVar("T")
FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Repeats the call until the store answers."""
    delay = FIRST_DELAY
    while True:
        try:
            return await call()
        except StoreUnavailableError:
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)


class PatientPayloads(Payloads):
    """Payloads that outlast an outage of the store."""

    def __init__(self, inner: Payloads) -> None:
        self._inner = inner

    async def put(self, execution_id: str, bodies: Sequence[bytes]) -> list[str]:
        """See Payloads."""
        return await patiently(lambda: self._inner.put(execution_id, bodies))

    async def get(self, refs: Sequence[str]) -> list[bytes]:
        """See Payloads."""
        return await patiently(lambda: self._inner.get(refs))


class PatientResults(Results):
    """Results that outlast an outage of the store."""

    def __init__(self, inner: Results) -> None:
        self._inner = inner

    async def get(self, workspace: str, key: str) -> bytes | None:
        """See Results."""
        return await patiently(lambda: self._inner.get(workspace, key))

    async def put(self, workspace: str, key: str, body: bytes, seconds: float) -> None:
        """See Results."""
        await patiently(lambda: self._inner.put(workspace, key, body, seconds))


class PatientTranscripts(Transcripts):
    """Transcripts that outlast an outage of the store."""

    def __init__(self, inner: Transcripts) -> None:
        self._inner = inner

    async def read(self, execution_id: str, agent: str, run_index: int, item: int) -> list[tuple[int, str]]:
        """See Transcripts."""
        return await patiently(lambda: self._inner.read(execution_id, agent, run_index, item))

    async def write(self, execution_id: str, agent: str, run_index: int, item: int, position: int, body: str) -> str:
        """See Transcripts."""
        return await patiently(lambda: self._inner.write(execution_id, agent, run_index, item, position, body))


class PatientPeople(People):
    """Questions that outlast an outage of the store."""

    def __init__(self, inner: People) -> None:
        self._inner = inner

    async def ask(self, question: Question) -> None:
        """See People."""
        await patiently(lambda: self._inner.ask(question))

    async def asked(self, task_ids: Sequence[str]) -> list[Asked]:
        """See People."""
        return await patiently(lambda: self._inner.asked(task_ids))

    async def open_of(self, execution_id: str) -> list[Asked]:
        """See People."""
        return await patiently(lambda: self._inner.open_of(execution_id))

    async def requester(self, execution_id: str) -> str:
        """See People."""
        return await patiently(lambda: self._inner.requester(execution_id))

    async def link(self, task_id: str, recipient: str) -> Link | None:
        """See People."""
        return await patiently(lambda: self._inner.link(task_id, recipient))

    async def delivered(self, task_id: str, delivery: str, happening: Happening) -> None:
        """See People."""
        await patiently(lambda: self._inner.delivered(task_id, delivery, happening))

    async def happened(self, happenings: Sequence[Happening]) -> None:
        """See People."""
        await patiently(lambda: self._inner.happened(happenings))

    async def assign(
        self, task_id: str, assignees: Sequence[str], deadline: datetime | None, happening: Happening
    ) -> None:
        """See People."""
        await patiently(lambda: self._inner.assign(task_id, assignees, deadline, happening))

    async def end(self, task_id: str, status: str, answer: Answer | None, happenings: Sequence[Happening]) -> None:
        """See People."""
        await patiently(lambda: self._inner.end(task_id, status, answer, happenings))


class PatientExecutions(Executions):
    """Records that outlast an outage of the store."""

    def __init__(self, inner: Executions) -> None:
        self._inner = inner

    async def record(
        self, execution_id: str, nodes: Sequence[NodeRecord], execution: ExecutionRecord | None = None
    ) -> None:
        """See Executions."""
        await patiently(lambda: self._inner.record(execution_id, nodes, execution))

    async def progress(self, execution_id: str, node: str, run_index: int, text: str) -> None:
        """See Executions; of no use later, so it isn't repeated."""
        await self._inner.progress(execution_id, node, run_index, text)

    async def create_child(
        self,
        execution_id: str,
        parent_execution_id: str,
        workflow_id: str,
        mode: str,
        trigger_subtype: str,
        at: datetime,
    ) -> ChildExecution:
        """See Executions."""
        return await patiently(
            lambda: self._inner.create_child(execution_id, parent_execution_id, workflow_id, mode, trigger_subtype, at)
        )

    async def load_checkpoint(self, execution_id: str, node: str, run_index: int) -> Checkpoint:
        """See Executions."""
        return await patiently(lambda: self._inner.load_checkpoint(execution_id, node, run_index))

    async def save_checkpoint(
        self, execution_id: str, node: str, run_index: int, item: int, outputs: dict[str, Items]
    ) -> None:
        """See Executions."""
        await patiently(lambda: self._inner.save_checkpoint(execution_id, node, run_index, item, outputs))

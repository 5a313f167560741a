"""Writes down how node runs ended while Temporal is being told, so that nobody waits for the store."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

import structlog

from activities.ports import Executions, StoreUnavailableError
from orchestrator.record import NodeRecord

# So many records are remembered as written.
MOST_WRITTEN = 10_000

_log = structlog.get_logger(__name__)


class EarlyRecords:
    """Records that are written beside what goes on, each run's in order.

    A run's workflow keeps them, too, until its next `advance`, which writes those that weren't written here: because
    the store was away, because this process died, or because another one ran the node.
    """

    def __init__(self, executions: Executions) -> None:
        self._executions = executions
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._written: OrderedDict[tuple[str, str], None] = OrderedDict()

    def begin(self, execution_id: str, record: NodeRecord) -> None:
        """Begins to write a record."""
        task = asyncio.create_task(self._write(execution_id, record, self._under_way.get(execution_id)))
        self._under_way[execution_id] = task
        task.add_done_callback(partial(self._done, execution_id))

    async def settled(self, execution_id: str) -> None:
        """Returns once nothing of the run is being written any more."""
        task = self._under_way.get(execution_id)
        if task is not None:
            await asyncio.wait([task])

    async def missing(self, execution_id: str, records: Sequence[NodeRecord]) -> list[NodeRecord]:
        """Those of the records that aren't known to be written."""
        await self.settled(execution_id)
        return [record for record in records if (execution_id, record.key) not in self._written]

    async def drain(self) -> None:
        """Returns once nothing is being written any more."""
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    async def _write(self, execution_id: str, record: NodeRecord, earlier: "asyncio.Task[None] | None") -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        try:
            await self._executions.record(execution_id, [record])
        except (StoreUnavailableError, LookupError) as error:
            _log.info("a record is left to the run", execution_id=execution_id, node=record.node, cause=str(error))
            return
        self._written[execution_id, record.key] = None
        if len(self._written) > MOST_WRITTEN:
            self._written.popitem(last=False)

    def _done(self, execution_id: str, task: "asyncio.Task[None]") -> None:
        if self._under_way.get(execution_id) is task:
            del self._under_way[execution_id]
        if not task.cancelled() and task.exception():
            _log.error("a record wasn't written", execution_id=execution_id, exc_info=task.exception())

"""Writes down how node runs ended beside what goes on, so that no node waits for the store."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import structlog

from activities.ports import Executions, StoreUnavailableError
from orchestrator.record import NodeRecord

# Seconds that records wait for each other, or for an `advance` that takes them along.
GATHERED = 0.1
# So many records are remembered as written.
MOST_WRITTEN = 10_000

_log = structlog.get_logger(__name__)


class EarlyRecords:
    """Records that are written soon, each run's in order, those that come close together in one go.

    A run's workflow keeps them, too, until its next `advance`, which writes those that weren't written here: because
    it came first, because the store was away, because this process died, or because another one ran the node.
    """

    def __init__(self, executions: Executions) -> None:
        self._executions = executions
        self._gathered: dict[str, dict[str, NodeRecord]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._written: OrderedDict[tuple[str, str], None] = OrderedDict()

    def add(self, execution_id: str, record: NodeRecord) -> None:
        """Takes a record that is to be written."""
        self._gathered.setdefault(execution_id, {})[record.key] = record
        if execution_id not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[execution_id] = loop.call_later(GATHERED, self._begin, execution_id)

    async def settled(self, execution_id: str) -> None:
        """Returns once nothing of the run is being written any more."""
        task = self._under_way.get(execution_id)
        if task is not None:
            await asyncio.wait([task])

    async def missing(self, execution_id: str, records: Sequence[NodeRecord]) -> list[NodeRecord]:
        """Those of the records that aren't known to be written; whoever asks writes them."""
        gathered = self._gathered.get(execution_id, {})
        for record in records:
            gathered.pop(record.key, None)
        await self.settled(execution_id)
        return [record for record in records if (execution_id, record.key) not in self._written]

    async def drain(self) -> None:
        """Returns once everything is written, or left to the runs."""
        for execution_id in list(self._timers):
            self._begin(execution_id)
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    def _begin(self, execution_id: str) -> None:
        self._timers.pop(execution_id).cancel()
        records = list(self._gathered.pop(execution_id).values())
        if records:
            earlier = self._under_way.get(execution_id)
            self._under_way[execution_id] = asyncio.create_task(self._write(execution_id, records, earlier))

    async def _write(self, execution_id: str, records: list[NodeRecord], earlier: "asyncio.Task[None] | None") -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        try:
            await self._executions.record(execution_id, records)
        except (StoreUnavailableError, LookupError) as error:
            _log.info("records are left to their run", execution_id=execution_id, cause=str(error))
        except Exception:  # noqa: BLE001 - the run tries again, and fails where that is seen
            _log.exception("records weren't written; they are left to their run", execution_id=execution_id)
        else:
            self._remember(execution_id, records)
        finally:
            if self._under_way.get(execution_id) is asyncio.current_task():
                del self._under_way[execution_id]

    def _remember(self, execution_id: str, records: Sequence[NodeRecord]) -> None:
        for record in records:
            self._written[execution_id, record.key] = None
        while len(self._written) > MOST_WRITTEN:
            self._written.popitem(last=False)

"""The activity that runs one effectful node: item by item, going on at the item where an earlier attempt stopped."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.exceptions import ApplicationError

from activities.calling import Calls
from activities.data import Data
from activities.early_records import EarlyRecords
from activities.heartbeat import heartbeats
from activities.invoke import Call
from activities.observed import Observe, nobody_watches
from activities.ports import Checkpoint, Executions, Results
from activities.results import ResultCache
from nodes.base import Output
from nodes.errors import NodeError, RetryableError
from orchestrator.errors import RunError
from orchestrator.frontier import completed_outputs
from orchestrator.items import Items, join
from orchestrator.messages import NodeResult, NodeTask, Ran
from orchestrator.record import NodeRecord, NodeStatus

# A node that is done sooner than this is recorded once, at its end.
QUICK = 0.05
# Bytes of items beyond which the workflow isn't asked to keep a record.
MOST_CARRIED = 8 * 1024
# Attempts that end without a word, because the worker died.
MAX_CRASHES = 20


@dataclass
class NodeRun:
    """One attempt at one node run."""

    calls: Calls
    task: NodeTask
    data: Data
    executions: Executions
    early: EarlyRecords
    attempt: int
    observe: Observe = nobody_watches
    results: Results | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _cached: bool = False
    _announced: asyncio.TimerHandle | None = None
    _announcement: asyncio.Task[None] | None = None

    async def run(self) -> NodeResult:
        """The node's outputs; ApplicationError says whether another attempt may help."""
        await self.early.settled(self.task.execution_id)
        self._announced = asyncio.get_running_loop().call_later(QUICK, self._announce)
        async with heartbeats():
            try:
                call = await self._call()
                outputs = await self._run(call)
                ran = await self._completed(call, outputs)
            except asyncio.CancelledError:
                await self._record(None, NodeStatus.CANCELED)
                raise
            except Exception as error:
                # Temporal writes what led to an error into the history, too: there, secrets aren't redacted.
                raise error from None
            finally:
                await self._stop_announcing()
        return NodeResult(outputs, ran)

    async def _completed(self, call: Call, outputs: dict[str, Items]) -> Ran | None:
        """Records the node run: while Temporal is being told, where the workflow sees to it that it is."""
        carried = sum(items.inline_size for items in (*self.task.inputs, *outputs.values()))
        if not self.task.journaled or call.logs or self._cached or carried > MOST_CARRIED:
            await self._record(call, NodeStatus.COMPLETED, outputs=outputs)
            return None
        await self._stop_announcing()
        record = self._made(call, NodeStatus.COMPLETED, outputs=outputs)
        self.early.add(self.task.execution_id, record)
        self.observe(self.task.execution_id, [record])
        assert record.finished_at, "it has ended"
        return Ran(self.started, record.finished_at, self.attempt)

    async def _run(self, call: Call) -> dict[str, Items]:
        checkpoint = await self._checkpoint()
        done = list(checkpoint.outputs)
        failures = checkpoint.failures
        limit = call.plan.retry.max_attempts * call.count + MAX_CRASHES
        if self.attempt > limit:
            message = f"the node was begun {self.attempt - 1} times and never came to an end: its worker died each time"
            return await self._fail(call, RunError("WORKER_LOST", message, call.node.name))
        remaining = range(len(done), call.count)
        cache = ResultCache(call, self.results)
        for index, parameters in zip(remaining, await call.resolve(remaining), strict=True):
            try:
                saved = await self._save(call, index, await cache.run_item(index, parameters))
            except NodeError as error:
                replacement = await self._failed(call, index, error, failures + 1)
                saved = await self._save(call, index, replacement, self.data.within(0))
            failures = 0
            done.append(saved)
        self._cached = 0 < cache.hits == call.count
        ports = {port for output in done for port in output}
        outputs = {
            port: join(output.get(port, Items()) for output in done) for port in call.plan.outputs if port in ports
        }
        try:
            return completed_outputs(call.plan, await self._compact(outputs))
        except NodeError as error:
            return await self._fail(call, call.error(error, None))

    async def _failed(self, call: Call, index: int, error: NodeError, failures: int) -> Output:
        """What goes on in place of the item; raises for another attempt, or for the node to fail."""
        failure = call.error(error, index, failures)
        retry = call.plan.retry
        if isinstance(error, RetryableError) and failures < retry.max_attempts:
            await self._record(call, NodeStatus.RETRYING, failed_attempt=failure)
            raise ApplicationError(
                failure.message,
                failure,
                type=failure.code,
                next_retry_delay=timedelta(seconds=max(retry.delay(failures), error.retry_after or 0.0)),
            )
        replacement = call.error_output(failure, index)
        if replacement is None:
            await self._fail(call, failure)
            raise AssertionError("unreachable")
        return replacement

    async def _fail(self, call: Call, error: RunError) -> dict[str, Items]:
        await self._record(call, NodeStatus.FAILED, error=error)
        raise ApplicationError(error.message, error, type=error.code, non_retryable=True)

    async def _save(self, call: Call, index: int, produced: object, data: Data | None = None) -> dict[str, Items]:
        assert isinstance(produced, Output), "an effectful node gives items, not a command"
        execution_id, data = self.task.execution_id, data or self.data
        saved = {port: await data.save(execution_id, list(items)) for port, items in produced.ports.items() if items}
        if call.count > 1:
            await self.executions.save_checkpoint(execution_id, call.node.name, self.task.run_index, index, saved)
        return saved

    async def _compact(self, outputs: dict[str, Items]) -> dict[str, Items]:
        """The same outputs, each as one stored list."""
        return {
            port: items
            if len(items.parts) <= 1
            else await self.data.save(self.task.execution_id, await self.data.load(items))
            for port, items in outputs.items()
        }

    async def _checkpoint(self) -> Checkpoint:
        if self.attempt == 1:
            return Checkpoint()
        return await self.executions.load_checkpoint(self.task.execution_id, self.task.node, self.task.run_index)

    async def _call(self) -> Call:
        task = self.task
        inputs = [await self.data.load(items) for items in task.inputs]
        reads = {name: await self.data.load_ports(ports) for name, ports in task.reads.items()}
        trigger = await self.data.load(task.trigger)
        run_index = task.run_index
        scope = self.calls.scope(task.execution_id, task.mode, inputs, reads, trigger, run_index, task.now)
        return self.calls.make(task.node, inputs, scope, run_index, task.now, task.execution_id)

    def _announce(self) -> None:
        """Records that the node runs, as it isn't done at once."""
        self._announcement = asyncio.create_task(self._write(None, NodeStatus.RUNNING))

    async def _stop_announcing(self) -> None:
        if self._announced:
            self._announced.cancel()
        if self._announcement:
            self._announcement.cancel()
            await asyncio.gather(self._announcement, return_exceptions=True)

    async def _record(self, call: Call | None, status: NodeStatus, **found: Any) -> None:
        await self._stop_announcing()
        await self._write(call, status, **found)

    async def _write(self, call: Call | None, status: NodeStatus, **found: Any) -> None:
        await self.executions.record(self.task.execution_id, [self._made(call, status, **found)])

    def _made(
        self,
        call: Call | None,
        status: NodeStatus,
        *,
        outputs: dict[str, Items] | None = None,
        error: RunError | None = None,
        failed_attempt: RunError | None = None,
    ) -> NodeRecord:
        return NodeRecord(
            self.task.node,
            self.task.run_index,
            status,
            attempt=self.attempt,
            started_at=self.started,
            finished_at=datetime.now(UTC) if status.ended else None,
            inputs=self.task.inputs,
            outputs=outputs,
            error=error,
            failed_attempt=failed_attempt,
            logs=call.shown_logs if call else [],
            cached=self._cached,
        )

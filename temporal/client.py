"""All that services ask of Temporal: starting runs, steering them, and hearing how they ended."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from orchestrator.calls import IncomingCall
from orchestrator.errors import RunError
from orchestrator.messages import REVISION, RunRequest
from orchestrator.people import Answer, Reassignment, Taken
from orchestrator.record import Status
from orchestrator.start import RunStart
from temporal import sdk_metrics, search_attributes
from temporal.codec import Keys, SealedPayloadError, SealingCodec
from temporal.converter import DATA_CONVERTER, sealing
from temporal.priorities import priority_of
from temporal.queues import DEFAULT
from temporal.tracing import Tracing
from temporal.waits import CALL_REFUSED
from temporal.workflow import OrchestratorWorkflow

TASK_QUEUE = DEFAULT
RUN_TYPE = "Orchestrator"
_AWAY = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    # What it says of calls that its own end cuts short, and the SDK of connections that break under a call.
    RPCStatusCode.CANCELLED,
    RPCStatusCode.ABORTED,
    RPCStatusCode.UNKNOWN,
    RPCStatusCode.INTERNAL,
)
_log = logging.getLogger(__name__)


def is_away(error: BaseException) -> bool:
    """Whether Temporal didn't answer a call, or not to its end: it may have done what it was asked, or not."""
    # An update that it didn't answer is told of by an error of its own, without a status.
    return isinstance(error, RPCTimeoutOrCancelledError) or (isinstance(error, RPCError) and error.status in _AWAY)


class RunNotFoundError(LookupError):
    """Temporal knows no such run, or it has ended."""


class AnswerRefusedError(ValueError):
    """The run doesn't take this answer: why, and as a code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CallRefusedError(ValueError):
    """The run doesn't wait for this call: why, and as a code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Ended:
    """How Temporal says that a run ended; `error` where it knows more than the status."""

    status: Status
    at: datetime
    error: RunError | None = None


async def connect(
    *, keys: Keys | None = None, measured: bool = False, traced: bool = False, **overrides: Any
) -> Client:
    """A client by the SDK's environment configuration (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TLS and the like).

    With `keys`, everything that it and its workers hand to Temporal is sealed. `measured` has the SDK keep metrics,
    `traced` carries traces through the runs.
    """
    config: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    config.update(overrides)
    config.setdefault("target_host", "localhost:7233")
    if measured:
        config.setdefault("runtime", sdk_metrics.measured())
    if traced:
        config["interceptors"] = [*config.get("interceptors", ()), Tracing()]
    converter = DATA_CONVERTER
    if keys is not None:
        converter = sealing(SealingCodec(keys, config.get("namespace") or "default"))
    return await Client.connect(data_converter=converter, **config)


class Runs:
    """The runs on one Temporal namespace; a run's workflow id is its execution id.

    `eager` lets a worker in the same process, on the same client, take the first task without asking the server.
    """

    def __init__(self, client: Client, task_queue: str = TASK_QUEUE, *, eager: bool = False) -> None:
        self.client = client
        self._task_queue = task_queue
        self._eager = eager

    async def start(self, start: RunStart, revision: int = REVISION) -> None:
        """Starts a run, of at most our own revision; starting it again changes nothing."""
        try:
            await self.client.start_workflow(
                OrchestratorWorkflow.run,
                RunRequest(start, revision=min(revision, REVISION)),
                id=start.execution_id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                static_summary=start.workflow_name or None,
                search_attributes=search_attributes.of(start),
                request_eager_start=self._eager,
                priority=priority_of(start),
            )
        except WorkflowAlreadyStartedError:
            return

    async def cancel(self, execution_id: str, reason: str = "") -> None:
        """Asks the run to stop; it ends CANCELED, with the reason, once what is running has stopped."""
        await self._steer(self._handle(execution_id).cancel(reason=reason))

    async def pause(self, execution_id: str) -> None:
        """Has the run start no more nodes."""
        await self._steer(self._handle(execution_id).signal(OrchestratorWorkflow.pause))

    async def resume(self, execution_id: str) -> None:
        """Has a paused run go on."""
        await self._steer(self._handle(execution_id).signal(OrchestratorWorkflow.resume))

    async def answer(self, execution_id: str, answer: Answer) -> Taken:
        """Gives a run what a person answered; AnswerRefusedError if it doesn't take that."""
        taken: Taken = await self._update(
            self._handle(execution_id).execute_update(OrchestratorWorkflow.answer, answer)
        )
        return taken

    async def reassign(self, execution_id: str, change: Reassignment) -> int:
        """Has others answer a task, the how manyth time; AnswerRefusedError if the run doesn't wait for it."""
        handle = self._handle(execution_id)
        moves: int = await self._update(handle.execute_update(OrchestratorWorkflow.reassign, change))
        return moves

    async def _update(self, call: Any) -> Any:
        try:
            return await self._steer(call)
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            code = str(cause.details[0]) if isinstance(cause, ApplicationError) and cause.details else "REFUSED"
            said = cause.message if isinstance(cause, ApplicationError) else str(cause or error)
            raise AnswerRefusedError(code, said) from error

    async def call(self, execution_id: str, call: IncomingCall) -> None:
        """Gives a run the call that a node of it waits for; CallRefusedError if none does."""
        try:
            await self._steer(self._handle(execution_id).execute_update(OrchestratorWorkflow.call, call))
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError) and cause.type == CALL_REFUSED:
                raise CallRefusedError(str(cause.details[0]), cause.message) from error
            raise RunNotFoundError("the run has ended") from error

    async def ended(self, execution_ids: Sequence[str]) -> Mapping[str, Ended]:
        """Those of the runs that are over, or that Temporal doesn't know any more."""
        asked = execution_ids if len(execution_ids) == 1 else await self._not_listed_as_running(execution_ids)
        found = await asyncio.gather(*(self._ended(execution_id) for execution_id in asked))
        return {id_: ended for id_, ended in zip(asked, found, strict=True) if ended is not None}

    async def _not_listed_as_running(self, execution_ids: Sequence[str]) -> Sequence[str]:
        """Those that may be over, by one question for all: Temporal's list lags by moments, so it only rules out."""
        if not execution_ids:
            return ()
        quoted = ", ".join(f"'{execution_id}'" for execution_id in execution_ids)
        query = f"WorkflowId IN ({quoted}) AND ExecutionStatus = 'Running'"
        running = {execution.id async for execution in self.client.list_workflows(query)}
        return [execution_id for execution_id in execution_ids if execution_id not in running]

    async def running(self) -> AsyncIterator[str]:
        """The ids of all runs that Temporal has open on our task queue."""
        query = f"WorkflowType = '{RUN_TYPE}' AND ExecutionStatus = 'Running' AND TaskQueue = '{self._task_queue}'"
        async for execution in self.client.list_workflows(query):
            yield execution.id

    async def terminate(self, execution_id: str, reason: str) -> None:
        """Ends a run at once, without its taking part; one that is over is left alone."""
        try:
            await self._steer(self._handle(execution_id).terminate(reason=reason))
        except RunNotFoundError:
            return

    async def _ended(self, execution_id: str) -> Ended | None:
        handle = self._handle(execution_id)
        try:
            description = await handle.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Ended(Status.FAILED, datetime.now(UTC), RunError("RUN_LOST", "Temporal doesn't know this run"))
            raise
        at = description.close_time or datetime.now(UTC)
        match description.status:
            case WorkflowExecutionStatus.COMPLETED:
                return Ended(Status.COMPLETED, at)
            case WorkflowExecutionStatus.CANCELED:
                return Ended(Status.CANCELED, at)
            case WorkflowExecutionStatus.TERMINATED:
                return Ended(Status.CANCELED, at, RunError("TERMINATED", "an operator terminated the run"))
            case WorkflowExecutionStatus.TIMED_OUT:
                return Ended(Status.TIMED_OUT, at, RunError("TIMED_OUT", "the run took longer than Temporal allows it"))
            case WorkflowExecutionStatus.FAILED:
                try:
                    return await self._failed(handle, at)
                except SealedPayloadError as error:
                    # With the key, the next who asks hears why; what we'd write down now would stay.
                    _log.warning("why the run %s failed can't be read: %s", execution_id, error)
        return None

    async def _failed(self, handle: WorkflowHandle[Any, Any], at: datetime) -> Ended:
        try:
            await handle.result()
        except WorkflowFailureError as failure:
            cause = failure.cause
            if isinstance(cause, ApplicationError) and cause.details:
                details = cause.details[0]
                error = details if isinstance(details, RunError) else RunError(**details)
                return Ended(Status.TIMED_OUT if error.code == "TIMED_OUT" else Status.FAILED, at, error)
            return Ended(Status.FAILED, at, RunError("RUN_FAILED", str(cause)[:2000]))
        return Ended(Status.COMPLETED, at)

    def _handle(self, execution_id: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle_for(OrchestratorWorkflow.run, execution_id)

    @staticmethod
    async def _steer(call: Any) -> Any:
        try:
            return await call
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise RunNotFoundError("the run is not running") from error
            raise

"""The workflow that a schedule starts: it has the trigger start its runs, and waits where overlaps matter."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey, WorkflowIDReusePolicy
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError, is_cancelled_exception

from orchestrator.messages import REVISION, RunRequest, RunResult
from orchestrator.start import RunStart
from orchestrator.triggering import FIRE_TRIGGER, POLL_TRIGGER, Fired, Moment, Polled, TriggerRequest
from temporal import search_attributes
from temporal.attempts import HEARTBEAT_TIMEOUT, RETRY, STORE_RETRY
from temporal.priorities import priority_of

_SCHEDULED = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
_RUN = "Orchestrator"
_LONGEST_POLL = timedelta(hours=6)


@workflow.defn(name="Trigger")
class TriggerWorkflow:
    """One time that a trigger acts."""

    @workflow.run
    async def run(self, request: TriggerRequest) -> None:
        """Starts the run that is due, or polls until nothing more is due before the next poll."""
        if request.polls:
            await self._poll(request)
        else:
            await self._fire(request)

    async def _fire(self, request: TriggerRequest) -> None:
        fired: Fired = await workflow.execute_local_activity(
            FIRE_TRIGGER,
            self._moment(request),
            result_type=Fired,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=STORE_RETRY,
        )
        if fired.start is not None:
            await self._run(request, fired.start)

    async def _run(self, request: TriggerRequest, start: RunStart) -> None:
        closing = workflow.ParentClosePolicy.TERMINATE if request.terminate else workflow.ParentClosePolicy.ABANDON
        try:
            run = await workflow.start_child_workflow(
                _RUN,
                RunRequest(start, revision=min(request.revision, REVISION)),
                id=start.execution_id,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                result_type=RunResult,
                parent_close_policy=closing,
                static_summary=start.workflow_name,
                search_attributes=search_attributes.of(start),
                priority=priority_of(start),
            )
            if request.wait:
                await run
        except WorkflowAlreadyStartedError:
            return
        except ChildWorkflowError as error:
            # How a run ends is its own affair; but who cancels this workflow wants to see it canceled.
            if is_cancelled_exception(error):
                raise

    async def _poll(self, request: TriggerRequest) -> None:
        while True:
            polled: Polled = await workflow.execute_activity(
                POLL_TRIGGER,
                self._moment(request),
                result_type=Polled,
                start_to_close_timeout=_LONGEST_POLL,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRY,
            )
            if polled.due is None:
                return
            await workflow.sleep(max(polled.due - workflow.now(), timedelta()))
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(request)

    def _moment(self, request: TriggerRequest) -> Moment:
        info = workflow.info()
        scheduled = info.typed_search_attributes.get(_SCHEDULED) or info.start_time
        return Moment(request.binding_id, scheduled, workflow.now(), request.revision)

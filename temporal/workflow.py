"""The one workflow: walks a plan, starts what is ready, and waits for what is not."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from orchestrator import people
from orchestrator.calls import IncomingCall, RefusedCallError, addressee
from orchestrator.commands import Ask, AwaitCall, Converse, Sleep
from orchestrator.errors import RunError
from orchestrator.interpreter import Interpreter
from orchestrator.items import Items
from orchestrator.messages import (
    ADVANCE,
    LOAD_PLAN,
    REVISION,
    AdvanceRequest,
    AdvanceResult,
    RunRequest,
    RunResult,
)
from orchestrator.people import Answer, Desk, Reassignment, RefusedAnswerError, Taken
from orchestrator.plan import Plan
from orchestrator.record import ExecutionRecord, NodeRecord, Status
from orchestrator.state import Done, Failed, RunState, Task, Waiting
from temporal import search_attributes
from temporal.agents import Agents
from temporal.attempts import HEARTBEAT_TIMEOUT, HOPELESS, STORE_RETRY, is_unrecorded
from temporal.cancellation import heed, loaded
from temporal.children import call_workflow, start_error_workflow
from temporal.nodes import run_node
from temporal.people import People, answer_refusals
from temporal.spilling import INLINE_TOTAL, spilled
from temporal.waits import await_call, call_refusals

T = TypeVar("T")
LOCAL_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=100), maximum_attempts=3, non_retryable_error_types=HOPELESS
)
# Data above this is worked on in an ordinary activity: a local one would hold up the workflow.
LOCAL_BYTES = 1024 * 1024
# At this multiple of the history at which Temporal suggests to continue as new, nothing more is started until then.
DRAIN = 3
# So many records of nodes that ran go unconfirmed; an advance of its own makes sure of them then.
MOST_UNCONFIRMED = 16


class UnknownRevisionError(Exception):
    """A newer build began the run."""


@workflow.defn(name="Orchestrator")
class OrchestratorWorkflow:
    """Interprets one run of one workflow's version."""

    @workflow.init
    def __init__(self, request: RunRequest) -> None:
        self._start = request.start
        self._state = request.state or RunState()
        self._deadline = request.deadline
        self._revision = request.revision
        self._interpreter: Interpreter | None = None
        self._agents: Agents | None = None
        self._people: People | None = None
        self._working: dict[str, asyncio.Task[None]] = {}
        self._inbox: list[Callable[[datetime], None]] = []
        self._advances = 0
        # A local activity holds up signals and cancellation: used unless the store is away or there is much to do.
        self._local = True
        self._more = False
        self._ended = False
        # Its last task did all that was left, but a signal came before Temporal took that: who looks sees it ended.
        self._over = False
        self._timed_out = False
        self._crash: Exception | None = None
        self._pending_status: ExecutionRecord | None = None
        self._woken = False

    @workflow.run
    async def run(self, request: RunRequest) -> RunResult:
        """Runs the plan to its end; fails with the error of the node that failed."""
        if request.revision > REVISION:
            # Our own way would be the wrong one: Temporal repeats the task until a build that knows it takes it.
            raise UnknownRevisionError(f"the run has revision {request.revision}, and this build knows {REVISION}")
        plan = self._start.plan or await self._load_plan()
        self._start = replace(self._start, plan=plan)
        self._interpreter = Interpreter(plan, replace(self._start, plan=None), self._state)
        self._agents = Agents(
            self._start, self._revision, self._state, self._interpreter, self._wants_new_run, self._wake
        )
        self._people = People(self._start, self._state, self._interpreter, self._wants_new_run, self._wake)
        if request.state is None:
            self._interpreter.launch(workflow.now())
            if seconds := self._time_limit(plan):
                self._deadline = workflow.now() + timedelta(seconds=seconds)
        if self._deadline:
            self._spawn("deadline", self._watch(self._deadline))
        try:
            heed()
            await self._drive(self._interpreter)
        except asyncio.CancelledError:
            reason = workflow.cancellation_reason()
            canceled = RunError("CANCELED", f"the run was canceled: {reason}" if reason else "the run was canceled")
            await _uninterrupted(self._end(self._interpreter, Status.CANCELED, canceled))
            raise
        return await _uninterrupted(self._close(self._interpreter, plan))

    @workflow.signal
    def pause(self) -> None:
        """Starts no more nodes until `resume`."""
        self._set_paused(True)

    @workflow.signal
    def resume(self) -> None:
        """Goes on after `pause`."""
        self._set_paused(False)

    @workflow.update
    def answer(self, answer: Answer) -> Taken:
        """A person's answer to something that the run asks."""
        return self._take(answer)

    @answer.validator
    def _check_answer(self, answer: Answer) -> None:
        with answer_refusals():
            people.check(self._state.desk, answer)

    @workflow.signal(name="answer")
    def answer_by_signal(self, answer: Answer) -> None:
        """As the update, for who can't wait for a reply: an answer that can't be taken changes nothing."""
        try:
            people.check(self._state.desk, answer)
        except RefusedAnswerError as error:
            workflow.logger.warning("an answer by signal is refused: %s", error)
            return
        self._take(answer)

    @workflow.update
    def reassign(self, change: Reassignment) -> int:
        """Other people are to answer a task; how often that was so by now."""
        self._woken = True
        return people.reassign(self._state.desk, change)

    @reassign.validator
    def _check_reassignment(self, change: Reassignment) -> None:
        with answer_refusals():
            people.check_reassignment(self._state.desk, change)

    @workflow.update
    def call(self, call: IncomingCall) -> None:
        """A call from outside that a node waits for."""
        with call_refusals():
            self._state.calls[self._addressee(call)] = call.items
        self._woken = True

    @call.validator
    def _check_call(self, call: IncomingCall) -> None:
        with call_refusals():
            self._addressee(call)

    @workflow.query
    def progress(self) -> dict[str, Any]:
        """What is running, what waits, and whether the run is paused."""
        if self._interpreter is None:
            return {"paused": self._state.paused, "running": [], "waiting": []}
        nodes = self._interpreter.plan.nodes
        return {
            "paused": self._state.paused,
            "running": sorted({nodes[task.node].name for task in self._state.running.values()}),
            "waiting": sorted({nodes[wait.task.node].name for wait in self._state.waiting.values()}),
        }

    async def _drive(self, interpreter: Interpreter) -> None:
        while not self._timed_out:
            # While an advance works on a copy of the state, the state stands still, so that what was done fits it.
            self._take_inbox()
            if self._may_continue_as_new():
                await self._continue_as_new()
            self._start_ready(interpreter)
            if interpreter.over and (self._state.error or not (self._working.keys() - {"deadline"})):
                return
            self._describe(interpreter)
            await workflow.wait_condition(lambda: self._woken)
            self._woken = False
            if self._crash:
                # A bug: the workflow task fails, and Temporal repeats it until a worker has the mended code.
                raise self._crash

    def _take(self, answer: Answer) -> Taken:
        self._woken = True
        return people.take(self._state.desk, answer if answer.at else replace(answer, at=workflow.now()))

    def _take_inbox(self) -> None:
        """Tells the interpreter what has come meanwhile."""
        if not self._advancing():
            inbox, self._inbox = self._inbox, []
            for take in inbox:
                take(workflow.now())

    def _start_ready(self, interpreter: Interpreter) -> None:
        if self._advancing():
            return
        for key, waiting in self._state.waiting.items():
            if key not in self._working:
                self._spawn(key, self._wait(interpreter, waiting))
        pure: list[Task] = []
        held = self._state.paused and not self._over
        if not (held or interpreter.over or self._draining()):
            for task in [task for task in self._state.ready if not interpreter.is_pure(task)]:
                interpreter.begin(task)
                self._spawn(task.key, self._run_node(interpreter, task))
            pure = list(self._state.ready)
        unwritten = self._state.journal or len(self._state.unconfirmed) >= MOST_UNCONFIRMED
        if pure or unwritten or self._pending_status:
            self._advances += 1
            self._spawn(f"advance {self._advances}", self._advance(interpreter, pure))

    def _advancing(self) -> bool:
        return any(key.startswith("advance ") for key in self._working)

    def _advance(
        self, interpreter: Interpreter, tasks: list[Task], end: ExecutionRecord | None = None
    ) -> Coroutine[Any, Any, None]:
        """Has pure tasks done and the journal written, in one activity, which is scheduled at once."""
        large = any(items.size > LOCAL_BYTES for task in tasks for items in interpreter.inputs(task))
        local = self._local and not large and not self._more
        journal, unconfirmed = self._state.journal, self._state.unconfirmed
        status = end or self._pending_status
        # What people are asked, and calls from outside, are nothing that nodes know of.
        state = replace(self._state, ready=tasks, desk=Desk(), asking={}, calls={})
        request = AdvanceRequest(interpreter.start, state, workflow.now(), status, brief=local)
        handle = self._start_advance(request, self._summary(interpreter, tasks), local=local)
        self._state.journal, self._state.unconfirmed, self._pending_status = [], [], None
        for task in tasks:
            interpreter.begin(task)
        return self._advanced(interpreter, handle, tasks, [*unconfirmed, *journal], status)

    async def _advanced(
        self,
        interpreter: Interpreter,
        handle: workflow.ActivityHandle[AdvanceResult],
        tasks: list[Task],
        journal: list[NodeRecord],
        status: ExecutionRecord | None,
    ) -> None:
        try:
            result = await handle
        except FailureError as error:
            # Without a record nobody hears of the run, whatever it does: it fails before it does more.
            if is_cancelled_exception(error) or is_unrecorded(error):
                raise
            # The store is out of reach for longer than a local activity may take: ordinary ones wait for it.
            workflow.logger.warning("recording is delayed: %s", error.cause or error)
            self._local = False
            interpreter.give_back(tasks)
            self._state.journal[:0] = journal
            self._pending_status = self._pending_status or status
            return
        interpreter.replay(result.steps, tasks, workflow.now())
        self._state.journal = [record for record in self._state.journal if record.key not in result.recorded]
        self._ended = self._ended or result.ended
        self._over = self._over or result.over
        self._more = result.more

    def _start_advance(
        self, request: AdvanceRequest, summary: str, *, local: bool
    ) -> workflow.ActivityHandle[AdvanceResult]:
        if local:
            return workflow.start_local_activity(
                ADVANCE,
                request,
                result_type=AdvanceResult,
                start_to_close_timeout=timedelta(minutes=5),
                retry_policy=LOCAL_RETRY,
                summary=summary,
            )
        return workflow.start_activity(
            ADVANCE,
            request,
            result_type=AdvanceResult,
            start_to_close_timeout=timedelta(minutes=10),
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=STORE_RETRY,
            summary=summary,
        )

    async def _run_node(self, interpreter: Interpreter, task: Task) -> None:
        outcome, record = await run_node(self._start, interpreter, task)
        if record:
            self._state.unconfirmed.append(record)
        self._inbox.append(partial(interpreter.complete, task, outcome))

    async def _wait(self, interpreter: Interpreter, waiting: Waiting) -> None:
        task, command = waiting.task, waiting.command
        plan = interpreter.plan.nodes[task.node]
        port = plan.outputs[0]
        items = interpreter.inputs(task)[0]
        if isinstance(command, Sleep):
            seconds = (command.until - workflow.now()).total_seconds()
            if seconds > 0:
                await workflow.sleep(seconds, summary=plan.name)
            outcome: Done | Failed = Done({port: items})
        elif isinstance(command, AwaitCall):
            called = await await_call(self._state, task.key, command, plan.name)
            outcome = Done({port: items if called is None else called})
        elif isinstance(command, Converse):
            assert self._agents
            outcome = await self._agents.work(waiting, command)
        elif isinstance(command, Ask):
            assert self._people
            outcome = await self._people.work(waiting)
        else:
            outcome = await call_workflow(self._start, command, items, port, revision=self._revision)
        if isinstance(outcome, Failed):
            outcome = Failed(replace(outcome.error, node=plan.name))
        self._inbox.append(partial(interpreter.resume_waiting, task, outcome))

    async def _close(self, interpreter: Interpreter, plan: Plan) -> RunResult:
        error = self._state.error
        if self._timed_out:
            error = RunError(
                "TIMED_OUT", f"the run didn't end within its timeout of {self._time_limit(plan):g} seconds"
            )
        if error is None:
            await self._end(interpreter, Status.COMPLETED, None)
            results = {plan.nodes[node].name: items for node, items in sorted(self._state.results.items())}
            outputs: dict[str, Items] = await spilled(self._start.execution_id, results, INLINE_TOTAL)
            return RunResult(outputs)
        await self._end(interpreter, Status.TIMED_OUT if self._timed_out else Status.FAILED, error)
        # The failure of an error workflow starts none: that could go on for ever.
        began_with_a_failure = plan.nodes[plan.positions[self._start.begin]].subtype == "ERROR"
        if plan.error_workflow_id and self._start.mode != "TEST" and not began_with_a_failure:
            await start_error_workflow(self._start, plan.error_workflow_id, error, revision=self._revision)
        where = f"{error.node}: " if error.node else ""
        raise ApplicationError(where + error.message, error, type=error.code, non_retryable=True)

    def _time_limit(self, plan: Plan) -> float:
        """The workflow's own timeout, or its workspace's if that is shorter; 0 without one."""
        allowed = self._start.share.seconds if self._start.share else 0
        return min((seconds for seconds in (plan.timeout, allowed) if seconds), default=0)

    async def _end(self, interpreter: Interpreter, status: Status, error: RunError | None) -> None:
        """Stops what is running and writes down how the run ended."""
        working = dict(self._working)
        for key, work in working.items():
            if not key.startswith("advance "):
                work.cancel()
        await asyncio.gather(*working.values(), return_exceptions=True)
        results = {interpreter.plan.nodes[node].name: items for node, items in sorted(self._state.results.items())}
        end = ExecutionRecord(status, workflow.now(), error, results)
        if self._revision < 2 or status is not Status.COMPLETED:
            workflow.upsert_search_attributes([search_attributes.STATUS.value_set(status.value)])
        while not self._ended:
            await self._advance(interpreter, [], end)
        if self._people:
            await self._people.close()

    def _may_continue_as_new(self) -> bool:
        busy = [key for key in self._working if key != "deadline" and not self._may_stop(key)]
        return self._wants_new_run() and not busy and not self._inbox and not self._pending_status

    def _wants_new_run(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    def _may_stop(self, key: str) -> bool:
        """Whether a wait goes on in a new run as if nothing had been."""
        waiting = self._state.waiting.get(key)
        if waiting is not None and isinstance(waiting.command, Converse):
            return self._agents is not None and self._agents.may_stop(key)
        if waiting is not None and isinstance(waiting.command, Ask):
            return self._people is not None and self._people.may_stop(key)
        return waiting is not None and isinstance(waiting.command, Sleep | AwaitCall)

    def _addressee(self, call: IncomingCall) -> str:
        if self._interpreter is None or self._interpreter.over:
            raise RefusedCallError("CALL_NOT_AWAITED", "the run doesn't wait for a call")
        return addressee(self._state, self._interpreter.plan, call)

    def _wake(self) -> None:
        self._woken = True

    def _draining(self) -> bool:
        info = workflow.info()
        if not self._wants_new_run():
            return False
        return info.get_current_history_length() > DRAIN * 4096 or info.get_current_history_size() > DRAIN * 4 << 20

    async def _continue_as_new(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        start, state = await spilled(self._start.execution_id, (self._start, self._state), 1024)
        workflow.continue_as_new(RunRequest(start, state, self._deadline, self._revision))

    async def _load_plan(self) -> Plan:
        return await loaded(
            lambda: workflow.execute_local_activity(
                LOAD_PLAN,
                self._start.version_id,
                result_type=Plan,
                start_to_close_timeout=timedelta(seconds=30),
                retry_policy=STORE_RETRY,
            )
        )

    async def _watch(self, deadline: datetime) -> None:
        await workflow.sleep(max((deadline - workflow.now()).total_seconds(), 0), summary="timeout of the run")
        self._timed_out = True

    def _set_paused(self, paused: bool) -> None:
        if self._state.paused == paused:
            return
        self._state.paused = paused
        status = Status.PAUSED if paused else Status.RUNNING
        self._pending_status = ExecutionRecord(status, workflow.now())
        shown = paused or self._revision < 2
        update = search_attributes.STATUS.value_set(status.value) if shown else search_attributes.STATUS.value_unset()
        workflow.upsert_search_attributes([update])
        self._woken = True

    def _spawn(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        async def tracked() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - the main loop raises it
                if not is_cancelled_exception(error):
                    self._crash = error
            finally:
                del self._working[key]
                self._woken = True

        self._working[key] = asyncio.create_task(tracked())

    def _describe(self, interpreter: Interpreter) -> None:
        running = sorted({interpreter.plan.nodes[t.node].name for t in self._state.running.values()})
        waiting = sorted({interpreter.plan.nodes[w.task.node].name for w in self._state.waiting.values()})
        paused = "**paused**\n\n" if self._state.paused else ""
        lines = [f"- running: {name}" for name in running[:20]] + [f"- waiting: {name}" for name in waiting[:20]]
        workflow.set_current_details(paused + "\n".join(lines))

    def _summary(self, interpreter: Interpreter, tasks: list[Task]) -> str:
        names = dict.fromkeys(interpreter.plan.nodes[task.node].name for task in tasks)
        return ", ".join(names)[:200] or "record"


async def _uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """What the work comes to, whatever cancellation arrives meanwhile: a run ends one way only."""
    task = asyncio.create_task(work)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                raise

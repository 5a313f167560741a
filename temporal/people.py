"""Asks people and waits for them: months, if need be, without a worker; reminds them, and passes on what is late."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from orchestrator import people
from orchestrator.errors import RunError
from orchestrator.interpreter import Interpreter
from orchestrator.items import Items, join
from orchestrator.messages import (
    ASK_PEOPLE,
    CLOSE_TASKS,
    NOTIFY_PEOPLE,
    SETTLE_TASKS,
    AskResult,
    AskTask,
    CloseTask,
    Notice,
    NotifyTask,
    Settlement,
    SettleResult,
    SettleTask,
)
from orchestrator.people import Answer, Asking, OpenTask, RefusedAnswerError
from orchestrator.start import RunStart
from orchestrator.state import Done, Failed, RunState, Task, Waiting
from orchestrator.task_form import TIMEOUT, find_option, port_of
from temporal.attempts import HEARTBEAT_TIMEOUT, RETRY
from temporal.cancellation import heed
from temporal.nodes import run_error
from temporal.spilling import INLINE_TOTAL, spilled

T = TypeVar("T")
REFUSED = "ANSWER_REFUSED"
# A run that has ended doesn't stay open for a channel that is down.
_CLOSING = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=5)
_LONGEST_ATTEMPT = timedelta(days=1)


@contextmanager
def answer_refusals() -> Iterator[None]:
    """Says to who sent an update why it is refused."""
    try:
        yield
    except RefusedAnswerError as error:
        raise ApplicationError(str(error), error.code, type=REFUSED, non_retryable=True) from None


@dataclass
class People:
    """What the nodes of one run ask people. It is part of the run's state and goes on in a new run."""

    start: RunStart
    state: RunState
    interpreter: Interpreter
    wants_new_run: Callable[[], bool]
    wake: Callable[[], None]
    busy: set[str] = field(default_factory=set)

    async def work(self, waiting: Waiting) -> Done | Failed:
        """What came of a node run that asks people."""
        task = waiting.task
        asking = self.state.asking.setdefault(task.key, Asking())
        error = None if asking.asked else await self._ask(task, asking)
        while asking.open and error is None:
            error = await self._next(task, asking)
        if error is not None:
            # What is still open is closed when the run ends.
            for task_id in asking.open:
                self.state.desk.tasks.pop(task_id, None)
            return Failed(error)
        del self.state.asking[task.key]
        found = [outputs for _, outputs in sorted(asking.outputs.items())]
        ports = self.interpreter.plan.nodes[task.node].outputs
        return Done({port: join(one.get(port, Items()) for one in found) for port in ports})

    def may_stop(self, key: str) -> bool:
        """Whether a node run does nothing but wait."""
        return key in self.state.asking and self.state.asking[key].asked and key not in self.busy

    async def close(self) -> None:
        """Closes what is still open when the run ends."""
        if not self.state.asking:
            return
        closing = CloseTask(self.start.execution_id, self.start.version_id, self.start.mode)
        try:
            await workflow.execute_activity(
                CLOSE_TASKS,
                closing,
                start_to_close_timeout=timedelta(minutes=2),
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=_CLOSING,
                summary="close tasks",
            )
        except ActivityError as error:
            workflow.logger.warning("tasks can't be closed: %s", error.cause or error)

    async def _ask(self, task: Task, asking: Asking) -> RunError | None:
        given = (self.interpreter.inputs(task), self.interpreter.reads(task), self.start.input)
        inputs, reads, trigger = await spilled(self.start.execution_id, given, INLINE_TOTAL)
        node, run_index = self._names(task)
        asked = AskTask(
            self.start.execution_id,
            self.start.version_id,
            self.start.mode,
            node,
            run_index,
            inputs,
            reads,
            trigger,
            workflow.now(),
        )
        result = await self._do(task, ASK_PEOPLE, asked, AskResult, node)
        if isinstance(result, RunError) or result.error:
            return result if isinstance(result, RunError) else result.error
        asking.asked = True
        asking.open = [one.id for one in result.tasks]
        asking.outputs = result.outputs
        self.state.desk.tasks.update({one.id: one for one in result.tasks})
        return None

    async def _next(self, task: Task, asking: Asking) -> RunError | None:
        """Does what is due, or waits until something is."""
        await self._may_go_on(task)
        now = workflow.now()
        own = [self.state.desk.tasks[task_id] for task_id in asking.open]
        settlements = [one for one in (self._settlement(open_, now) for open_ in own) if one is not None]
        if settlements:
            return await self._settle(task, asking, settlements)
        notices = [one for one in (self._notice(open_, now) for open_ in own) if one is not None]
        if notices:
            return await self._notify(task, notices)
        await self._wait(asking, now)
        return None

    def _settlement(self, task: OpenTask, now: datetime) -> Settlement | None:
        """How a task ended, if it has."""
        answer = self.state.desk.answers.get(task.id)
        votes = task.votes if task.required > 1 else ()
        if answer is not None:
            return Settlement(task.id, task.item, _port(task, answer), answer, votes=votes)
        if task.deadline is None or task.deadline > now or task.escalate_to:
            return None
        default = task.default if task.on_timeout == "default" else None
        port = _port(task, default) if default else ("" if task.on_timeout == "fail" else TIMEOUT)
        given = replace(default, at=now) if default else None
        return Settlement(task.id, task.item, port, given, expired=True, votes=votes)

    def _notice(self, task: OpenTask, now: datetime) -> Notice | None:
        """What people must hear of a task now; the task is changed with it."""
        tasks = self.state.desk.tasks
        if task.news is not None:
            news = task.news
            tasks[task.id] = replace(task, news=None)
            return Notice(task.id, "reassigned", task.moves, task.assignees, task.deadline, news.by, news.reason)
        if task.deadline is not None and task.deadline <= now:
            moved = people.escalated(task, now, now + timedelta(seconds=task.lasts))
            tasks[task.id] = moved
            return Notice(task.id, "escalated", moved.moves, moved.assignees, moved.deadline)
        if task.reminders and task.reminders[0] <= now:
            told = people.reminded(task, now)
            tasks[task.id] = told
            return Notice(task.id, "reminded", told.reminded, told.assignees, told.deadline)
        return None

    async def _wait(self, asking: Asking, now: datetime) -> None:
        desk = self.state.desk
        instants = [desk.tasks[task_id].next_instant for task_id in asking.open]
        due = min((instant for instant in instants if instant is not None), default=None)

        def stirs() -> bool:
            return any(task_id in desk.answers or desk.tasks[task_id].news is not None for task_id in asking.open)

        timeout = max((due - now).total_seconds(), 0.001) if due else None
        try:
            await workflow.wait_condition(stirs, timeout=timeout, timeout_summary="people")
        except TimeoutError:
            return

    async def _settle(self, task: Task, asking: Asking, settlements: list[Settlement]) -> RunError | None:
        inputs = await spilled(self.start.execution_id, self.interpreter.inputs(task), INLINE_TOTAL)
        node, run_index = self._names(task)
        start = self.start
        settling = SettleTask(
            start.execution_id, start.version_id, start.mode, node, run_index, inputs, settlements, workflow.now()
        )
        result = await self._do(task, SETTLE_TASKS, settling, SettleResult, node)
        for one in settlements:
            asking.open.remove(one.task_id)
            del self.state.desk.tasks[one.task_id]
            self.state.desk.answers.pop(one.task_id, None)
        if isinstance(result, RunError):
            return result
        asking.outputs.update(result.outputs)
        return result.error

    async def _notify(self, task: Task, notices: list[Notice]) -> RunError | None:
        node, run_index = self._names(task)
        start = self.start
        telling = NotifyTask(start.execution_id, start.version_id, start.mode, node, run_index, notices)
        result = await self._do(task, NOTIFY_PEOPLE, telling, type(None), node)
        return result if isinstance(result, RunError) else None

    async def _may_go_on(self, task: Task) -> None:
        """A run with a long history goes on in a new one."""
        if self.wants_new_run():
            self.wake()
            await workflow.wait_condition(lambda: False)

    async def _do(self, task: Task, name: str, given: Any, result: type[T], summary: str) -> T | RunError:
        self.busy.add(task.key)
        try:
            done: T = await workflow.execute_activity(
                name,
                given,
                result_type=result,
                start_to_close_timeout=_LONGEST_ATTEMPT,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRY,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=summary,
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return run_error(summary, error)
        finally:
            self.busy.discard(task.key)
        heed()
        return done

    def _names(self, task: Task) -> tuple[str, int]:
        return self.interpreter.plan.nodes[task.node].name, self.interpreter.run_index(task)


def _port(task: OpenTask, answer: Answer) -> str:
    option = find_option(task.options, answer.decision)
    return option.port if option else port_of(answer.decision)

"""Has AI agents work: each model call and each tool call is an activity of its own, so that no crash repeats one."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from orchestrator.commands import CallWorkflow, Converse
from orchestrator.conversation import Conversation, ToolRequest
from orchestrator.errors import RunError
from orchestrator.interpreter import Interpreter
from orchestrator.items import Items, Part, join
from orchestrator.messages import AGENT_TURN, CALL_TOOL, AgentTask, ToolResult, ToolTask, TurnResult
from orchestrator.people import APPROVED, Answer
from orchestrator.start import RunStart
from orchestrator.state import Done, Failed, RunState, Waiting
from temporal.attempts import HEARTBEAT_TIMEOUT, RETRY
from temporal.cancellation import heed
from temporal.children import call_workflow
from temporal.nodes import run_error
from temporal.queues import task_queue
from temporal.spilling import spilled

T = TypeVar("T", TurnResult, ToolResult)
_LONGEST_ATTEMPT = timedelta(days=1)
# Every step's task holds the agent's input: by reference, unless it is shorter than one.
_INLINE = 512


@dataclass
class Agents:
    """The agents of one run. Their conversations are part of the run's state and go on in a new run."""

    start: RunStart
    revision: int
    state: RunState
    interpreter: Interpreter
    wants_new_run: Callable[[], bool]
    wake: Callable[[], None]
    busy: Counter[str] = field(default_factory=Counter)

    async def work(self, waiting: Waiting, command: Converse) -> Done | Failed:
        """What came of an agent's node run."""
        task = waiting.task
        conversation = self.state.conversations.get(task.key)
        if conversation is None:
            agent = self.interpreter.plan.nodes[task.node].name
            given = (self.interpreter.inputs(task), self.interpreter.reads(task), self.start.input)
            inputs, reads, trigger = await spilled(self.start.execution_id, given, _INLINE)
            conversation = Conversation(agent, agent, self.interpreter.run_index(task), inputs, reads, trigger)
            self.state.conversations[task.key] = conversation
        outcome = await self._talk(task.key, task.key, conversation, command.prompts)
        del self.state.conversations[task.key]
        return Failed(outcome) if isinstance(outcome, RunError) else Done(outcome)

    def may_stop(self, key: str) -> bool:
        """Whether an agent does nothing but wait: for a person, or for the run to continue as new."""
        own = [talk for name, talk in self.state.conversations.items() if name == key or name.startswith(key + ">")]
        return any(talk.parked or talk.waits for talk in own) and not self.busy[key]

    async def _talk(self, root: str, key: str, talk: Conversation, prompts: int) -> dict[str, Items] | RunError:
        talk.parked, talk.waits = False, 0
        while talk.item < prompts:
            talk.since = talk.since or workflow.now()
            outputs = await self._prompt(root, key, talk)
            if isinstance(outputs, RunError):
                return outputs
            for port, items in outputs.items():
                talk.outputs[port] = join([talk.outputs.get(port, Items()), items])
            talk.item += 1
            talk.turn, talk.speaker, talk.since = 0, talk.agent, None
        return talk.outputs

    async def _prompt(self, root: str, key: str, talk: Conversation) -> dict[str, Items] | RunError:
        while True:
            if not talk.calls:
                await self._may_go_on(talk)
                turn = await self._step(root, talk, AGENT_TURN, self._task(talk), TurnResult)
                if turn.error:
                    return turn.error
                if turn.outputs is not None and turn.chain:
                    return await self._other_agent(root, f"{key}>chain", talk, turn.chain, turn.outputs)
                if turn.outputs is not None:
                    return turn.outputs
                talk.calls, talk.successor = turn.calls, turn.speaker
            ends = await asyncio.gather(*(self._call(root, key, talk, request) for request in list(talk.calls)))
            error = next((end for end in ends if end is not None), None)
            if error:
                return error
            talk.turn += 1
            talk.speaker, talk.successor = talk.successor or talk.speaker, ""

    async def _call(self, root: str, key: str, talk: Conversation, request: ToolRequest) -> RunError | None:
        answer: Items | None = None
        refusal = ""
        decision = await self._approval(talk, request)
        if decision is not None and decision.decision != APPROVED:
            refusal = _refusal(decision)
        elif request.route == "workflow":
            self.busy[root] += 1
            given = _given(request, decision)
            command = CallWorkflow(request.workflow_id)
            outcome = await call_workflow(self.start, command, given, "main", revision=self.revision)
            self.busy[root] -= 1
            if isinstance(outcome, Failed):
                refusal = outcome.error.message
            else:
                answer = join(outcome.outputs.values())
        elif request.route == "agent":
            place = f"{key}>{request.place}"
            said = await self._other_agent(root, place, talk, request.provider, {"main": _given(request, decision)})
            if isinstance(said, RunError):
                refusal = said.message
            else:
                answer = join(said.values())
        await self._may_go_on(talk)
        task = ToolTask(self._task(talk), replace(request, given=Items()), answer, refusal, decision)
        result = await self._step(root, talk, CALL_TOOL, task, ToolResult)
        talk.calls.remove(request)
        return result.error

    async def _approval(self, talk: Conversation, request: ToolRequest) -> Answer | None:
        """What a person decided about a call, if one must be asked."""
        if not request.approval:
            return None
        desk = self.state.desk
        desk.open[request.approval] = "approval"
        talk.waits += 1
        await workflow.wait_condition(lambda: request.approval in desk.answers)
        talk.waits -= 1
        del desk.open[request.approval]
        return desk.answers.pop(request.approval)

    async def _other_agent(
        self, root: str, key: str, talk: Conversation, agent: str, given: dict[str, Items]
    ) -> dict[str, Items] | RunError:
        """What another agent makes of what this one gives it."""
        other = self.state.conversations.get(key)
        if other is None:
            (prompt,) = await spilled(self.start.execution_id, (join(given.values()),), _INLINE)
            other = replace(
                talk,
                agent=agent,
                speaker=agent,
                run_index=self._number(),
                prompt=prompt,
                item=0,
                turn=0,
                since=None,
                calls=[],
                outputs={},
            )
            self.state.conversations[key] = other
        outputs = await self._talk(root, key, other, 1)
        del self.state.conversations[key]
        return outputs

    async def _may_go_on(self, talk: Conversation) -> None:
        """Between two steps: a paused run stands still, and one with a long history goes on in a new one."""
        await workflow.wait_condition(lambda: not self.state.paused)
        if self.wants_new_run():
            talk.parked = True
            self.wake()
            await workflow.wait_condition(lambda: False)

    async def _step(self, root: str, talk: Conversation, name: str, task: Any, result: type[T]) -> T:
        self.busy[root] += 1
        try:
            done: T = await workflow.execute_activity(
                name,
                task,
                task_queue=task_queue(self._queue(talk, task), workflow.info().task_queue),
                result_type=result,
                start_to_close_timeout=_LONGEST_ATTEMPT,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRY,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=_summary(talk, task),
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return result(error=run_error(talk.speaker, error))
        finally:
            self.busy[root] -= 1
        heed()
        return done

    def _queue(self, talk: Conversation, task: AgentTask | ToolTask) -> str:
        """The agent's queue; a tool that has one of its own runs there, so users' code does whoever calls it."""
        plan = self.interpreter.plan
        own = ""
        if isinstance(task, ToolTask) and task.request.route == "node":
            own = plan.nodes[plan.positions[task.request.provider]].queue
        return own or plan.nodes[plan.positions[talk.agent]].queue

    def _task(self, talk: Conversation) -> AgentTask:
        return AgentTask(
            self.start.execution_id,
            self.start.version_id,
            self.start.mode,
            talk.agent,
            talk.run_index,
            talk.speaker,
            talk.item,
            talk.turn,
            self._number(),
            talk.inputs,
            talk.reads,
            talk.trigger,
            talk.since or workflow.now(),
            talk.prompt,
        )

    def _number(self) -> int:
        """Numbers the runs of nodes that serve others: below those that the graph's walk makes."""
        self.state.served += 1
        return -self.state.served


def _given(request: ToolRequest, decision: Answer | None) -> Items:
    """What another workflow or agent is to work on: the call's arguments, or those that a person put in their place."""
    if decision is None or not decision.fields:
        return request.given
    text = f'[{{"json":{decision.fields}}}]'
    return Items((Part(count=1, size=len(text), text=text),))


def _refusal(decision: Answer) -> str:
    by = f" ({decision.by})" if decision.by else ""
    return f"a person{by} refused this call" + (f": {decision.comment}" if decision.comment else "")


def _summary(talk: Conversation, task: AgentTask | ToolTask) -> str:
    if isinstance(task, ToolTask):
        return f"{talk.speaker}: {task.request.provider} {task.request.tool}"
    return f"{talk.speaker}: turn {talk.turn + 1}"

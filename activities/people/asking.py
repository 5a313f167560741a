"""Asks people about each item of a node run; another attempt asks nobody twice."""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.exceptions import ApplicationError

from activities.data import Data
from activities.invoke import Call, crashes_named
from activities.people.place import Place, channel, request_of
from activities.ports import Happening, Question
from nodes.base import Item
from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.expression.errors import ExpressionError
from nodes.human.parameters import HumanParameters
from orchestrator import exact_json
from orchestrator.errors import RunError
from orchestrator.items import Items
from orchestrator.messages import AskResult, AskTask
from orchestrator.people import Answer, OpenTask
from orchestrator.task_form import TaskField, find_option


@dataclass
class Asking:
    """One attempt to ask about the items of a node run."""

    place: Place
    task: AskTask
    data: Data
    call: Call
    attempt: int
    tasks: list[OpenTask] = field(default_factory=list)
    outputs: dict[int, dict[str, Items]] = field(default_factory=dict)

    async def run(self) -> AskResult:
        """The tasks; ApplicationError for another attempt."""
        resolved = await self.call.resolve(range(self.call.count))
        for item, parameters in enumerate(resolved):
            try:
                self.tasks.append(await self._ask(item, parameters))
            except NodeError as error:
                failure = self.call.error(error, item, self.attempt)
                retry = self.call.plan.retry
                if isinstance(error, RetryableError) and self.attempt < retry.max_attempts:
                    delay = timedelta(seconds=max(retry.delay(self.attempt), error.retry_after or 0.0))
                    raise ApplicationError(
                        failure.message, failure, type=failure.code, next_retry_delay=delay
                    ) from None
                if not await self._replaced(item, failure):
                    return await self._given_up(failure)
        return AskResult(self.tasks, self.outputs)

    async def _ask(self, item: int, parameters: dict[str, Any] | ExpressionError) -> OpenTask:
        if isinstance(parameters, ExpressionError):
            raise parameters
        executor = channel(self.call)
        given = executor.parse(parameters)
        assert isinstance(given, HumanParameters)
        question, task = await self._made(item, given)
        await self.place.people.ask(question)
        (asked,) = await self.place.people.asked([question.id])
        if not asked.delivery:
            context = self.call.context(item, parameters, given, {})
            async with crashes_named(self.call):
                delivery = await executor.deliver(context, request_of(question), self.place.links(question.id))
            happening = Happening(question.id, "delivered", "delivered", channel=executor.subtype)
            await self.place.people.delivered(question.id, exact_json.dumps(delivery), happening)
        return task

    async def _made(self, item: int, given: HumanParameters) -> tuple[Question, OpenTask]:
        executor, task, call = channel(self.call), self.task, self.call
        options, fields = given.choices(), tuple(one.spec() for one in given.fields)
        deadline = task.now + timedelta(seconds=given.timeout) if given.timeout else None
        requester = given.requester or await self.place.people.requester(task.execution_id)
        excluded = (requester,) if given.exclude_requester and requester else ()
        assignees = tuple(executor.assignees(given))
        question = Question(
            id=task_id(task.execution_id, task.node, task.run_index, item),
            workspace=call.workspace,
            execution_id=task.execution_id,
            node=task.node,
            title=given.title or task.node,
            message=given.message,
            subject=_subject(call.inputs[0][item] if call.inputs and call.inputs[0] else {"json": {}}),
            options=tuple(option.name for option in options),
            labels=tuple(option.label for option in options),
            assignees=assignees,
            fields=fields,
            channel=executor.subtype,
            credential=call.node.credentials.get("auth", ""),
            run_index=task.run_index,
            item=item,
            deadline=deadline,
            on_timeout=given.on_timeout if deadline else "",
            required=given.approvals_required,
            requester=requester,
            excluded=excluded,
        )
        opened = OpenTask(
            question.id,
            item,
            options,
            tuple(TaskField(one.name, type=one.type, required=one.required, options=one.options) for one in fields),
            assignees,
            excluded,
            given.approvals_required,
            deadline,
            given.timeout or 0,
            tuple(task.now + timedelta(seconds=after) for after in sorted(given.reminders)),
            escalate_to=tuple(given.escalate_to),
            on_timeout=given.on_timeout,
            default=_default(question.id, given),
        )
        return question, opened

    async def _replaced(self, item: int, failure: RunError) -> bool:
        """Whether the node goes on with something in place of the item."""
        replacement = self.call.error_output(failure, item)
        if replacement is None:
            return False
        await self._withdrawn(item, failure)
        self.outputs[item] = {
            port: await self.data.save(self.task.execution_id, list(items)) for port, items in replacement.ports.items()
        }
        return True

    async def _given_up(self, failure: RunError) -> AskResult:
        for item in [*(task.item for task in self.tasks), failure.item or 0]:
            await self._withdrawn(item, failure)
        return AskResult(error=failure)

    async def _withdrawn(self, item: int, failure: RunError) -> None:
        own = task_id(self.task.execution_id, self.task.node, self.task.run_index, item)
        happening = Happening(own, "delivery_failed", "delivery_failed", text=failure.message[:2000])
        await self.place.people.end(own, "CANCELED", None, [happening])


def task_id(execution_id: str, node: str, run_index: int, item: int) -> str:
    """A task's id, the same at every attempt. It names the task; it is no secret."""
    named = "\x1f".join(("ask", execution_id, node, str(run_index), str(item)))
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def _default(task: str, given: HumanParameters) -> Answer | None:
    if given.default_answer is None:
        return None
    default = given.default_answer
    option = find_option(given.choices(), default.decision)
    if option is None:
        names = ", ".join(one.name for one in given.choices())
        message = f'the parameter "default_answer" is {default.decision[:60]!r}, which is none of: {names}'
        raise PermanentError(message, code="INVALID_PARAMETER", hint="correct the node's parameters")
    fields = exact_json.dumps(default.fields) if default.fields else ""
    return Answer(task, option.name, fields=fields, comment=default.comment, via="default")


def _subject(item: Item) -> str:
    """What is decided about, for people to read: the item's JSON, unless it is large."""
    text = exact_json.dumps(item["json"])
    return text if len(text) <= 64 * 1024 else ""

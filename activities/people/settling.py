"""Writes down how tasks ended, shows it where they were asked, and makes the items that go on."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from activities.data import Data
from activities.invoke import Call, crashes_named
from activities.people.place import Place, delivery_of, free_context, request_of
from activities.ports import Asked, Happening
from nodes.errors import NodeError, PermanentError
from nodes.human.node import HumanNode
from orchestrator import exact_json
from orchestrator.items import Items
from orchestrator.messages import Settlement, SettleResult, SettleTask
from orchestrator.people import Answer

# Seconds that showing the end of a task may take: the run goes on all the same.
SHOWING = 20.0
_log = structlog.get_logger(__name__)


@dataclass
class Settling:
    """How some tasks of one node run ended."""

    place: Place
    task: SettleTask
    data: Data
    call: Call

    async def run(self) -> SettleResult:
        """The outputs of their items."""
        outputs: dict[int, dict[str, Items]] = {}
        found = {one.question.id: one for one in await self._asked()}
        for settlement in self.task.settlements:
            await self._record(settlement)
        await asyncio.gather(*(self._show(one, found) for one in self.task.settlements))
        for settlement in self.task.settlements:
            item = (await self.data.load(self.task.inputs[0].slice(settlement.item, 1)) or [{"json": {}}])[0]
            if not settlement.port:
                message = "nobody answered in time" + _assigned(found.get(settlement.task_id))
                error = PermanentError(message, code="NOT_ANSWERED", hint="set on_timeout, or ask more people")
                failure = self.call.error(error, settlement.item)
                self.call.inputs = [await self.data.load(self.task.inputs[0])]
                replacement = self.call.error_output(failure, settlement.item)
                if replacement is None:
                    return SettleResult(outputs, failure)
                ports_of_item = dict(replacement.ports)
            else:
                human = human_of(settlement)
                ports_of_item = {settlement.port: [{**item, "json": {**item["json"], "human": human}}]}
            outputs[settlement.item] = {
                port: await self.data.save(self.task.execution_id, list(items)) for port, items in ports_of_item.items()
            }
        return SettleResult(outputs)

    async def _asked(self) -> list[Asked]:
        return await self.place.people.asked([one.task_id for one in self.task.settlements])

    async def _record(self, settlement: Settlement) -> None:
        answer = settlement.answer
        happenings = []
        if settlement.expired:
            happenings.append(Happening(settlement.task_id, "expired", "expired"))
        for vote in settlement.votes or ((answer,) if answer and not settlement.expired else ()):
            happenings.append(answered(vote))
        status = "EXPIRED" if settlement.expired else "ANSWERED"
        await self.place.people.end(settlement.task_id, status, answer, happenings)

    async def _show(self, settlement: Settlement, found: dict[str, Asked]) -> None:
        asked = found.get(settlement.task_id)
        if asked is not None:
            await show_end(self.place, self.call, asked, outcome_of(settlement))


def answered(answer: Answer) -> Happening:
    """The event of an answer."""
    text = answer.decision + (f": {answer.comment}" if answer.comment else "")
    return Happening(answer.task_id, f"answered:{answer.by}", "answered", answer.by, answer.via, text)


def human_of(settlement: Settlement) -> dict[str, Any]:
    """What an item says of its task."""
    answer = settlement.answer
    human: dict[str, Any] = {
        "task_id": settlement.task_id,
        "decision": answer.decision if answer else None,
        "answered_by": (answer.by or None) if answer else None,
        "answered_at": _time(answer.at) if answer else None,
        "fields": exact_json.loads(answer.fields) if answer and answer.fields else {},
        "comment": answer.comment if answer else "",
    }
    if settlement.votes:
        human["answers"] = [
            {"decision": one.decision, "answered_by": one.by, "answered_at": _time(one.at), "comment": one.comment}
            for one in settlement.votes
        ]
    return human


def outcome_of(settlement: Settlement) -> str:
    """What a channel says once a task has ended."""
    answer = settlement.answer
    if answer is None:
        return "Nobody answered in time."
    if settlement.expired:
        return f"Nobody answered in time, so this counts: {answer.decision}."
    by = f" by {answer.by}" if answer.by else ""
    comment = f": {answer.comment}" if answer.comment else ""
    return f"Answered{by}: {answer.decision}{comment}"


async def show_end(place: Place, call: Call, asked: Asked, outcome: str) -> None:
    """Shows how a task ended where it lies; what a channel says against it is written down, and changes nothing."""
    if not asked.delivery or not isinstance(call.executor, HumanNode):
        return
    context = free_context(call, asked.question.item)
    try:
        async with asyncio.timeout(SHOWING), crashes_named(call):
            await call.executor.close(context, request_of(asked.question), delivery_of(asked), outcome)
    except (NodeError, TimeoutError) as error:
        said = call.error(error, None).message if isinstance(error, NodeError) else "it took too long"
        _log.warning("a task's end can't be shown", task_id=asked.question.id, reason=said)
        failed = Happening(asked.question.id, "failed:end", "delivery_failed", text=said[:2000])
        await place.people.happened([failed])


def _assigned(asked: Asked | None) -> str:
    names = ", ".join(asked.question.assignees) if asked else ""
    return f"; asked were: {names[:500]}" if names else ""


def _time(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None

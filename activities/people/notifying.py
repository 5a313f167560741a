"""Reminds people of tasks, and tells those whom a task passed to."""

from dataclasses import dataclass, replace

import structlog

from activities.invoke import Call, crashes_named
from activities.people.place import Place, channel, delivery_of, free_context, request_of
from activities.ports import Asked, Happening
from nodes.errors import NodeError, RetryableError
from orchestrator import exact_json
from orchestrator.messages import Notice, NotifyTask

# Attempts at a notice whose channel is away: nobody is kept from answering by one that is lost.
MOST_ATTEMPTS = 5
_log = structlog.get_logger(__name__)


@dataclass
class Notifying:
    """One attempt to give notices."""

    place: Place
    task: NotifyTask
    call: Call
    attempt: int

    async def run(self) -> None:
        """Gives them; RetryableError for another attempt at those that are left."""
        found = {
            asked.question.id: asked
            for asked in await self.place.people.asked([one.task_id for one in self.task.notices])
        }
        for notice in self.task.notices:
            asked = found.get(notice.task_id)
            if asked is not None and asked.open:
                await self._give(notice, asked)

    async def _give(self, notice: Notice, asked: Asked) -> None:
        key = f"{notice.kind}:{notice.number}"
        happening = Happening(notice.task_id, key, notice.kind, notice.by, channel(self.call).subtype, notice.reason)
        if notice.kind == "reminded":
            await self.place.people.happened([happening])
        else:
            text = notice.reason or f"to {', '.join(notice.assignees)}"
            changed = replace(happening, text=text, channel="")
            await self.place.people.assign(notice.task_id, notice.assignees, notice.deadline, changed)
        question = replace(asked.question, assignees=notice.assignees, deadline=notice.deadline)
        request = replace(request_of(question), kind=notice.kind, by=notice.by, reason=notice.reason)
        context = free_context(self.call, asked.question.item)
        delivery = delivery_of(asked)
        if delivery.get("told") == key:
            return
        try:
            async with crashes_named(self.call):
                told = await channel(self.call).tell(context, request, delivery, self.place.links(notice.task_id))
        except NodeError as error:
            await self._failed(notice, key, error)
            return
        delivered = Happening(notice.task_id, f"delivered:{key}", "delivered", channel=channel(self.call).subtype)
        await self.place.people.delivered(notice.task_id, exact_json.dumps({**told, "told": key}), delivered)

    async def _failed(self, notice: Notice, key: str, error: NodeError) -> None:
        if isinstance(error, RetryableError) and self.attempt < MOST_ATTEMPTS:
            raise error
        said = self.call.error(error, None, self.attempt).message
        _log.warning("a notice can't be delivered", task_id=notice.task_id, kind=notice.kind, reason=said)
        failed = Happening(notice.task_id, f"failed:{key}", "delivery_failed", text=said[:2000])
        await self.place.people.happened([failed])

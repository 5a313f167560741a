"""Polls for a trigger: starts a run for each event, and keeps how far it came."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.ports import Definition, Definitions
from activities.triggers.ports import Binding, Polls, PollState, TriggerGoneError, Triggers
from nodes.base import Item, NodeExecutionContext
from nodes.credentials.redaction import Redaction
from nodes.errors import NodeError
from nodes.factory import Catalogue
from nodes.files.files import Files
from nodes.resources import Resources
from nodes.trigger.polling import Event, Mark, PollingTrigger, State
from orchestrator.messages import REVISION
from orchestrator.model import NodeType

_FIRST_DELAY = 5.0
_LONGEST_DELAY = 15 * 60.0
_BEGIN_TIMEOUT = 10.0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Poller:
    """Polls for any trigger that polls."""

    triggers: Triggers
    polls: Polls
    definitions: Definitions
    catalogue: Catalogue
    resources: Resources
    now: Callable[[], datetime] = _now

    def polls_for(self, subtype: str) -> bool:
        """Whether a trigger polls."""
        return isinstance(self.catalogue.get((NodeType.TRIGGER_NODE, subtype)), PollingTrigger)

    async def begin(self, binding: Binding) -> None:
        """Marks the present end, from which on there are events; what an earlier version knows stays.

        If it can't be marked now, the trigger's problem says why, and the first poll that succeeds marks it.
        """
        if not self.polls_for(binding.subtype):
            return
        known = await self.polls.load(binding)
        work = self._work(binding, await self.definitions.get(binding.version_id))
        if known is not None and known.state is not None and known.source == work.source:
            await self.polls.save(binding, PollState(work.source, known.state))
            return
        await self.polls.save(binding, PollState(work.source))
        try:
            async with asyncio.timeout(_BEGIN_TIMEOUT):
                state = await work.executor.begin(work.context)
        except (NodeError, TimeoutError) as error:
            await self.triggers.report(binding.id, work.said(error))
            return
        await self.polls.save(binding, PollState(work.source, state))

    async def poll(self, binding_id: str, revision: int = REVISION) -> datetime | None:
        """Starts what is new, by runs of a revision; when something is due before the next poll.

        A failure is kept and backs off.
        """
        try:
            binding = await self.triggers.binding(binding_id)
            work = self._work(binding, await self.definitions.get(binding.version_id), revision)
            known = await self.polls.load(binding) or PollState(work.source)
            if known.source != work.source:
                known = PollState(work.source)
            if known.retry_at is not None and self.now() < known.retry_at:
                return None
            return await self._polled(work, known)
        except TriggerGoneError:
            return None

    async def _polled(self, work: "_Work", known: PollState) -> datetime | None:
        binding = work.binding
        try:
            due = await self._follow(work, known)
        except NodeError as error:
            latest = await self.polls.load(binding) or known
            failures = latest.failures + 1
            wait = max(min(_FIRST_DELAY * 2 ** min(failures - 1, 20), _LONGEST_DELAY), error.retry_after or 0)
            retry_at = self.now() + timedelta(seconds=wait)
            await self.polls.save(binding, replace(latest, failures=failures, retry_at=retry_at))
            await self.triggers.report(binding.id, work.said(error))
            return None
        if known.failures or known.state is None:
            await self.triggers.report(binding.id, "")
        return due

    async def _follow(self, work: "_Work", known: PollState) -> datetime | None:
        if known.state is None:
            state = await work.executor.begin(work.context)
            await self.polls.save(work.binding, PollState(work.source, state))
            return None
        due: datetime | None = None
        saved = known
        async for found in work.executor.poll(work.context, known.state):
            if isinstance(found, Mark):
                due = found.due
                saved = await self._marked(work, saved, found.state)
            else:
                await self._fire(work, found)
        return due

    async def _marked(self, work: "_Work", saved: PollState, state: State) -> PollState:
        new = PollState(work.source, state)
        if new != saved:
            await self.polls.save(work.binding, new)
        return new

    async def _fire(self, work: "_Work", event: Event) -> None:
        async def items(files: Files) -> list[Item]:
            return [await event.item(files)]

        await self.triggers.fire(work.binding.id, event.id, items, work.revision)

    def _work(self, binding: Binding, definition: Definition, revision: int = REVISION) -> "_Work":
        executor: Any = self.catalogue.get((NodeType.TRIGGER_NODE, binding.subtype))
        parameters = executor.parse(binding.parameters)
        node = definition.workflow.nodes[definition.plan.positions[binding.node]]
        context: NodeExecutionContext[Any] = NodeExecutionContext(
            node=node,
            parameters=parameters,
            inputs=(),
            resources=self.resources,
            now=self.now(),
            slots=executor.credentials,
            workflow_id=binding.workflow_id,
            workspace=binding.workspace,
        )
        # Another credential may open another account.
        source = " ".join([executor.source(parameters), *sorted(node.credentials.values())])
        return _Work(binding, executor, context, source, revision)


@dataclass
class _Work:
    """One poll, and the revision of the runs that it starts."""

    binding: Binding
    executor: PollingTrigger[Any]
    context: NodeExecutionContext[Any]
    source: str
    revision: int

    def said(self, error: BaseException) -> str:
        """What is shown of a failure."""
        if not isinstance(error, NodeError):
            return "no answer in time; it is tried again"
        text = f"{error.message}; {error.hint}" if error.hint else error.message
        return Redaction(self.context.secrets).text(text)[:2000]

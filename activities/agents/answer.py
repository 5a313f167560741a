"""Answers one call of a model: the node that serves the tool runs, and its word goes into the transcript."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from activities.agents.scene import Scene
from activities.agents.transcript import Answered, offered
from activities.invoke import Call, crashes_named
from activities.people.settling import answered
from nodes.ai_agent.tools import call as call_tool
from nodes.base import Item
from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.json_schema import Schema
from orchestrator import exact_json
from orchestrator.errors import RunError
from orchestrator.messages import ToolResult, ToolTask
from orchestrator.record import NodeStatus

# What a model gets to read of one answer, in characters.
MOST_TEXT = 64 * 1024


@dataclass
class CallAnswer:
    """One call, while it is answered."""

    scene: Scene
    task: ToolTask
    attempt: int

    async def run(self) -> ToolResult:
        """Whether the agent goes on; RetryableError where another attempt is due."""
        request, transcript, decision = self.task.request, self.scene.transcript, self.task.decision
        if decision is not None:
            # Whichever way it came: by Temporal's own command nobody else writes it down.
            await self.scene.people.end(request.approval, "ANSWERED", decision, [answered(decision)])
        said, opened = transcript.said, transcript.opened
        assert said, "the model asked for it"
        assert opened, "the model was offered it"
        call = said.message.calls[request.place]
        if transcript.answered(request.place) is not None:
            return ToolResult()
        if self.task.refusal:
            await self._answer(call.id, f"error: {self.task.refusal}", failed=True)
            return ToolResult()
        if self.task.answer is not None:
            items = await self.scene.data.load(self.task.answer)
            await self._answer(call.id, self._note() + _text(items))
            return ToolResult()
        offer = offered(opened)[call.name]
        arguments = exact_json.loads(call.arguments or "{}")
        changed = self.task.decision.fields if self.task.decision else ""
        if changed:
            arguments = exact_json.loads(changed)
            problems = Schema(dict(offer.spec.schema)).problems(arguments, "arguments")
            if problems:
                text = f"error: a person changed the arguments, and they don't fit: {'; '.join(problems)}"
                await self._answer(call.id, text, failed=True)
                return ToolResult()
        return await self._run(call.id, offer.tool, arguments)

    async def _run(self, call_id: str, tool: str, arguments: dict[str, Any]) -> ToolResult:
        node = self.task.request.provider
        served = replace(await self.scene.call(node), run_index=self.scene.task.step)
        given = [await self.scene.save([{"json": arguments}])]
        await self.scene.record(node, NodeStatus.RUNNING, inputs=given)
        try:
            async with crashes_named(served), asyncio.timeout(served.plan.timeout or None):
                provider = await self.scene.calls.provider(served, self.scene.task.item, arguments)
                found = await call_tool(provider, tool, arguments)
            items = _items(found)
            items = served.redaction.tree(items) if served.secrets else items
            outputs = {"main": await self.scene.save(items)}
        except NodeError as error:
            return await self._failed(call_id, served, error)
        said = items[0]["json"]["text"] if isinstance(found, str) else _text(items)
        await self._answer(call_id, self._note() + said)
        await self.scene.record(node, NodeStatus.COMPLETED, outputs=outputs, logs=served.shown_logs)
        return ToolResult()

    def _note(self) -> str:
        changed = self.task.decision.fields if self.task.decision else ""
        return f"(a person changed the arguments to {changed})\n" if changed else ""

    async def _failed(self, call_id: str, served: Call, error: NodeError) -> ToolResult:
        if isinstance(error, RetryableError) and self.attempt < served.plan.retry.max_attempts:
            raise error
        failure: RunError = served.error(error, None, self.attempt)
        await self._answer(call_id, f"error: {failure.message}", failed=True)
        await self.scene.record(served.node.name, NodeStatus.FAILED, error=failure, logs=served.shown_logs)
        fatal = served.node.on_error == "stop"
        return ToolResult(failure if fatal else None)

    async def _answer(self, call_id: str, text: str, *, failed: bool = False) -> None:
        if len(text) > MOST_TEXT:
            text = f"{text[:MOST_TEXT]}… ({len(text):,} characters; the rest is left out)"
        await self.scene.transcript.write(Answered(call_id, text, failed), self.task.request.place)


def _items(found: Any) -> list[Item]:
    return [{"json": {"text": found}}] if isinstance(found, str) else list(found)


def _text(items: list[Item]) -> str:
    """Items as a model reads them: one object or a list of them, and the names of their files."""
    shown = []
    for item in items:
        names = list(item.get("files", {}))
        shown.append({**item["json"], "files": names} if names else item["json"])
    try:
        return exact_json.dumps(shown[0] if len(shown) == 1 else shown)
    except exact_json.NotJson as error:
        raise PermanentError(f"the tool gave no JSON: {error}", code="INVALID_RESPONSE") from None

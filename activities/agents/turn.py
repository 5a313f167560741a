"""One turn of an agent: its model is called once, and what it says is kept, before anything else happens."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from activities.agents.approval import ask
from activities.agents.scene import Scene
from activities.agents.transcript import MOST_CALLS, Answered, Corrected, Opened, Said, offered
from activities.invoke import Call
from nodes.ai_agent.agent import INVALID_ANSWER, LIMIT_PORT, Agent
from nodes.ai_agent.tools import Offer, offers
from nodes.base import NodeExecutionContext, Output
from nodes.equipment import ModelChoice, served_by, serving
from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.json_schema import Schema
from nodes.models.chat import Answer, ChatModel, ChatRequest, Message, ToolCall
from nodes.models.providers import open_model
from orchestrator import exact_json
from orchestrator.conversation import ToolRequest
from orchestrator.frontier import completed_outputs
from orchestrator.items import Items
from orchestrator.messages import TurnResult
from orchestrator.model import ConnectionType
from orchestrator.record import NodeStatus, Usage

# The longest that one answer of a model may take.
ANSWER_SECONDS = 900.0


@dataclass
class Turn:
    """One turn, on its scene."""

    scene: Scene
    call: Call
    agent: Agent[Any]
    context: NodeExecutionContext[Any]
    on_text: Callable[[str], None]

    async def run(self) -> TurnResult:
        """What comes next; NodeError if the model or a node that serves the agent fails."""
        transcript = self.scene.transcript
        opened = transcript.opened or await self._open()
        said = transcript.said
        if said is None:
            spent = self._spent()
            if spent:
                return await self._stop_at_limit(spent)
            said = await self._say(opened)
        if said.message.calls:
            return await self._calls(opened, said)
        return await self._finish(opened, said)

    async def _open(self) -> Opened:
        opening = await self.agent.open(self.context)
        found = await offers(self.context)
        return await self.scene.transcript.write(
            Opened(
                self.scene.task.speaker,
                opening.system,
                opening.messages,
                opening.schema,
                opening.sources,
                tuple(found),
            )
        )

    async def _say(self, opened: Opened) -> Said:
        request = ChatRequest(
            messages=list(self.scene.transcript.messages()),
            tools=[offer.spec for offer in opened.offers],
            schema=opened.schema,
        )
        answer, node = await self._ask(request)
        used = answer.usage
        usage = Usage(used.provider, used.model, used.input_tokens, used.output_tokens, used.cost_usd)
        said = await self.scene.transcript.write(Said(answer.message, usage, answer.stop, node))
        outputs = {"main": await self.scene.save([{"json": _shown(said)}])}
        await self.scene.record(node, NodeStatus.COMPLETED, outputs=outputs, usage=usage, logs=self.call.shown_logs)
        return said

    async def _ask(self, request: ChatRequest) -> tuple[Answer, str]:
        """What the first model says that answers at all, and the node that stands for it."""
        failures: list[NodeError] = []
        for choice, context in self.agent.choices(self.context):
            asked = replace(request, temperature=choice.temperature, max_tokens=choice.max_tokens)
            try:
                answer = await (await self._model(choice, context)).answer(asked, self.on_text)
            except NodeError as error:
                self.context.log(f"{choice.provider} {choice.model}: {error.message}")
                failures.append(error)
                continue
            finally:
                self.call.secrets.update(context.secrets)
            if answer.stop == "refusal":
                failures.append(PermanentError(f"{choice.model} refused to answer", code="MODEL_REFUSED"))
                continue
            return answer, context.node.name
        raise next((error for error in failures if isinstance(error, RetryableError)), failures[-1])

    async def _model(self, choice: ModelChoice, context: NodeExecutionContext[Any]) -> ChatModel:
        """The model with the node's credential; else with the operator's, which goes to the provider alone."""
        resources = context.resources
        credential = await context.credential()
        if credential is None and not choice.base_url:
            credential = resources.model_credentials.get(choice.provider)
            context.secrets.update(credential.secrets() if credential else ())
        return open_model(
            resources.http,
            provider=choice.provider,
            model=choice.model,
            credential=credential,
            base_url=choice.base_url,
            timeout=ANSWER_SECONDS,
        )

    async def _calls(self, opened: Opened, said: Said) -> TurnResult:
        requests: list[ToolRequest] = []
        speaker = ""
        for place, call in enumerate(said.message.calls[:MOST_CALLS]):
            offer = offered(opened).get(call.name)
            arguments, trouble = _arguments(offer, call)
            if offer is None or trouble:
                await self.scene.transcript.write(Answered(call.id, f"error: {trouble}", failed=True), place)
                continue
            if offer.hands_over:
                speaker = speaker or offer.provider
                text = f"{offer.provider} goes on from here"
                await self.scene.transcript.write(Answered(call.id, text), place)
                continue
            given = await self.scene.save([{"json": arguments}]) if offer.route != "node" else Items()
            rules = self.context.parameters.require_approval
            approval = await ask(self.scene, self.call, rules, offer, arguments, place)
            requests.append(
                ToolRequest(place, offer.provider, offer.tool, offer.route, offer.workflow_id, given, approval)
            )
        for place, call in enumerate(said.message.calls[MOST_CALLS:], MOST_CALLS):
            text = f"error: at most {MOST_CALLS} calls a turn are taken"
            await self.scene.transcript.write(Answered(call.id, text, failed=True), place)
        return TurnResult(requests, speaker)

    async def _finish(self, opened: Opened, said: Said) -> TurnResult:
        try:
            answer = _read_answer(opened, said)
            output = self.agent.close(self.context, answer, opened.sources)
        except PermanentError as error:
            if error.code != INVALID_ANSWER:
                raise
            attempts = self.context.parameters.max_answer_attempts
            if self.scene.transcript.corrections + 1 >= attempts:
                message = f"no valid answer in {attempts} attempts: {error.message}"
                raise PermanentError(message, code=INVALID_ANSWER, hint=error.hint) from None
            text = f"Your answer can't be used: {error.message}. Answer again, correctly."
            await self.scene.transcript.write(Corrected(text))
            return TurnResult()
        await self._remember(opened, said)
        return await self._end(output)

    async def _remember(self, opened: Opened, said: Said) -> None:
        prompt = next((message for message in reversed(opened.messages) if message.role == "user"), None)
        exchange = [*([Message("user", prompt.text)] if prompt else []), Message("assistant", said.message.text)]
        session = self.agent.session(self.context)
        for memory, own in served_by(self.context.equipment, ConnectionType.AI_MEMORY):
            await memory.remember(own, session, exchange, self.context.idempotency_key)

    async def _end(self, output: Output) -> TurnResult:
        task = self.scene.task
        tidy = self.call.redaction.tree(dict(output.ports)) if self.call.secrets else output.ports
        saved = {port: await self.scene.save(list(items)) for port, items in tidy.items()}
        outputs = completed_outputs(self.call.plan, saved)
        if task.prompt is not None:
            await self.scene.record(task.agent, NodeStatus.COMPLETED, outputs=outputs, run_index=task.run_index)
        chain = serving(self.context.equipment, ConnectionType.AI_CHAIN)
        return TurnResult(outputs=outputs, chain=chain[0].name if chain else "")

    def _spent(self) -> str:
        """Which limit is reached; empty if none is."""
        limits, task = self.agent.limits(self.context), self.scene.task
        used = self.scene.transcript.usage
        tokens = sum(one.input_tokens + one.output_tokens for one in used)
        cost = sum(one.cost_usd for one in used)
        seconds = (datetime.now(UTC) - task.now).total_seconds()
        if task.turn >= limits.max_turns:
            return f"it has taken {task.turn} turns, and max_turns is {limits.max_turns}"
        if limits.max_tokens is not None and tokens >= limits.max_tokens:
            return f"it has used {tokens:,} tokens, and max_tokens is {limits.max_tokens:,}"
        if limits.max_cost_usd is not None and cost >= limits.max_cost_usd:
            return f"it has cost {cost:.4f} USD, and max_cost_usd is {limits.max_cost_usd:g}"
        if limits.max_seconds is not None and seconds >= limits.max_seconds:
            return f"it has worked for {seconds:.0f} s, and {limits.max_seconds:g} s are allowed"
        return ""

    async def _stop_at_limit(self, spent: str) -> TurnResult:
        if self.agent.limits(self.context).on_limit == "error":
            message = f"the agent came to no end: {spent}"
            raise PermanentError(message, code="AGENT_LIMIT", hint="raise the limit, or give the agent less to do")
        item = self.context.item
        return await self._end(Output({LIMIT_PORT: [{**item, "json": {**item["json"], "limit": spent}}]}))


def _read_answer(opened: Opened, said: Said) -> Any:
    text = said.message.text
    if opened.schema is None:
        return text
    if said.stop == "length":
        raise PermanentError("it breaks off: it was longer than max_tokens allow", code=INVALID_ANSWER)
    try:
        answer = exact_json.loads(_bare(text))
    except exact_json.NotJson as error:
        raise PermanentError(f"it is no JSON: {error}", code=INVALID_ANSWER) from None
    problems = Schema(opened.schema).problems(answer, "answer")
    if problems:
        raise PermanentError("; ".join(problems), code=INVALID_ANSWER)
    return answer


def _bare(text: str) -> str:
    """The JSON of an answer that stands in a fence of Markdown."""
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```"):
        return stripped.partition("\n")[2].removesuffix("```")
    return stripped


def _arguments(offer: Offer | None, call: ToolCall) -> tuple[dict[str, Any], str]:
    """A call's arguments, and what is wrong with them."""
    if offer is None:
        return {}, f"there is no tool {call.name[:64]!r}"
    try:
        arguments = exact_json.loads(call.arguments or "{}")
    except exact_json.NotJson as error:
        return {}, f"the arguments are no JSON: {error}"
    if not isinstance(arguments, dict):
        return {}, "the arguments must be an object"
    problems = Schema(dict(offer.spec.schema)).problems(arguments, "arguments")
    return arguments, "; ".join(problems)


def _shown(said: Said) -> dict[str, Any]:
    calls = [{"tool": call.name, "arguments": _parsed(call.arguments)} for call in said.message.calls]
    return {"text": said.message.text, **({"calls": calls} if calls else {}), "model": said.usage.model}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text

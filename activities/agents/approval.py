"""Decides which calls a person must allow first, and asks."""

import hashlib
from typing import Any

from activities.agents.scene import Scene
from activities.invoke import Call
from activities.ports import Question
from nodes.ai_agent.tools import Offer
from nodes.errors import NodeError, PermanentError
from nodes.expression.scope import Scope
from orchestrator import exact_json
from orchestrator.people import APPROVED, REJECTED


async def ask(scene: Scene, call: Call, rules: list[Any], offer: Offer, arguments: dict[str, Any], place: int) -> str:
    """The id of the task under which a person must allow the call; empty if nobody need be asked."""
    if not await _must_be_asked(call, rules, offer, arguments):
        return ""
    task = scene.task
    # The same at every attempt. It names the task; it is no secret.
    named = f"{task.execution_id}|{task.agent}|{task.run_index}|{task.item}|{task.turn}|{place}"
    task_id = hashlib.sha256(named.encode()).hexdigest()[:32]
    question = Question(
        id=task_id,
        workspace=scene.calls.definition.workspace,
        execution_id=task.execution_id,
        node=offer.provider,
        title=f"May {task.speaker} call {offer.spec.name}?",
        message=offer.spec.description[:2000],
        subject=exact_json.dumps({"tool": offer.spec.name, "arguments": arguments}),
        options=(APPROVED, REJECTED),
    )
    await scene.people.ask(question)
    return task_id


async def _must_be_asked(call: Call, rules: list[Any], offer: Offer, arguments: dict[str, Any]) -> bool:
    for rule in rules:
        if rule.tool not in ("*", offer.spec.name, offer.provider, offer.tool):
            continue
        if not rule.when:
            return True
        scope = Scope(items=[{"json": arguments}], now=call.now, vars=call.scope.vars, workflow=call.scope.workflow)
        (found,) = await call.resources.expressions.resolve(rule.when, scope, [0])
        if isinstance(found, NodeError):
            raise found
        if not isinstance(found, bool):
            message = f"the condition for asking about {rule.tool!r} gave {type(found).__name__}, not true or false"
            raise PermanentError(message, code="NOT_A_BOOLEAN", hint="correct require_approval")
        if found:
            return True
    return False

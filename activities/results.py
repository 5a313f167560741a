"""What nodes made of the same before: taken instead of running them again, where their author says for how long."""

import hashlib
from importlib.metadata import version
from typing import Any

from activities.invoke import Call
from activities.ports import Results
from nodes.base import Output
from nodes.expression.errors import ExpressionError
from orchestrator import exact_json
from orchestrator.commands import Command
from orchestrator.duration import parse_duration

# Larger ones aren't kept.
LARGEST = 1024 * 1024


class ResultCache:
    """Runs a node's items, or takes what is kept; `hits` counts these."""

    def __init__(self, call: Call, results: Results | None) -> None:
        self._call = call
        self._results = results if _cacheable(call) else None
        self.hits = 0

    async def run_item(self, index: int, parameters: dict[str, Any] | ExpressionError) -> Output | Command:
        """One call of the executor, or what an earlier one made; NodeError if it fails."""
        if self._results is None or isinstance(parameters, ExpressionError):
            return await self._call.run_item(index, parameters)
        key = _key(self._call, index, parameters)
        kept = await self._results.get(self._call.workspace, key)
        if kept is not None:
            self.hits += 1
            return Output(exact_json.loads(kept))
        produced = await self._call.run_item(index, parameters)
        if isinstance(produced, Output):
            await self._keep(key, produced)
        return produced

    async def _keep(self, key: str, produced: Output) -> None:
        ports = {port: list(items) for port, items in produced.ports.items()}
        # Files belong to their run, and go with it.
        if self._results is None or any(item.get("files") for items in ports.values() for item in items):
            return
        try:
            body = exact_json.dumps(ports).encode()
        except exact_json.NotJson:
            return
        if len(body) <= LARGEST:
            seconds = parse_duration(self._call.node.cache_ttl)
            await self._results.put(self._call.workspace, key, body, seconds)


def _cacheable(call: Call) -> bool:
    """Whether the node's parameters and input say all that it works with: what equips it, they don't."""
    return bool(call.node.cache_ttl) and call.equipping is None and call.scope.execution.get("mode") != "TEST"


def _key(call: Call, index: int, parameters: dict[str, Any]) -> str:
    inputs = [call.inputs[0][index]] if call.per_item else [list(port) for port in call.inputs]
    told: dict[str, Any] = {
        "workspace": call.workspace,
        "node": [str(call.node.type), call.node.subtype],
        # An executor may do something else in another release.
        "executor": [type(call.executor).__module__, type(call.executor).__qualname__, version("orchestrator")],
        "parameters": parameters,
        "inputs": inputs,
        "credentials": call.node.credentials,
        "vars": dict(call.scope.vars),
    }
    if call.executor.raw & parameters.keys():
        # These are evaluated later, and may refer to whatever they like.
        nodes = {name: {port: list(items) for port, items in ports.items()} for name, ports in call.scope.nodes.items()}
        told |= {"items": list(call.scope.items), "nodes": nodes, "trigger": list(call.scope.trigger)}
    return hashlib.sha256(exact_json.dumps(told).encode()).hexdigest()

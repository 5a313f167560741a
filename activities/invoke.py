"""Runs an executor on a node's items: resolves parameters, calls it, and sorts what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol

from temporalio.exceptions import ApplicationError

from activities.data import idempotency_key
from activities.ports import StoreUnavailableError
from nodes.base import BaseNodeExecutor, Item, NodeExecutionContext, NodeExecutionResult, NodeExecutor, Output
from nodes.credentials.redaction import Redaction
from nodes.equipment import Equipment
from nodes.errors import NodeError, PermanentError, PostponedError, RetryableError
from nodes.expression.errors import ExpressionError
from nodes.expression.scope import Scope
from nodes.expression.tree import ParameterTree
from nodes.resources import Resources
from orchestrator import expression
from orchestrator.commands import Ask, AwaitCall, CallWorkflow, Command, Converse, Iterate, Sleep
from orchestrator.errors import RunError
from orchestrator.interpreter import error_json
from orchestrator.model import Node
from orchestrator.plan import ERROR_PORT, NodePlan

# What an executor may return as it is; anything else is items.
_PRODUCED = (Output, Sleep, AwaitCall, CallWorkflow, Iterate, Converse, Ask)
# What says by itself what it is.
_NAMED = (NodeError, PostponedError, StoreUnavailableError, ApplicationError)


class Equipping(Protocol):
    """Finds what serves a node."""

    async def of(self, call: Call, index: int) -> Equipment:
        """The nodes that serve the call's, their parameters resolved for one item."""


@dataclass(frozen=True)
class Reading:
    """A node's parameters, read once for all its calls: what is to be resolved, and what is left as it is."""

    templated: ParameterTree
    raw: Mapping[str, Any]
    uses_trigger: bool

    @staticmethod
    def of(node: Node, executor: BaseNodeExecutor) -> Reading:
        """Reads a node's parameters."""
        raw = {name: value for name, value in node.parameters.items() if name in executor.raw}
        templated = {name: value for name, value in node.parameters.items() if name not in raw}
        # Third parties' code may look at `context.trigger`.
        foreign = not isinstance(executor, NodeExecutor)
        uses_trigger = foreign or any("$trigger" in text for _, text in expression.walk(node.parameters))
        return Reading(ParameterTree.read(templated), raw, uses_trigger)


@dataclass
class Call:
    """One run of one node, as an executor needs it; `inputs` are items by input port position."""

    execution_id: str
    workflow_id: str
    node: Node
    plan: NodePlan
    executor: BaseNodeExecutor
    inputs: Sequence[list[Item]]
    scope: Scope
    run_index: int
    now: datetime
    resources: Resources
    workspace: str
    reading: Reading = field(repr=False)
    equipping: Equipping | None = field(default=None, repr=False)
    logs: list[str] = field(default_factory=list)
    # The values of the credentials that the executor has opened.
    secrets: set[str] = field(default_factory=set, repr=False)
    _redaction: tuple[int, Redaction] | None = field(default=None, repr=False)

    @property
    def per_item(self) -> bool:
        """Whether the executor is called for each item."""
        return self.plan.inputs > 0 and self.executor.runs_per_item(self.node.parameters)

    @property
    def count(self) -> int:
        """How many calls it takes."""
        return len(self.inputs[0]) if self.per_item else 1

    async def resolve(self, indexes: Sequence[int]) -> list[dict[str, Any] | ExpressionError]:
        """The parameters for each of these items, with their {{ }} resolved."""
        templated, raw = self.reading.templated, self.reading.raw
        if templated.plain:
            return [self.node.parameters] * len(indexes)
        resolved = await self.resources.expressions.resolve(templated, self.scope, indexes)
        return [tree if isinstance(tree, ExpressionError) else {**tree, **raw} for tree in resolved]

    async def run_item(self, index: int, parameters: dict[str, Any] | ExpressionError) -> Output | Command:
        """One call of the executor; NodeError if it fails, whatever it raised."""
        if isinstance(parameters, ExpressionError):
            raise parameters
        equipment = await self.equipping.of(self, index) if self.equipping else {}
        context = self.context(index, parameters, self.executor.parse(parameters), equipment)
        limit = asyncio.timeout(self.plan.timeout) if self.plan.timeout else nullcontext()
        async with crashes_named(self), limit:
            returned = await self.executor.run(context)
        produced = self._sorted(returned)
        if self.secrets and isinstance(produced, Output):
            return Output(self.redaction.tree(dict(produced.ports)))
        return produced

    def context(
        self, index: int, resolved: Mapping[str, Any], parameters: Any, equipment: Equipment
    ) -> NodeExecutionContext[Any]:
        """What the executor sees of one of its calls."""
        return NodeExecutionContext(
            node=self.node,
            parameters=parameters,
            inputs=self.inputs,
            resources=self.resources,
            now=self.now,
            slots=self.executor.credentials,
            execution_id=self.execution_id,
            workflow_id=self.workflow_id,
            run_index=self.run_index,
            item_index=index,
            idempotency_key=idempotency_key(self.execution_id, self.node.name, self.run_index, index),
            resolved=resolved,
            logs=self.logs,
            trigger=self.scope.fact("$trigger"),
            equipment=equipment,
            workspace=self.workspace,
            secrets=self.secrets,
        )

    @property
    def redaction(self) -> Redaction:
        """Takes the secrets that are known by now out of what is shown."""
        if self._redaction is None or self._redaction[0] != len(self.secrets):
            self._redaction = len(self.secrets), Redaction(self.secrets)
        return self._redaction[1]

    @property
    def shown_logs(self) -> list[str]:
        """The log's lines, without secrets."""
        return [self.redaction.text(line) for line in self.logs]

    def error(self, error: NodeError, index: int | None, attempt: int = 1) -> RunError:
        """A node's failure as it is recorded."""
        item = error.item if error.item is not None else (index if self.per_item else None)
        redaction = self.redaction
        message, hint = redaction.excerpt(error.message), redaction.excerpt(error.hint)
        return RunError(error.code, message, self.node.name, hint, item, attempt)

    def error_output(self, error: RunError, index: int) -> Output | None:
        """What goes on in place of a failed item, if the node goes on at all."""
        shown = {"error": error_json(error)}
        if self.plan.on_error == "continue":
            return Output({self.plan.outputs[0] if self.plan.outputs else "main": [{"json": shown}]})
        if self.plan.on_error == "error_output":
            items = self.inputs[0] if self.inputs else []
            failed = [items[index]] if self.per_item and index < len(items) else items
            return Output({ERROR_PORT: [{**i, "json": {**i["json"], **shown}} for i in failed or [{"json": {}}]]})
        return None

    def _sorted(self, returned: Any) -> Output | Command:
        if isinstance(returned, NodeExecutionResult):
            self.logs.extend(returned.logs)
            if not returned.success:
                raise PermanentError(returned.error_message or "the executor reported an error")
            returned = returned.output_data
        if isinstance(returned, _PRODUCED):
            return returned
        port = self.plan.outputs[0] if self.plan.outputs else ""
        return Output({port: items_of(returned)} if port else {})


class _CrashesNamed(AbstractAsyncContextManager[None]):
    def __init__(self, call: Call) -> None:
        self._call = call

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception) or isinstance(error, _NAMED):
            return
        if isinstance(error, TimeoutError):
            message = f"the node didn't finish within its timeout of {self._call.node.timeout}"
            raise RetryableError(message, code="TIMEOUT", hint="raise `timeout`, or give it less to do") from None
        message = self._call.redaction.text(f"{type(error).__name__}: {error}")[:2000]
        raise PermanentError(message, code="EXECUTOR_CRASHED", hint="this is a bug in the executor") from error


def crashes_named(call: Call) -> AbstractAsyncContextManager[None]:
    """Whatever an executor raises leaves this block as a NodeError."""
    return _CrashesNamed(call)


def items_of(returned: Any) -> list[Item]:
    """The items that an executor's dict, list of dicts or None mean."""
    if returned is None:
        return []
    if isinstance(returned, dict):
        return [{"json": returned}]
    if isinstance(returned, list) and all(isinstance(one, dict) for one in returned):
        return [{"json": one} for one in returned]
    kind = type(returned).__name__
    raise PermanentError(f"the executor returned {kind}; a dict or a list of dicts makes items", code="BAD_OUTPUT")


def joined(outputs: Sequence[Mapping[str, Sequence[Item]]]) -> dict[str, list[Item]]:
    """The outputs of several calls as one: each port's items in the order of the calls."""
    ports: dict[str, list[Item]] = {}
    for output in outputs:
        for port, items in output.items():
            ports.setdefault(port, []).extend(items)
    return ports

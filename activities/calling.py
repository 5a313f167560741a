"""Makes calls of executors, and finds the nodes that serve them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from activities.invoke import Call, Reading
from activities.ports import Definition
from nodes.base import BaseNodeExecutor, FreeParameters, Item
from nodes.equipment import Equipment, Provider
from nodes.errors import NodeError, PermanentError
from nodes.expression.errors import ExpressionError
from nodes.expression.scope import Scope
from nodes.factory import Catalogue
from nodes.resources import Resources
from orchestrator import expression
from orchestrator.model import ConnectionType

MAX_DEPTH = 6
# The executor of each node that was called so far, and its parameters as they were read, by position.
FoundNodes = dict[int, tuple[BaseNodeExecutor, Reading]]


@dataclass
class Calls:
    """Everything that calls of one definition's nodes have in common."""

    definition: Definition
    catalogue: Catalogue
    resources: Resources
    found: FoundNodes = field(default_factory=dict, repr=False)
    _execution: Mapping[str, str] = field(default_factory=dict, repr=False)

    def scope(
        self,
        execution_id: str,
        mode: str,
        inputs: Sequence[list[Item]],
        reads: Mapping[str, Mapping[str, list[Item]]],
        trigger: list[Item],
        run_index: int,
        now: datetime,
    ) -> Scope:
        """What a node's expressions may see."""
        workflow = self.definition.workflow
        zone = ZoneInfo(workflow.settings.timezone or "UTC")
        return Scope(
            items=inputs[0] if inputs else [],
            nodes=reads,
            trigger=trigger,
            now=now.astimezone(zone),
            run_index=run_index,
            execution=self._execution_facts(execution_id, mode),
            workflow={"id": self.definition.workflow_id, "name": workflow.name, "version": self.definition.version},
            vars=workflow.settings.variables,
        )

    def _execution_facts(self, execution_id: str, mode: str) -> Mapping[str, str]:
        # The calls of an activity are of one execution: its address is signed once.
        if self._execution.get("id") != execution_id:
            facts = {"id": execution_id, "mode": mode}
            if self.resources.resume_url is not None:
                facts["resumeUrl"] = self.resources.resume_url(execution_id)
            self._execution = facts
        return self._execution

    def make(
        self, name: str, inputs: Sequence[list[Item]], scope: Scope, run_index: int, now: datetime, execution_id: str
    ) -> Call:
        """A call of a node's executor; LookupError if this worker has none."""
        position = self.definition.plan.positions[name]
        executor, reading = self._find(position)
        return Call(
            execution_id,
            self.definition.workflow_id,
            self.definition.workflow.nodes[position],
            self.definition.plan.nodes[position],
            executor,
            inputs,
            scope,
            run_index,
            now,
            self.resources,
            self.definition.workspace,
            reading,
            self if position in self.definition.serving else None,
        )

    def uses_trigger(self, position: int) -> bool:
        """Whether a call of the node may need what the run was started with."""
        return position in self.definition.serving or self._find(position)[1].uses_trigger

    def _find(self, position: int) -> tuple[BaseNodeExecutor, Reading]:
        found = self.found.get(position)
        if found is None:
            node = self.definition.workflow.nodes[position]
            executor = self.catalogue.find(node)
            if executor is None:
                need = f"{node.type} {node.subtype}, which {node.name!r} needs"
                raise LookupError(f"this worker has no executor for {need}")
            found = self.found[position] = executor, Reading.of(node, executor)
        return found

    async def of(self, call: Call, index: int) -> Equipment:
        """The nodes that serve the call's, their parameters resolved for one item."""
        return await self._serving(call, index, ())

    async def provider(self, call: Call, index: int, arguments: Mapping[str, Any]) -> Provider:
        """A node that serves another, called with arguments; with those its `$fromAI` is resolved."""
        asked = replace(call, scope=replace(call.scope, arguments=arguments))
        return await self._provider(asked, index, ())

    async def _serving(self, call: Call, index: int, above: tuple[str, ...]) -> Equipment:
        position = self.definition.plan.positions[call.node.name]
        found: dict[ConnectionType, list[Provider]] = {}
        if len(above) >= MAX_DEPTH or call.node.name in above:
            return found
        for one in self.definition.serving.get(position, ()):
            name = self.definition.plan.nodes[one.provider].name
            server = replace(
                self.make(name, call.inputs, call.scope, call.run_index, call.now, call.execution_id),
                logs=call.logs,
                secrets=call.secrets,
            )
            provider = await self._provider(server, index, (*above, call.node.name))
            found.setdefault(one.type, []).append(provider)
        return found

    async def _provider(self, call: Call, index: int, above: tuple[str, ...]) -> Provider:
        equipment = await self._serving(call, index, above)
        if call.scope.arguments is None and _asks_model(call.node.parameters):
            # What the model chooses isn't known yet.
            free = FreeParameters.model_validate(dict(call.node.parameters))
            return Provider(call.executor, call.context(index, call.node.parameters, free, equipment))
        (resolved,) = await call.resolve([index])
        try:
            if isinstance(resolved, ExpressionError):
                raise resolved
            parameters = call.executor.parse(resolved)
        except NodeError as error:
            raise PermanentError(f"{call.node.name!r}: {error.message}", code=error.code, hint=error.hint) from None
        return Provider(call.executor, call.context(index, resolved, parameters, equipment))


def _asks_model(parameters: Mapping[str, Any]) -> bool:
    return any("$fromAI" in text for _, text in expression.walk(parameters))

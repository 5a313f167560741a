"""What a step of an agent's work has before it: who speaks, with what, and what was said."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from activities.agents.transcript import Transcript
from activities.calling import Calls
from activities.data import Data
from activities.invoke import Call
from activities.ports import Executions, People, Transcripts
from nodes.ai_agent.agent import Agent
from nodes.base import Item, NodeExecutionContext
from nodes.expression.errors import ExpressionError
from orchestrator.errors import RunError
from orchestrator.items import Items
from orchestrator.messages import AgentTask
from orchestrator.record import NodeRecord, NodeStatus, Usage


@dataclass
class Scene:
    """One step, while it is taken."""

    calls: Calls
    task: AgentTask
    data: Data
    executions: Executions
    transcript: Transcript
    people: People
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    async def set(
        cls,
        calls: Calls,
        task: AgentTask,
        data: Data,
        executions: Executions,
        transcripts: Transcripts,
        people: People,
    ) -> "Scene":
        """The scene, with the transcript read."""
        scene = cls(calls, task, data, executions, Transcript(transcripts, task), people)
        await scene.transcript.read()
        return scene

    async def call(self, node: str) -> Call:
        """A call of a node with the agent's scope; what another agent asks takes the place of the items."""
        task = self.task
        inputs = [await self.data.load(items) for items in task.inputs]
        if task.prompt is not None:
            inputs = [await self.data.load(task.prompt)]
        reads = {name: await self.data.load_ports(ports) for name, ports in task.reads.items()}
        trigger = await self.data.load(task.trigger)
        scope = self.calls.scope(task.execution_id, task.mode, inputs, reads, trigger, task.run_index, task.now)
        return self.calls.make(node, inputs, scope, task.run_index, task.now, task.execution_id)

    async def speaker(self, call: Call) -> tuple[Agent[Any], NodeExecutionContext[Any]]:
        """The agent that speaks, with its parameters resolved; NodeError if they can't be."""
        agent = call.executor
        assert isinstance(agent, Agent), f"{call.node.subtype} is no agent"
        (resolved,) = await call.resolve([self.task.item])
        if isinstance(resolved, ExpressionError):
            raise resolved
        equipment = await self.calls.of(call, self.task.item)
        return agent, call.context(self.task.item, resolved, agent.parse(resolved), equipment)

    async def save(self, items: list[Item]) -> Items:
        """Keeps items for the run."""
        return await self.data.save(self.task.execution_id, items)

    async def record(
        self,
        node: str,
        status: NodeStatus,
        *,
        inputs: list[Items] | None = None,
        outputs: dict[str, Items] | None = None,
        error: RunError | None = None,
        usage: Usage | None = None,
        logs: list[str] | None = None,
        run_index: int | None = None,
    ) -> None:
        """Writes a step down as a node run under the agent's."""
        record = NodeRecord(
            node,
            self.task.step if run_index is None else run_index,
            status,
            started_at=self.started,
            finished_at=datetime.now(UTC) if status.ended else None,
            inputs=inputs,
            outputs=outputs,
            error=error,
            logs=logs or [],
            parent=self.task.agent,
            usage=usage,
        )
        await self.executions.record(self.task.execution_id, [record])

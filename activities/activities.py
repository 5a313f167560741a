"""The activities that a worker offers, bound to what they need."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from temporalio import activity
from temporalio.common import RawValue

from activities.advance import Advance
from activities.agents.progress import Progress
from activities.agents.scene import Scene
from activities.agents.steps import answer_call, take_turn
from activities.calling import Calls, FoundNodes
from activities.data import Data
from activities.early_records import EarlyRecords
from activities.heartbeat import heartbeats
from activities.node import NodeRun
from activities.observed import Observe, nobody_watches, observed
from activities.patience import patient
from activities.people import closing
from activities.people.asking import Asking
from activities.people.notifying import Notifying
from activities.people.place import Place
from activities.people.settling import Settling
from activities.ports import (
    Definition,
    Definitions,
    Executions,
    Limits,
    Observer,
    Payloads,
    People,
    Results,
    Transcripts,
)
from activities.turns import attempt, turns_awaited
from nodes.factory import Catalogue
from nodes.resources import Resources
from orchestrator.errors import DefinitionError, RunError
from orchestrator.items import Items
from orchestrator.messages import (
    ADVANCE,
    AGENT_TURN,
    ASK_PEOPLE,
    CALL_TOOL,
    CLOSE_TASKS,
    LOAD_PLAN,
    NOTIFY_PEOPLE,
    PREPARE_CHILD,
    SETTLE_TASKS,
    SPILL,
    AdvanceRequest,
    AdvanceResult,
    AgentTask,
    AskResult,
    AskTask,
    ChildPlan,
    ChildRequest,
    CloseTask,
    NodeResult,
    NodeTask,
    NotifyTask,
    SettleResult,
    SettleTask,
    SpillRequest,
    ToolResult,
    ToolTask,
    TurnResult,
)
from orchestrator.plan import Plan
from orchestrator.start import RunStart, Share


class Activities:
    """Everything the workflow has done for it. Local activities fail fast when the store is out of reach."""

    def __init__(
        self,
        definitions: Definitions,
        payloads: Payloads,
        executions: Executions,
        catalogue: Catalogue,
        resources: Resources,
        transcripts: Transcripts,
        people: People,
        results: Results | None = None,
        observer: Observer | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits
        self._patient_limits = patient(limits) if limits else None
        self._results = patient(results) if results else None
        self._definitions = definitions
        self._executions = executions
        self._catalogue = catalogue
        self._resources = resources
        # What is found out about a definition's nodes is kept as long as it is.
        self._found: WeakKeyDictionary[Definition, FoundNodes] = WeakKeyDictionary()
        self._observer = observer
        self._data = Data(payloads)
        self._transcripts = patient(transcripts)
        self._people = patient(people)
        self._patient_data = Data(patient(payloads))
        self._patient_executions = patient(executions, once=("progress",))
        self._early = EarlyRecords(executions)

    def all(self) -> Sequence[Callable[..., Any]]:
        """What to register with a worker."""
        return [
            self.advance,
            self.load_plan,
            self.prepare_child,
            self.spill,
            self.node,
            self.agent_turn,
            self.call_tool,
            self.ask_people,
            self.notify_people,
            self.settle_tasks,
            self.close_tasks,
        ]

    async def drain(self) -> None:
        """Returns once everything that is done is written down, or left to the runs."""
        await self._early.drain()

    def nodes(self) -> Sequence[Callable[..., Any]]:
        """What to register with a worker that runs nodes and agents, and no workflows."""
        return [self.node, self.agent_turn, self.call_tool]

    @activity.defn(name=ADVANCE)
    async def advance(self, request: AdvanceRequest) -> AdvanceResult:
        """Runs pure nodes, and writes down what is to be recorded."""
        definition = await self._definitions.get(request.start.version_id)
        watched = self._observe(definition)
        data = await _within(self._data, self._limits, definition)
        step = Advance(definition, request, self._calls(definition), data, self._executions, self._early, watched)
        async with heartbeats():
            return await step.run()

    @activity.defn(name=LOAD_PLAN)
    async def load_plan(self, version_id: str) -> Plan:
        """The plan of a version, for runs that aren't started with it."""
        return (await self._definitions.get(version_id)).plan

    @activity.defn(name=PREPARE_CHILD)
    async def prepare_child(self, request: ChildRequest) -> ChildPlan:
        """Records a run of another workflow; says why if there can be none."""
        try:
            child = await self._executions.create_child(
                request.execution_id,
                request.parent_execution_id,
                request.workflow_id,
                request.mode,
                request.trigger_subtype,
                request.at,
            )
        except LookupError:
            message = f"there is no workflow {request.workflow_id!r}"
            return ChildPlan(error=RunError("WORKFLOW_NOT_FOUND", message, hint="correct workflow_id"))
        except DefinitionError as error:
            message = f"the workflow {request.workflow_id!r} can't be run: {error}"
            return ChildPlan(error=RunError("WORKFLOW_NOT_RUNNABLE", message[:2000]))
        return ChildPlan(
            RunStart(
                execution_id=child.execution_id,
                version_id=child.version_id,
                workflow_id=child.workflow_id,
                workflow_name=child.workflow_name,
                version=child.version,
                mode=request.mode,
                begin=child.begin,
                input=Items(),
                share=await self._share(child.version_id),
            )
        )

    async def _share(self, version_id: str) -> Share | None:
        if self._limits is None:
            return None
        found = await self._definitions.get(version_id)
        return await self._limits.share(found.workspace, found.workflow_id, found.workflow.settings.priority)

    @activity.defn(name=SPILL)
    async def spill(self, request: SpillRequest) -> list[Items]:
        """Moves data to the payload store."""
        return [await self._data.spill(request.execution_id, items) for items in request.items]

    @activity.defn(dynamic=True)
    async def node(self, args: Sequence[RawValue]) -> NodeResult:
        """Runs one effectful node; the activity's type is the node's subtype."""
        task = activity.payload_converter().from_payload(args[0].payload, NodeTask)
        definition = await self._definitions.get(task.version_id)
        run = NodeRun(
            calls=self._calls(definition),
            task=task,
            data=await self._data_of(definition),
            executions=self._watched(definition),
            early=self._early,
            observe=self._observe(definition),
            attempt=attempt(),
            results=self._results,
        )
        async with turns_awaited():
            return await run.run()

    @activity.defn(name=AGENT_TURN)
    async def agent_turn(self, task: AgentTask) -> TurnResult:
        """Has an agent's model say what comes next."""
        speaking = Progress(self._executions, task.execution_id, task.speaker, task.step)
        async with turns_awaited(), heartbeats(), speaking:
            return await take_turn(await self._scene(task), attempt(), speaking.say)

    @activity.defn(name=CALL_TOOL)
    async def call_tool(self, task: ToolTask) -> ToolResult:
        """Answers one of a model's calls."""
        async with turns_awaited(), heartbeats():
            return await answer_call(await self._scene(task.work), task, attempt())

    @activity.defn(name=ASK_PEOPLE)
    async def ask_people(self, task: AskTask) -> AskResult:
        """Asks people about the items of a node run."""
        async with heartbeats():
            place = await self._place(task, task.now)
            reads = {name: await self._patient_data.load_ports(ports) for name, ports in task.reads.items()}
            call = place.call(task.node, task.run_index, await self._patient_data.load(task.inputs[0]))
            call.scope = replace(call.scope, nodes=reads, trigger=await self._patient_data.load(task.trigger))
            return await Asking(place, task, self._patient_data, call, activity.info().attempt).run()

    @activity.defn(name=NOTIFY_PEOPLE)
    async def notify_people(self, task: NotifyTask) -> None:
        """Reminds people, and tells those whom a task passed to."""
        async with heartbeats():
            place = await self._place(task, datetime.now(UTC))
            call = place.call(task.node, task.run_index)
            await Notifying(place, task, call, activity.info().attempt).run()

    @activity.defn(name=SETTLE_TASKS)
    async def settle_tasks(self, task: SettleTask) -> SettleResult:
        """Writes down how tasks ended."""
        async with heartbeats():
            place = await self._place(task, task.now)
            return await Settling(place, task, self._patient_data, place.call(task.node, task.run_index)).run()

    @activity.defn(name=CLOSE_TASKS)
    async def close_tasks(self, task: CloseTask) -> None:
        """Closes the tasks of a run that has ended."""
        async with heartbeats():
            await closing.close(await self._place(task, datetime.now(UTC)))

    async def _place(self, task: AskTask | NotifyTask | SettleTask | CloseTask, now: datetime) -> Place:
        calls = self._calls(await self._definitions.get(task.version_id))
        return Place(calls, self._people, task.execution_id, task.mode, now)

    async def _scene(self, task: AgentTask) -> Scene:
        definition = await self._definitions.get(task.version_id)
        executions, data = self._watched(definition), await self._data_of(definition)
        return await Scene.set(self._calls(definition), task, data, executions, self._transcripts, self._people)

    async def _data_of(self, definition: Definition) -> Data:
        return await _within(self._patient_data, self._patient_limits, definition)

    def _watched(self, definition: Definition) -> Executions:
        executions = self._patient_executions
        return executions if self._observer is None else observed(executions, definition, self._observer)

    def _observe(self, definition: Definition) -> Observe:
        return nobody_watches if self._observer is None else partial(self._observer.nodes_recorded, definition)

    def _calls(self, definition: Definition) -> Calls:
        found = self._found.setdefault(definition, {})
        return Calls(definition, self._catalogue, self._resources, found)


async def _within(data: Data, limits: Limits | None, definition: Definition) -> Data:
    """The data of a workflow's runs, with lists no larger than these may have."""
    if limits is None:
        return data
    return data.within(await limits.payload_bytes(definition.workspace, definition.workflow_id))

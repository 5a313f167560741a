"""The activities' ports kept in memory: what the workflow is tested against where PostgreSQL isn't the subject."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from activities.ports import (
    Asked,
    Checkpoint,
    ChildExecution,
    Definition,
    Definitions,
    Executions,
    Happening,
    Link,
    Payloads,
    People,
    Question,
    StoreUnavailableError,
    Transcripts,
)
from orchestrator.items import Items
from orchestrator.people import Answer
from orchestrator.record import ExecutionRecord, NodeRecord, NodeStatus


@dataclass
class Recorded:
    """What was recorded of one run."""

    nodes: dict[tuple[str, int], NodeRecord] = field(default_factory=dict)
    log: list[tuple[str, int, NodeStatus]] = field(default_factory=list)
    execution: ExecutionRecord | None = None
    failed_attempts: list[str] = field(default_factory=list)

    def runs(self) -> dict[str, int]:
        """How often each node ran."""
        counts: dict[str, int] = {}
        for node, _ in self.nodes:
            counts[node] = counts.get(node, 0) + 1
        return counts


class MemoryDefinitions(Definitions):
    """Versions by id; the id is the workflow's too."""

    def __init__(self) -> None:
        self.by_id: dict[str, Definition] = {}

    async def get(self, version_id: str) -> Definition:
        """The version."""
        return self.by_id[version_id]


class MemoryPayloads(Payloads):
    """Bodies by hash."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    async def put(self, execution_id: str, bodies: Sequence[bytes]) -> list[str]:
        """Keeps the bodies."""
        refs = [hashlib.sha256(body).hexdigest() for body in bodies]
        self.bodies.update(zip(refs, bodies, strict=True))
        return refs

    async def get(self, refs: Sequence[str]) -> list[bytes]:
        """The bodies."""
        return [self.bodies[ref] for ref in refs]


class MemoryExecutions(Executions):
    """Runs by id; `away` makes every call fail as if the database were down."""

    def __init__(self, definitions: MemoryDefinitions) -> None:
        self.definitions = definitions
        self.runs: dict[str, Recorded] = {}
        self.checkpoints: dict[tuple[str, str, int], list[dict[str, Items]]] = {}
        self.said: list[tuple[str, str]] = []
        self.away = False

    def of(self, execution_id: str) -> Recorded:
        """What was recorded of a run."""
        return self.runs.setdefault(execution_id, Recorded())

    async def record(
        self, execution_id: str, nodes: Sequence[NodeRecord], execution: ExecutionRecord | None = None
    ) -> bool:
        """Keeps the latest state of each node run, and of the run itself unless that has ended."""
        self._check()
        run = self.of(execution_id)
        for record in nodes:
            run.nodes[record.node, record.run_index] = record
            run.log.append((record.node, record.run_index, record.status))
            if record.failed_attempt:
                run.failed_attempts.append(record.failed_attempt.message)
        over = run.execution is not None and run.execution.status.ended
        if execution and (execution.status.ended or not over):
            run.execution = execution
        return execution is not None and (over or execution.status.ended)

    async def progress(self, execution_id: str, node: str, run_index: int, text: str) -> None:
        self.said.append((node, text))

    async def create_child(
        self,
        execution_id: str,
        parent_execution_id: str,
        workflow_id: str,
        mode: str,
        trigger_subtype: str,
        at: datetime,
    ) -> ChildExecution:
        """A run of a version that a test defined."""
        self._check()
        definition = self.definitions.by_id.get(workflow_id)
        if definition is None:
            raise LookupError(workflow_id)
        begin = next(node.name for node in definition.plan.nodes if node.subtype == trigger_subtype)
        self.of(execution_id)
        return ChildExecution(execution_id, workflow_id, workflow_id, definition.workflow.name, 1, begin)

    async def load_checkpoint(self, execution_id: str, node: str, run_index: int) -> Checkpoint:
        """What earlier attempts finished."""
        self._check()
        outputs = self.checkpoints.get((execution_id, node, run_index), [])
        return Checkpoint(tuple(outputs), len(self.of(execution_id).failed_attempts))

    async def save_checkpoint(
        self, execution_id: str, node: str, run_index: int, item: int, outputs: dict[str, Items]
    ) -> None:
        """Notes that an item is done."""
        self._check()
        self.checkpoints.setdefault((execution_id, node, run_index), []).append(outputs)

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailableError("the store is away")


class MemoryTranscripts(Transcripts):
    """What agents said."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str, int, int], dict[int, str]] = {}

    async def read(self, execution_id: str, agent: str, run_index: int, item: int) -> list[tuple[int, str]]:
        return sorted(self.entries.get((execution_id, agent, run_index, item), {}).items())

    async def write(self, execution_id: str, agent: str, run_index: int, item: int, position: int, body: str) -> str:
        return self.entries.setdefault((execution_id, agent, run_index, item), {}).setdefault(position, body)


class MemoryPeople(People):
    """What people are asked."""

    def __init__(self) -> None:
        self.questions: dict[str, Question] = {}
        self.deliveries: dict[str, str] = {}
        self.happenings: dict[tuple[str, str], Happening] = {}
        self.ended: dict[str, tuple[str, Answer | None]] = {}
        # How many seconds it takes to go on after a question is kept.
        self.pause = 0.0

    async def ask(self, question: Question) -> None:
        self.questions.setdefault(question.id, question)
        await asyncio.sleep(self.pause)

    async def question_of(self, execution_id: str) -> Question:
        """The first question of a run, as soon as there is one."""
        while True:
            for question in self.questions.values():
                if question.execution_id == execution_id:
                    return question
            await asyncio.sleep(0.02)

    async def asked(self, task_ids: Sequence[str]) -> list[Asked]:
        known = [self.questions[task_id] for task_id in task_ids if task_id in self.questions]
        return [Asked(one, self.deliveries.get(one.id, ""), one.id not in self.ended) for one in known]

    async def open_of(self, execution_id: str) -> list[Asked]:
        own = [one.id for one in self.questions.values() if one.execution_id == execution_id]
        return await self.asked([task_id for task_id in own if task_id not in self.ended])

    async def requester(self, execution_id: str) -> str:
        return ""

    async def link(self, task_id: str, recipient: str) -> Link | None:
        return None

    async def delivered(self, task_id: str, delivery: str, happening: Happening) -> None:
        self.deliveries[task_id] = delivery
        await self.happened([happening])

    async def happened(self, happenings: Sequence[Happening]) -> None:
        for one in happenings:
            self.happenings.setdefault((one.task_id, one.key), one)

    async def assign(
        self, task_id: str, assignees: Sequence[str], deadline: datetime | None, happening: Happening
    ) -> None:
        self.questions[task_id] = replace(self.questions[task_id], assignees=tuple(assignees), deadline=deadline)
        await self.happened([happening])

    async def end(self, task_id: str, status: str, answer: Answer | None, happenings: Sequence[Happening]) -> None:
        self.ended.setdefault(task_id, (status, answer))
        await self.happened(happenings)

    def kinds(self, task_id: str) -> list[str]:
        """What happened to a task, in order."""
        return [one.kind for (owner, _), one in self.happenings.items() if owner == task_id]

"""What activities need of the outside, as protocols; `services` implements them and hands them over.

Every method raises StoreUnavailableError while the store is out of reach.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol

from orchestrator.equipment import Equips, equipment, equipped_by
from orchestrator.items import Items
from orchestrator.model import Workflow
from orchestrator.people import Answer
from orchestrator.plan import Plan
from orchestrator.record import ExecutionRecord, NodeRecord
from orchestrator.start import Share
from orchestrator.task_form import TaskField


class StoreUnavailableError(Exception):
    """The store can't be reached now; the same call may succeed later."""


class UnrecordedRunError(LookupError):
    """There is no record of the run, and won't be: nobody can see or steer it."""


@dataclass(frozen=True, eq=False)
class Definition:
    """One immutable version of a workflow, as stored; compared by identity, so that more can be kept of it."""

    version_id: str
    workflow_id: str
    version: int
    workflow: Workflow
    plan: Plan
    # Whose credentials, files and memories its runs use.
    workspace: str = "default"

    @cached_property
    def serving(self) -> Mapping[int, tuple[Equips, ...]]:
        """What serves each node over AI connections, by position."""
        return equipped_by(equipment(self.workflow))


@dataclass(frozen=True)
class ChildExecution:
    """A recorded run that a running workflow is about to start at the trigger `begin`."""

    execution_id: str
    version_id: str
    workflow_id: str
    workflow_name: str
    version: int
    begin: str


@dataclass(frozen=True)
class Checkpoint:
    """What earlier attempts at a per-item node run have finished: the outputs of items 0…n-1 by port, in order.

    `failures` counts the failed attempts at the item that comes next, or at all items where a node runs once for them.
    """

    outputs: Sequence[dict[str, Items]] = ()
    failures: int = 0


class Observer(Protocol):
    """Who is to know what happens in runs; it never fails, and waits for nothing."""

    def nodes_recorded(self, definition: Definition, execution_id: str, records: Sequence[NodeRecord]) -> None:
        """These node runs of a run of the version were just recorded."""


class Definitions(Protocol):
    """Immutable definitions by version id."""

    async def get(self, version_id: str) -> Definition:
        """The version; LookupError if it is gone."""


class Payloads(Protocol):
    """Bodies kept outside Temporal by content hash, each belonging to the executions that refer to it."""

    async def put(self, execution_id: str, bodies: Sequence[bytes]) -> list[str]:
        """Stores each body once and links it to the execution; returns their SHA-256 hex digests in order."""

    async def get(self, refs: Sequence[str]) -> list[bytes]:
        """The bodies, in order; LookupError names the first that is gone."""


class Results(Protocol):
    """What nodes made of the same before, for a while; keys tell nothing."""

    async def get(self, workspace: str, key: str) -> bytes | None:
        """What is kept."""

    async def put(self, workspace: str, key: str, body: bytes, seconds: float) -> None:
        """Keeps a result for some seconds."""


class Limits(Protocol):
    """What runs may have; a change may take a while to be heard of."""

    async def share(self, workspace: str, workflow_id: str, priority: int) -> Share:
        """What a run of a workflow may have, and its place where workers are few; `priority` 0 is the usual one."""

    async def payload_bytes(self, workspace: str, workflow_id: str) -> int:
        """How many bytes of JSON one list of items may have in runs of a workflow; 0 for as many as anywhere."""


class Transcripts(Protocol):
    """What was said in agents' conversations, by position. An entry is never replaced: whoever writes it first wins.

    A conversation is named by the execution, the agent's node, its run and the number of the prompt.
    """

    async def read(self, execution_id: str, agent: str, run_index: int, item: int) -> list[tuple[int, str]]:
        """Every entry, by position."""

    async def write(self, execution_id: str, agent: str, run_index: int, item: int, position: int, body: str) -> str:
        """Writes an entry; the one that stands there now."""


@dataclass(frozen=True)
class Question:
    """What people are asked; `subject` is the JSON text of what they decide about.

    `channel` is where they are told of it, by the workspace's credential `credential` where one is needed. The rest is
    as in orchestrator.people.OpenTask.
    """

    id: str
    workspace: str
    execution_id: str
    node: str
    title: str
    message: str = ""
    subject: str = ""
    options: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    fields: tuple[TaskField, ...] = ()
    channel: str = "TOOL"
    credential: str = ""
    run_index: int = 0
    item: int = 0
    deadline: datetime | None = None
    on_timeout: str = ""
    required: int = 1
    requester: str = ""
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A question as it stands; `delivery` is the JSON of where it was delivered, empty if it wasn't yet."""

    question: Question
    delivery: str = ""
    open: bool = True


@dataclass(frozen=True)
class Link:
    """An address at which one person answers one task, and the code that proves that a person does."""

    url: str
    code: str


@dataclass(frozen=True)
class Happening:
    """One thing that happened to a task; one with the same `key` is the same."""

    task_id: str
    key: str
    kind: str
    by: str = ""
    channel: str = ""
    text: str = ""


class People(Protocol):
    """Where people find what they are asked."""

    async def ask(self, question: Question) -> None:
        """Puts a question before people; asking it again changes nothing."""

    async def asked(self, task_ids: Sequence[str]) -> list[Asked]:
        """The questions as they stand, in order; those that are gone are left out."""

    async def open_of(self, execution_id: str) -> list[Asked]:
        """The questions of a run that are open."""

    async def requester(self, execution_id: str) -> str:
        """Who started the run; empty if nobody is known."""

    async def link(self, task_id: str, recipient: str) -> Link | None:
        """A new link for one person; None if this installation has no address that people could open."""

    async def delivered(self, task_id: str, delivery: str, happening: Happening) -> None:
        """Notes where a question lies before people."""

    async def happened(self, happenings: Sequence[Happening]) -> None:
        """Writes down what happened."""

    async def assign(
        self, task_id: str, assignees: Sequence[str], deadline: datetime | None, happening: Happening
    ) -> None:
        """Puts a question before others; links of those who may not answer any more are dead."""

    async def end(self, task_id: str, status: str, answer: Answer | None, happenings: Sequence[Happening]) -> None:
        """Writes down how a task ended (ANSWERED, EXPIRED, CANCELED), unless it has ended; its links are dead."""


class Executions(Protocol):
    """The record of runs."""

    async def record(
        self, execution_id: str, nodes: Sequence[NodeRecord], execution: ExecutionRecord | None = None
    ) -> bool:
        """Writes records in one transaction, with their events, and links the payloads they refer to.

        Idempotent: the same records again change nothing but times. Watchers are told on commit. Says whether the run
        has ended by now, as far as `execution` asks for it: a run that has ended isn't paused any more.
        UnrecordedRunError if there is no such run.
        """

    async def progress(self, execution_id: str, node: str, run_index: int, text: str) -> None:
        """Tells those who watch now what a model is saying; it is kept nowhere."""

    async def create_child(
        self,
        execution_id: str,
        parent_execution_id: str,
        workflow_id: str,
        mode: str,
        trigger_subtype: str,
        at: datetime,
    ) -> ChildExecution:
        """Records a run of the workflow's latest version, to be started under the given id; idempotent by id.

        LookupError if there is no such workflow, DefinitionError if it has no valid definition with a trigger of
        that subtype.
        """

    async def load_checkpoint(self, execution_id: str, node: str, run_index: int) -> Checkpoint:
        """What earlier attempts have finished."""

    async def save_checkpoint(
        self, execution_id: str, node: str, run_index: int, item: int, outputs: dict[str, Items]
    ) -> None:
        """Notes that one item is done, durably, before the next begins."""

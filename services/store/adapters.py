"""The store as activities see it: implements the protocols of `activities.ports`."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from types import TracebackType

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from activities.ports import (
    Asked,
    Checkpoint,
    ChildExecution,
    Definition,
    Happening,
    Link,
    Question,
    StoreUnavailableError,
    UnrecordedRunError,
)
from orchestrator.errors import DefinitionError, Problem
from orchestrator.items import ONE_EMPTY_ITEM, Items
from orchestrator.model import NodeType
from orchestrator.people import Answer
from orchestrator.record import ExecutionRecord, NodeRecord
from orchestrator.start import RunStart, Share
from services.errors import NotFound, execution_not_found
from services.observability.telemetry import Telemetry
from services.store import checkpoints, executions, payloads, recording, transcripts, workflows
from services.store.definitions import Definitions
from services.store.engine import Database
from services.store.known_limits import KnownLimits
from services.store.people import asking, links


class _OutagesNamed(AbstractAsyncContextManager[None]):
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OperationalError | InterfaceError | PoolTimeoutError):
            raise StoreUnavailableError("PostgreSQL doesn't answer") from error
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise StoreUnavailableError("the connection to PostgreSQL was lost") from error


def outages_named() -> AbstractAsyncContextManager[None]:
    """Raises StoreUnavailableError for what passes once PostgreSQL is back."""
    return _OutagesNamed()


class StoredDefinitions:
    """Versions that can be run."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    async def get(self, version_id: str) -> Definition:
        """The version."""
        async with outages_named():
            return await self._definitions.get(version_id)


class StoredPayloads:
    """Bodies by content hash."""

    def __init__(self, database: Database, telemetry: Telemetry | None = None) -> None:
        self._database = database
        self._telemetry = telemetry or Telemetry()

    async def put(self, execution_id: str, bodies: Sequence[bytes]) -> list[str]:
        """Stores each body once and links it to the execution."""
        async with outages_named():
            refs = await payloads.put(self._database, execution_id, bodies)
        self._telemetry.payloads("written", bodies)
        return refs

    async def get(self, refs: Sequence[str]) -> list[bytes]:
        """The bodies, in order."""
        async with outages_named():
            bodies = await payloads.get(self._database, refs)
        self._telemetry.payloads("read", bodies)
        return bodies


class StoredLimits:
    """What runs may have, as it was a moment ago."""

    def __init__(self, known: KnownLimits) -> None:
        self._known = known

    async def share(self, workspace: str, workflow_id: str, priority: int) -> Share:
        """What a run of a workflow may have."""
        async with outages_named():
            return await self._known.share(workspace, workflow_id, priority)

    async def payload_bytes(self, workspace: str, workflow_id: str) -> int:
        """How large a list of items may be."""
        async with outages_named():
            return await self._known.payload_bytes(workspace, workflow_id)


class StoredTranscripts:
    """What agents said."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, execution_id: str, agent: str, run_index: int, item: int) -> list[tuple[int, str]]:
        """Every entry of a conversation, by position."""
        async with outages_named():
            return await transcripts.read(self._database, execution_id, agent, run_index, item)

    async def write(self, execution_id: str, agent: str, run_index: int, item: int, position: int, body: str) -> str:
        """Writes an entry unless there is one; the one that stands."""
        async with outages_named():
            return await transcripts.write(self._database, execution_id, agent, run_index, item, position, body)


class StoredPeople:
    """What people are asked; `public_url` says where they reach this installation, empty for nowhere."""

    def __init__(self, database: Database, public_url: Callable[[], str], telemetry: Telemetry | None = None) -> None:
        self._database = database
        self._public_url = public_url
        self._telemetry = telemetry or Telemetry()

    async def ask(self, question: Question) -> None:
        """Puts a question before people, once."""
        async with outages_named():
            if await asking.insert(self._database, question):
                self._telemetry.task_opened()

    async def asked(self, task_ids: Sequence[str]) -> list[Asked]:
        """The questions as they stand."""
        async with outages_named():
            return await asking.read(self._database, task_ids)

    async def open_of(self, execution_id: str) -> list[Asked]:
        """The questions of a run that are open."""
        async with outages_named():
            return await asking.open_of(self._database, execution_id)

    async def requester(self, execution_id: str) -> str:
        """Who started the run."""
        async with outages_named():
            return await asking.requester(self._database, execution_id)

    async def link(self, task_id: str, recipient: str) -> Link | None:
        """A new link for one person."""
        url = self._public_url()
        if not url:
            return None
        token, code = links.new_token()
        async with outages_named():
            await asking.link(self._database, token, code, task_id, recipient)
        return Link(f"{url}/task/{token}", code)

    async def delivered(self, task_id: str, delivery: str, happening: Happening) -> None:
        """Notes where a question lies."""
        async with outages_named():
            await asking.delivered(self._database, task_id, delivery, happening)

    async def happened(self, happenings: Sequence[Happening]) -> None:
        """Writes down what happened."""
        async with outages_named():
            await asking.happened(self._database, happenings)

    async def assign(
        self, task_id: str, assignees: Sequence[str], deadline: datetime | None, happening: Happening
    ) -> None:
        """Gives a question to others."""
        async with outages_named():
            await asking.assign(self._database, task_id, assignees, deadline, happening)

    async def end(self, task_id: str, status: str, answer: Answer | None, happenings: Sequence[Happening]) -> None:
        """Writes down how a question ended."""
        async with outages_named():
            await asking.end(self._database, task_id, status, answer, happenings)


class StoredExecutions:
    """The record of runs."""

    def __init__(self, database: Database, definitions: Definitions, telemetry: Telemetry | None = None) -> None:
        self._database = database
        self._definitions = definitions
        self._telemetry = telemetry or Telemetry()

    async def record(
        self, execution_id: str, nodes: Sequence[NodeRecord], execution: ExecutionRecord | None = None
    ) -> bool:
        """Writes records in one statement."""
        try:
            async with outages_named():
                recorded = await recording.record(self._database, execution_id, nodes, execution)
        except NotFound as error:
            raise UnrecordedRunError(error.message) from None
        self._telemetry.run_changed(recorded.change)
        return recorded.ended

    async def progress(self, execution_id: str, node: str, run_index: int, text: str) -> None:
        """Tells those who watch now."""
        async with outages_named():
            await recording.progress(self._database, execution_id, node, run_index, text)

    async def create_child(
        self,
        execution_id: str,
        parent_execution_id: str,
        workflow_id: str,
        mode: str,
        trigger_subtype: str,
        at: datetime,
    ) -> ChildExecution:
        """Records a run of the workflow's latest version; the same again if the id is known."""
        async with outages_named():
            known = await self._known(execution_id)
            if known is not None:
                return known
            start = await self._start_of(execution_id, parent_execution_id, workflow_id, mode, trigger_subtype)
            new = executions.NewExecution(start, at, parent_execution_id=parent_execution_id)
            async with self._database.driver() as connection:
                inserted = await executions.insert(connection, new)
            # Whoever else inserted it meanwhile may have taken another version: what is stored counts.
            stored = await self._known(execution_id)
        if inserted:
            self._telemetry.run_started(start)
        if stored is None:
            raise execution_not_found(execution_id)
        return stored

    async def load_checkpoint(self, execution_id: str, node: str, run_index: int) -> Checkpoint:
        """What earlier attempts have finished."""
        async with outages_named():
            return await checkpoints.load(self._database, execution_id, node, run_index)

    async def save_checkpoint(
        self, execution_id: str, node: str, run_index: int, item: int, outputs: dict[str, Items]
    ) -> None:
        """Notes that one item is done."""
        async with outages_named():
            await checkpoints.save(self._database, execution_id, node, run_index, item, outputs)

    async def _known(self, execution_id: str) -> ChildExecution | None:
        async with self._database.reading() as session:
            row = await executions.find(session, execution_id)
        if row is None:
            return None
        return ChildExecution(
            execution_id, row.version_id, row.workflow_id or "", row.workflow_name, row.version, row.trigger
        )

    async def _start_of(
        self, execution_id: str, parent_execution_id: str, workflow_id: str, mode: str, trigger_subtype: str
    ) -> RunStart:
        async with self._database.reading() as session:
            # Another workspace's workflow is none that there is.
            workspace = (await executions.get(session, parent_execution_id)).workspace
            latest = await workflows.version_id(session, workflow_id, 0, workspace)
        version = await self._definitions.version(latest)
        name = version.workflow.name
        if version.plan is None:
            raise DefinitionError([Problem("WORKFLOW_NOT_VALID", f"workflow {name!r} isn't valid; mend it first")])
        triggers = (node for node in version.plan.nodes if node.type == NodeType.TRIGGER_NODE and not node.disabled)
        begin = next((node.name for node in triggers if node.subtype == trigger_subtype), None)
        if begin is None:
            message = f"workflow {name!r} has no {trigger_subtype} trigger; add one so that it can be called"
            raise DefinitionError([Problem("TRIGGER_MISSING", message)])
        return RunStart(execution_id, latest, workflow_id, name, version.version, mode, begin, ONE_EMPTY_ITEM)

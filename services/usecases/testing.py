"""Runs one node alone and waits for it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.compiler import compile_plan
from orchestrator.errors import DefinitionError, Problem, Severity
from orchestrator.model import ConnectionsMap, Workflow
from orchestrator.plan import Plan
from orchestrator.start import RunStart
from services.errors import PreconditionFailed, RequestInvalid, invalid, precondition
from services.identity.caller import current_caller
from services.identity.scope import acting, actor, home, scope
from services.store import executions, workflows
from services.store.audit import entry
from services.store.executions import NewExecution
from services.store.ids import new_id
from services.usecases.backend import Backend
from services.usecases.data import read_input
from services.usecases.reading import ExecutionReader, NodeRunView
from services.usecases.starting import Starter

MODE = "TEST"
_PORT_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True)
class TestRequest:
    """The node to run: of a definition as it stands in an editor (`user_id`'s), or of a stored workflow."""

    node: str
    input_json: str
    workflow: Workflow | None = None
    workflow_id: str = ""
    user_id: str = ""

    __test__ = False


class Tester:
    """Tests nodes by real runs."""

    def __init__(self, backend: Backend, reader: ExecutionReader, starter: Starter) -> None:
        self._backend = backend
        self._reader = reader
        self._starter = starter

    async def test(self, request: TestRequest) -> NodeRunView:
        """The node's run, once it has ended."""
        given = await read_input(request.input_json, "input")
        version_id, workflow, version = await self._version(request)
        await self._starter.check_size(await self._backend.definitions.version(version_id), given.items)
        start = RunStart(
            execution_id=new_id(),
            version_id=version_id,
            workflow_id=request.workflow_id if request.workflow is None else "",
            workflow_name=workflow.name,
            version=version,
            mode=MODE,
            begin=request.node,
            input=given.items,
            alone=True,
        )
        new = NewExecution(
            start,
            datetime.now(UTC),
            user_id=acting(request.user_id),
            body=given.body,
            body_ref=given.ref,
            audit=entry(
                current_caller(),
                "node.test",
                "execution",
                after={"workflow_id": request.workflow_id, "node": request.node},
                actor=actor(request.user_id),
            ),
        )
        await self._starter.begin(new)
        try:
            await self._reader.wait_for_end(start.execution_id)
        except asyncio.CancelledError:
            # Nobody waits for the result any more.
            with suppress(LookupError):
                await asyncio.shield(self._backend.runs.cancel(start.execution_id))
            raise
        return await self._result(start.execution_id, request.node)

    async def _version(self, request: TestRequest) -> tuple[str, Workflow, int]:
        if request.workflow is not None:
            draft = await self._draft(request.workflow, request.node, stored=False)
            async with self._backend.database.transaction() as session:
                unsaved = await workflows.add_unsaved_version(
                    session, draft, acting(request.user_id), home(request.user_id)
                )
            return unsaved.id, draft.workflow, 0
        async with self._backend.database.reading() as session:
            row = await workflows.get(session, request.workflow_id, scope())
        version = await self._backend.definitions.version(row.version_id)
        if version.plan is not None:
            _require_node(version.workflow, request.node)
            return row.version_id, version.workflow, version.version
        draft = await self._draft(version.workflow, request.node, stored=True)
        async with self._backend.database.transaction() as session:
            unsaved = await workflows.add_unsaved_version(session, draft, row.user_id, row.workspace)
        return unsaved.id, draft.workflow, version.version

    async def _draft(self, workflow: Workflow, name: str, *, stored: bool) -> workflows.Draft:
        _require_node(workflow, name)
        found = [
            problem
            for problem in await self._backend.validate(workflow)
            if problem.node == name and problem.severity is Severity.ERROR
        ]
        alone = workflow.model_copy(
            update={"nodes": [n for n in workflow.nodes if n.name == name], "connections": ConnectionsMap()}
        )
        plan = self._compiled(workflow) or self._compiled(alone)
        if plan is None or plan.positions.get(name, -1) < 0:
            found = found or [Problem("NODE_NOT_VALID", f"node {name!r} can't be run; validate the workflow", name)]
        if found:
            raise PreconditionFailed(found) if stored else RequestInvalid(found)
        whole = plan is not None and len(plan.nodes) == len(workflow.nodes)
        return workflows.Draft(workflow if whole else alone, [], plan)

    def _compiled(self, workflow: Workflow) -> Plan | None:
        try:
            return compile_plan(workflow, self._backend.catalogue)
        except DefinitionError:
            return None

    async def _result(self, execution_id: str, node: str) -> NodeRunView:
        async with self._backend.database.reading() as session:
            run = await executions.node_run(session, execution_id, node)
            attempts = await executions.attempts(session, execution_id, [run] if run else [])
        if run is None:
            row = await self._reader.row(execution_id)
            raise precondition("NODE_NOT_RUN", f"the test ended {row.status} before the node ran")
        return await self._reader.view(run, attempts.get((run.node, run.run_index), ()), _PORT_BYTES)


def _require_node(workflow: Workflow, name: str) -> None:
    if not any(node.name == name for node in workflow.nodes):
        raise invalid("NODE_NOT_FOUND", f"the workflow has no node {name[:128]!r}", "node")

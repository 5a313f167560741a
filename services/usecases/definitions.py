"""Workflows: storing, reading, listing, versions and validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.compiler import compile_plan
from orchestrator.errors import DefinitionError, Problem, Severity
from orchestrator.model import Workflow
from services.errors import version_not_found
from services.identity.caller import current_caller
from services.identity.scope import acting, actor, home, scope
from services.store import paging, workflows
from services.store.audit import audit
from services.store.ids import new_id
from services.store.tables import VersionRow, WorkflowRow
from services.store.triggers import activations
from services.usecases.activating import Activating
from services.usecases.backend import Backend


@dataclass(frozen=True)
class Stored:
    """A workflow as the server has it."""

    workflow: Workflow
    version: int
    user_id: str
    created_at: datetime
    updated_at: datetime
    problems: Sequence[Problem] = ()


@dataclass(frozen=True)
class Summary:
    """What a list shows of a workflow."""

    id: str
    name: str
    description: str
    tags: Sequence[str]
    version: int
    node_count: int
    user_id: str
    created_at: datetime
    updated_at: datetime
    active_version: int = 0


@dataclass(frozen=True)
class VersionSummary:
    """What a list shows of a version."""

    version: int
    name: str
    node_count: int
    created_at: datetime
    restored_from: int


class DefinitionCases:
    """What can be done with definitions."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._activating = Activating(backend)

    async def create(self, workflow: Workflow, user_id: str) -> Stored:
        """Stores a new workflow, valid or not."""
        draft = await self.draft(workflow.model_copy(update={"id": workflow.id or new_id()}))
        async with self._backend.database.transaction() as session:
            row = await workflows.create(session, draft.workflow.id, acting(user_id), draft, home(user_id))
            _tell(session, "create", row)
        return _stored(row, draft.workflow, draft.problems)

    async def get(self, workflow_id: str, version: int) -> Stored:
        """One version, 0 for the latest."""
        async with self._backend.database.reading() as session:
            row = await workflows.get(session, workflow_id, scope())
            version_id = row.version_id
            if version not in (0, row.version):
                version_id = await workflows.version_id(session, workflow_id, version, scope())
        found = await self._backend.definitions.version(version_id)
        return Stored(found.workflow, found.version, row.user_id, row.created_at, found.created_at)

    async def update(self, workflow: Workflow, workflow_id: str, expected_version: int) -> Stored:
        """Stores the next version."""
        draft = await self.draft(workflow.model_copy(update={"id": workflow_id}))
        async with self._backend.database.transaction() as session:
            row = await workflows.update(session, workflow_id, draft, within=scope(), expected_version=expected_version)
            _tell(session, "update", row, {"version": row.version - 1})
        return _stored(row, draft.workflow, draft.problems)

    async def restore(self, workflow_id: str, version: int) -> Stored:
        """Makes an old version the latest, as a new one."""
        if version < 1:
            raise version_not_found(workflow_id, version)
        async with self._backend.database.reading() as session:
            old_id = await workflows.version_id(session, workflow_id, version, scope())
        old = await self._backend.definitions.version(old_id)
        draft = await self.draft(old.workflow)
        async with self._backend.database.transaction() as session:
            row = await workflows.update(session, workflow_id, draft, within=scope(), restored_from=version)
            _tell(session, "restore", row, {"version": row.version - 1}, {"restored_from": version})
        return _stored(row, draft.workflow, draft.problems)

    async def delete(self, workflow_id: str) -> None:
        """Removes a workflow from sight and turns its triggers off; its runs go on."""
        async with self._backend.database.transaction() as session:
            row = await workflows.delete(session, workflow_id, scope())
            audit(
                session,
                current_caller(),
                "workflow.delete",
                "workflow",
                row.id,
                {"name": row.name, "version": row.version},
                workspace=row.workspace,
                actor=actor(row.user_id),
            )
            changed = await self._activating.turn_off(session, workflow_id)
        await self._activating.settle(changed)

    async def listed(self, filters: workflows.Filters, page_size: int, page_token: str) -> tuple[list[Summary], str]:
        """A page of workflows, the newest first, and the next page's token."""
        size, after = paging.page_size(page_size, 50), paging.read_time_token(page_token)
        filters = replace(filters, user_id=acting(filters.user_id) if filters.user_id else "", workspace=scope())
        async with self._backend.database.reading() as session:
            rows = await workflows.listed(session, filters, size + 1, after)
            shown = rows[:size]
            active = await activations.active_versions(session, [row.id for row in shown])
        token = paging.time_token(shown[-1].created_at, shown[-1].id) if len(rows) > size else ""
        return [_summary(row, active.get(row.id, 0)) for row in shown], token

    async def versions(self, workflow_id: str, page_size: int, page_token: str) -> tuple[list[VersionSummary], str]:
        """A page of a workflow's versions, the latest first, and the next page's token."""
        size, before = paging.page_size(page_size, 50), paging.read_number_token(page_token)
        async with self._backend.database.reading() as session:
            rows = await workflows.versions(session, workflow_id, size + 1, before, scope())
        shown = rows[:size]
        token = paging.number_token(shown[-1].version) if len(rows) > size else ""
        return [_version_summary(row) for row in shown], token

    async def validate(self, workflow: Workflow) -> list[Problem]:
        """Everything that is wrong with a definition."""
        return await self._backend.validate(workflow)

    async def validate_stored(self, workflow_id: str) -> list[Problem]:
        """Everything that is wrong with a workflow's latest version."""
        return await self.validate((await self.get(workflow_id, 0)).workflow)

    async def draft(self, workflow: Workflow) -> workflows.Draft:
        """A definition with its problems and, if it can be run, its plan."""
        problems = await self._backend.validate(workflow)
        if any(problem.severity is Severity.ERROR for problem in problems):
            return workflows.Draft(workflow, problems, None)
        try:
            return workflows.Draft(workflow, problems, compile_plan(workflow, self._backend.catalogue))
        except DefinitionError as error:
            return workflows.Draft(workflow, [*problems, *error.problems], None)


def _tell(
    session: AsyncSession,
    deed: str,
    row: WorkflowRow,
    before: Mapping[str, object] | None = None,
    more: Mapping[str, object] | None = None,
) -> None:
    after = {"name": row.name, "version": row.version, "version_id": row.version_id, **(more or {})}
    who = actor(row.user_id)
    audit(
        session,
        current_caller(),
        f"workflow.{deed}",
        "workflow",
        row.id,
        before,
        after,
        workspace=row.workspace,
        actor=who,
    )


def _stored(row: WorkflowRow, workflow: Workflow, problems: Sequence[Problem]) -> Stored:
    return Stored(workflow, row.version, row.user_id, row.created_at, row.updated_at, problems)


def _summary(row: WorkflowRow, active_version: int) -> Summary:
    return Summary(
        row.id,
        row.name,
        row.description,
        row.tags,
        row.version,
        row.node_count,
        row.user_id,
        row.created_at,
        row.updated_at,
        active_version,
    )


def _version_summary(row: VersionRow) -> VersionSummary:
    return VersionSummary(row.version, row.name, row.node_count, row.created_at, row.restored_from)

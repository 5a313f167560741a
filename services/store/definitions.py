"""Reads immutable versions and keeps the latest used in memory."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy import select

from activities.ports import Definition
from orchestrator import definition, exact_json
from orchestrator.errors import Problem
from orchestrator.model import Workflow
from orchestrator.plan import PLAN_VERSION, Plan
from services.errors import NotFound
from services.store import serial
from services.store.engine import Database
from services.store.tables import VersionRow

CACHED_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Version:
    """One stored version; a draft that isn't valid has no plan. `plan_size` is the plan's length as text."""

    version_id: str
    workflow_id: str
    version: int
    workflow: Workflow
    plan: Plan | None
    plan_size: int
    problems: tuple[Problem, ...]
    restored_from: int
    created_at: datetime
    workspace: str

    @cached_property
    def definition(self) -> Definition:
        """It as a definition that can be run; NotFound if it isn't valid."""
        if self.plan is None:
            raise NotFound("VERSION_NOT_VALID", f"version {self.version_id!r} can't be run: it isn't valid")
        return Definition(self.version_id, self.workflow_id, self.version, self.workflow, self.plan, self.workspace)


class Definitions:
    """Versions by id, the least recently used ones forgotten; `compile_plan` renews plans of an older format."""

    def __init__(
        self, database: Database, compile_plan: Callable[[Workflow], Plan], *, cached_bytes: int = CACHED_BYTES
    ) -> None:
        self._database = database
        self._compile = compile_plan
        self._limit = cached_bytes
        self._size = 0
        self._cache: OrderedDict[str, tuple[Version, int]] = OrderedDict()

    async def get(self, version_id: str) -> Definition:
        """A version that can be run; NotFound (a LookupError) if it is gone or isn't valid."""
        return (await self.version(version_id)).definition

    async def version(self, version_id: str) -> Version:
        """A version, valid or not; NotFound if it is gone."""
        cached = self._cache.get(version_id)
        if cached is not None:
            self._cache.move_to_end(version_id)
            return cached[0]
        async with self._database.reading() as session:
            row = await session.scalar(select(VersionRow).where(VersionRow.id == version_id))
        if row is None:
            raise NotFound("VERSION_NOT_FOUND", f"there is no version {version_id[:128]!r}; it was deleted")
        version = self._read(row)
        self._keep(version, len(row.definition) + len(row.plan or ""))
        return version

    def _read(self, row: VersionRow) -> Version:
        workflow = Workflow.model_validate(exact_json.loads(row.definition))
        plan = serial.read_optional(row.plan, Plan)
        if plan is not None and plan.version != PLAN_VERSION:
            plan = self._compile(workflow)
        return Version(
            version_id=row.id,
            workflow_id=row.workflow_id or "",
            version=row.version,
            workflow=workflow,
            plan=plan,
            plan_size=len(row.plan or ""),
            problems=tuple(serial.read(row.problems, list[Problem])),
            restored_from=row.restored_from,
            created_at=row.created_at,
            workspace=row.workspace,
        )

    def _keep(self, version: Version, size: int) -> None:
        if version.version_id in self._cache:
            return
        self._cache[version.version_id] = version, size
        self._size += size
        while self._size > self._limit and len(self._cache) > 1:
            _, (_, forgotten) = self._cache.popitem(last=False)
            self._size -= forgotten


def definition_text(workflow: Workflow) -> str:
    """The exact text a version keeps: two versions with the same text are the same."""
    return definition.dump_json(workflow)

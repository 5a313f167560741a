"""Limits: showing what holds, and setting a workflow's own; those of workspaces are the operator's to set."""

from collections.abc import Mapping

from services.errors import invalid
from services.identity.caller import current_caller
from services.identity.scope import actor, home, scope
from services.store import limits, workflows
from services.store.audit import audit
from services.store.limits import Applying, Limits
from services.usecases.backend import Backend

_MOST = 1_000_000_000
_NAMES = ("max_runs", "starts_per_minute", "max_run_seconds", "max_payload_bytes", "max_node_runs")


class Limiting:
    """What can be done with limits."""

    def __init__(self, backend: Backend) -> None:
        self._database = backend.database

    async def get(self, workflow_id: str) -> Applying:
        """What holds for the caller's workspace, or for a workflow and its workspace."""
        async with self._database.reading() as session:
            workspace = (await workflows.get(session, workflow_id, scope())).workspace if workflow_id else home("")
            return await limits.applying(session, workspace, workflow_id)

    async def set(self, workflow_id: str, values: Mapping[str, float]) -> Limits:
        """Gives a workflow these limits and no others."""
        checked(values, _NAMES)
        async with self._database.transaction() as session:
            row = await workflows.get(session, workflow_id, scope())
            wanted = {name: values.get(name) for name in _NAMES}
            caller, by = current_caller(), actor()
            before, after = await limits.change(session, row.workspace, workflow_id, wanted, by)
            told = (before.given(), after.given())
            audit(session, caller, "limits.set", "workflow", workflow_id, *told, workspace=row.workspace, actor=by)
        return after


def checked(values: Mapping[str, float], names: tuple[str, ...]) -> None:
    """Refuses what is no limit, or none of these."""
    for name, value in values.items():
        if name not in names:
            raise invalid("INVALID_FIELD", f"a workflow has no {name}; it is the workspace's", f"limits.{name}")
        if not 0 <= value <= _MOST:
            raise invalid("INVALID_FIELD", f"{name} is {value:g}; it must be from 0 (no limit) to {_MOST}", name)

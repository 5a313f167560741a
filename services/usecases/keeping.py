"""How long a workspace's ended runs are kept: showing it, and owners setting it within what the operator keeps."""

from dataclasses import dataclass

from orchestrator.record import Status
from services.errors import invalid
from services.identity.caller import current_caller
from services.identity.scope import actor, home
from services.store import retention_days
from services.store.audit import audit
from services.store.retention_days import Days
from services.usecases.backend import Backend

_MOST_DAYS = 36_500


@dataclass(frozen=True)
class Kept:
    """What the workspace's owners set, and what holds: the shorter of that and of what the operator set."""

    own: Days
    applying: Days


class Keeping:
    """What can be done with the days that runs are kept."""

    def __init__(self, backend: Backend) -> None:
        self._database = backend.database
        self._policy = backend.retention

    async def get(self) -> Kept:
        """What holds for the caller's workspace."""
        async with self._database.reading() as session:
            return self._kept(home(""), await retention_days.of(session, home("")))

    async def set(self, days: Days) -> Kept:
        """Has the caller's workspace keep its runs for so long."""
        for name, value in days.given().items():
            if not 0 <= value <= _MOST_DAYS:
                raise invalid("INVALID_FIELD", f"{name} is {value}; it must be from 0 (for ever) to {_MOST_DAYS}", name)
        workspace = home("")
        async with self._database.transaction() as session:
            before = await retention_days.change(session, workspace, days, actor())
            told = (before.given(), days.given())
            audit(session, current_caller(), "retention.set", "workspace", workspace, *told, workspace=workspace)
        return self._kept(workspace, days)

    def _kept(self, workspace: str, own: Days) -> Kept:
        completed, failed = (self._policy.of(workspace, status, own) for status in (Status.COMPLETED, Status.FAILED))
        return Kept(own, Days(completed, failed))

"""Limits as they were a moment ago: what is asked again and again costs no query each time."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from orchestrator.start import Share
from services.store import limits
from services.store.engine import Database
from services.store.limits import Applying, Limits

# For so long a change of what a run may have, or of a weight, may pass unnoticed. Counts of runs are always exact.
SECONDS = 30.0
_MOST = 1_000
_USUAL_PRIORITY = 3
_NONE = Limits()


class KnownLimits:
    """Remembers what holds for workspaces and, together with that, for all of their workflows."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Limits, Mapping[str, Limits]]] = OrderedDict()

    async def share(self, workspace: str, workflow_id: str, priority: int) -> Share:
        """What a run of a workflow may have."""
        found = await self._of(workspace, workflow_id)
        return Share(
            workspace,
            priority or _USUAL_PRIORITY,
            found.workspace.weight or 1.0,
            float(found.max_run_seconds),
            found.max_node_runs,
        )

    async def payload_bytes(self, workspace: str, workflow_id: str) -> int:
        """How many bytes of JSON one list of items may have in runs of a workflow; 0 for as many as anywhere."""
        return (await self._of(workspace, workflow_id)).max_payload_bytes

    async def _of(self, workspace: str, workflow_id: str) -> Applying:
        known = self._known.get(workspace)
        if known is None or self._clock() >= known[0] + SECONDS:
            async with self._database.driver() as connection:
                known = (self._clock(), *await limits.of_workspace(connection, workspace))
            self._known[workspace] = known
            self._known.move_to_end(workspace)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        _, whole, own = known
        return Applying(whole, own.get(workflow_id, _NONE))

"""Limits as they were a moment ago: what runs are handed to Temporal with asks the store for none."""

import time
from collections import OrderedDict
from collections.abc import Callable

from orchestrator.start import Share
from services.store import limits
from services.store.limits import Applying
from services.usecases.backend import Backend

# For so long a change of a time limit or a weight may pass unnoticed. Counts of runs are always exact.
SECONDS = 30.0
_MOST = 10_000
_USUAL_PRIORITY = 3


class KnownLimits:
    """Remembers what holds for workspaces and workflows."""

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.monotonic) -> None:
        self._backend = backend
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], tuple[float, Applying]] = OrderedDict()

    async def share(self, workspace: str, workflow_id: str, priority: int) -> Share:
        """What a run of a workflow may have."""
        found = await self._of(workspace, workflow_id)
        return Share(
            workspace, priority or _USUAL_PRIORITY, found.workspace.weight or 1.0, float(found.max_run_seconds)
        )

    async def _of(self, workspace: str, workflow_id: str) -> Applying:
        key = (workspace, workflow_id)
        known = self._known.get(key)
        if known is not None and self._clock() < known[0] + SECONDS:
            return known[1]
        async with self._backend.database.reading() as session:
            found = await limits.applying(session, workspace, workflow_id)
        self._known[key] = (self._clock(), found)
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return found

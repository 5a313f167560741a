"""Where runs stand in Temporal's queues."""

import hashlib

from temporalio.common import Priority

from orchestrator.start import RunStart


def priority_of(start: RunStart) -> Priority:
    """Where the run stands in queues; its activities and sub-workflows stand there, too."""
    share = start.share
    if share is None:
        return Priority.default
    # Temporal takes 64 bytes for a key at most.
    key = share.workspace.encode()
    fair = key.decode() if len(key) <= 64 else hashlib.sha256(key).hexdigest()
    return Priority(share.priority, fair or None, share.weight)

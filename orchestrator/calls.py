"""Calls from outside that nodes of a run wait for."""

from dataclasses import dataclass

from orchestrator.commands import AwaitCall
from orchestrator.items import Items
from orchestrator.plan import Plan
from orchestrator.state import RunState


@dataclass(frozen=True)
class IncomingCall:
    """A call of a run's address: what the node that waits for it emits; `node` where the caller named one."""

    items: Items
    node: str = ""


class RefusedCallError(ValueError):
    """A call that nothing in the run takes: why, and as a code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def addressee(state: RunState, plan: Plan, call: IncomingCall) -> str:
    """The key of the task that takes the call: the one that waits longest; RefusedCallError if that isn't plain."""
    waiting = {
        key: plan.nodes[wait.task.node].name
        for key, wait in state.waiting.items()
        if isinstance(wait.command, AwaitCall) and key not in state.calls
    }
    found = [key for key, name in waiting.items() if call.node in ("", name)]
    names = list(dict.fromkeys(waiting[key] for key in found))
    if not found:
        what = f"{call.node[:128]!r} of the run" if call.node else "the run"
        raise RefusedCallError("CALL_NOT_AWAITED", f"{what} doesn't wait for a call")
    if len(names) > 1:
        raise RefusedCallError("CALL_AMBIGUOUS", f"several nodes wait; add ?node= and one of {', '.join(names[:20])}")
    return found[0]

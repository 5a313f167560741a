"""What triggers need of the outside, as protocols; `services` implements them and hands them over.

Every method raises StoreUnavailableError while the store is out of reach.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from nodes.base import Item
from nodes.files.files import Files
from orchestrator.start import RunStart

MakeItems = Callable[[Files], Awaitable[Sequence[Item]]]


class TriggerGoneError(LookupError):
    """The trigger isn't turned on any more."""


@dataclass(frozen=True)
class Binding:
    """A trigger that is turned on."""

    id: str
    workflow_id: str
    version_id: str
    workspace: str
    node: str
    subtype: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    workflow_name: str = ""
    activated_by: str = ""


@dataclass(frozen=True)
class PollState:
    """What a polling trigger knows, of which source; `failures` counts those since its last success."""

    source: str
    state: Mapping[str, Any] | None = None
    failures: int = 0
    retry_at: datetime | None = None


class Triggers(Protocol):
    """Starts runs of triggers that are turned on: one for each workflow, node and event."""

    async def binding(self, binding_id: str) -> Binding:
        """The trigger as it is now; TriggerGoneError if it is turned off."""

    async def fire(self, binding_id: str, event_id: str, items: MakeItems, revision: int) -> str:
        """Starts the run of an event, unless it has one; its execution id. TriggerGoneError if it is turned off.

        `items` makes the run's input, among the files of that run, which has the `revision` if we know it.
        """

    async def prepare(self, binding_id: str, event_id: str, items: MakeItems) -> RunStart:
        """As `fire`, but the run is only recorded: the caller starts it."""

    async def report(self, binding_id: str, problem: str) -> None:
        """Shows what went wrong last; an empty text says that all is well."""


class Polls(Protocol):
    """What polling triggers know. It belongs to a workflow's node, so that a new version goes on where the old was."""

    async def load(self, binding: Binding) -> PollState | None:
        """What is known; None before the first poll."""

    async def save(self, binding: Binding, state: PollState) -> None:
        """Keeps what is known."""

    async def forget(self, binding_id: str) -> None:
        """Forgets what a binding knows, unless another has taken it over."""

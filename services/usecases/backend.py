"""What every use case works on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from activities.triggers.ports import Binding
from nodes.factory import Catalogue
from nodes.files.store import FileStore
from orchestrator.calls import IncomingCall
from orchestrator.errors import Problem
from orchestrator.messages import REVISION
from orchestrator.model import Workflow
from orchestrator.people import Answer, Reassignment, Taken
from orchestrator.start import RunStart
from services.observability.telemetry import Telemetry
from services.store.definitions import Definitions
from services.store.engine import Database
from services.store.integrations_opening import Integrations
from services.store.known_limits import KnownLimits
from services.store.listen import Listener
from services.usecases.retention import Policy
from temporal.client import Ended


class Runs(Protocol):
    """What use cases ask of Temporal; `temporal.client.Runs` does it."""

    async def start(self, start: RunStart, revision: int = REVISION) -> None:
        """Starts a run, of at most our own revision; starting it again changes nothing."""

    async def cancel(self, execution_id: str, reason: str = "") -> None:
        """Asks the run to stop."""

    async def pause(self, execution_id: str) -> None:
        """Has the run start no more nodes."""

    async def resume(self, execution_id: str) -> None:
        """Has a paused run go on."""

    async def answer(self, execution_id: str, answer: Answer) -> Taken:
        """Gives the run what a person answered; AnswerRefusedError if it doesn't take that."""

    async def reassign(self, execution_id: str, change: Reassignment) -> int:
        """Has others answer a task of the run, the how manyth time; AnswerRefusedError if it doesn't wait for it."""

    async def call(self, execution_id: str, call: IncomingCall) -> None:
        """Gives the run the call that a node of it waits for; CallRefusedError if none does."""

    async def ended(self, execution_ids: Sequence[str]) -> Mapping[str, Ended]:
        """Those of the runs that are over, or that Temporal doesn't know any more."""


class TimerView(Protocol):
    """How a trigger's schedule stands; without an id there is none."""

    @property
    def schedule_id(self) -> str:
        """The Temporal Schedule."""

    @property
    def next_times(self) -> Sequence[datetime]:
        """When it acts next."""

    @property
    def paused(self) -> bool:
        """Whether an operator has paused it."""


class Timers(Protocol):
    """What drives triggers by time; `temporal.schedules.Schedules` does it."""

    async def put(self, binding: Binding) -> None:
        """Turns a trigger on, or changes it; one that time doesn't drive is left alone."""

    async def remove(self, binding_id: str) -> None:
        """Turns a trigger off; runs that have begun go on."""

    async def describe(self, binding_ids: Sequence[str]) -> Mapping[str, TimerView]:
        """When the triggers act next, of those that time drives."""


class NoTimers:
    """Drives nothing: for a worker, which turns no trigger on."""

    async def put(self, binding: Binding) -> None:
        """Does nothing."""

    async def remove(self, binding_id: str) -> None:
        """Does nothing."""

    async def describe(self, binding_ids: Sequence[str]) -> Mapping[str, TimerView]:
        """Knows none."""
        return {}


@dataclass(frozen=True)
class Backend:
    """The store, the catalogue, Temporal, news of records, credentials, limits and files.

    `validate` asks the engines, too. `public_url` is where the outside reaches the gateway, without a slash at its end;
    empty where there is none.
    """

    database: Database
    definitions: Definitions
    catalogue: Catalogue
    validate: Callable[[Workflow], Awaitable[list[Problem]]]
    runs: Runs
    listener: Listener
    integrations: Integrations
    limits: KnownLimits
    files: FileStore = field(default_factory=lambda: FileStore(""))
    timers: Timers = field(default_factory=NoTimers)
    public_url: str = ""
    telemetry: Telemetry = field(default_factory=Telemetry)
    retention: Policy = field(default_factory=Policy)

"""What every use case works on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from nodes.factory import Catalogue
from nodes.files.store import FileStore
from orchestrator.errors import Problem
from orchestrator.model import Workflow
from orchestrator.people import Answer
from orchestrator.start import RunStart
from services.store.definitions import Definitions
from services.store.engine import Database
from services.store.integrations_opening import Integrations
from services.store.listen import Listener
from temporal.client import Ended


class Runs(Protocol):
    """What use cases ask of Temporal; `temporal.client.Runs` does it."""

    async def start(self, start: RunStart) -> None:
        """Starts a run; starting it again changes nothing."""

    async def cancel(self, execution_id: str, reason: str = "") -> None:
        """Asks the run to stop."""

    async def pause(self, execution_id: str) -> None:
        """Has the run start no more nodes."""

    async def resume(self, execution_id: str) -> None:
        """Has a paused run go on."""

    async def answer(self, execution_id: str, answer: Answer) -> None:
        """Gives the run what a person answered; AnswerRefusedError if it doesn't wait for that."""

    async def ended(self, execution_ids: Sequence[str]) -> Mapping[str, Ended]:
        """Those of the runs that are over, or that Temporal doesn't know any more."""


@dataclass(frozen=True)
class Backend:
    """The store, the catalogue, Temporal, news of records, credentials and files; `validate` asks the engines too."""

    database: Database
    definitions: Definitions
    catalogue: Catalogue
    validate: Callable[[Workflow], Awaitable[list[Problem]]]
    runs: Runs
    listener: Listener
    integrations: Integrations
    files: FileStore = field(default_factory=lambda: FileStore(""))

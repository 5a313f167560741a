"""What a control node asks of the workflow once its parameters are resolved."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Sleep:
    """Wait until an instant (aware UTC), then pass the input on."""

    until: datetime


@dataclass(frozen=True)
class AwaitCall:
    """Wait until somebody calls the run's address, but no longer than to the deadline (aware UTC; None: for ever)."""

    deadline: datetime | None


@dataclass(frozen=True)
class CallWorkflow:
    """Start another workflow with the input; `wait` for its result, `each_item` in a run of its own."""

    workflow_id: str
    wait: bool = True
    each_item: bool = False


@dataclass(frozen=True)
class Iterate:
    """How a LOOP goes round; `batch_size` for items, `times` for count."""

    mode: Literal["items", "count", "while"]
    batch_size: int = 1
    times: int = 0
    max_iterations: int = 10_000
    max_concurrency: int = 1
    collect: bool = False


@dataclass(frozen=True)
class Converse:
    """Have an AI agent work, turn by turn: `prompts` times, once for each of its items or once for all."""

    prompts: int


@dataclass(frozen=True)
class Ask:
    """Ask people about each of its items, and wait for their answers."""

    questions: int


Command = Sleep | AwaitCall | CallWorkflow | Iterate | Converse | Ask

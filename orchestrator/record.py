"""What is written down about a run: its node runs and its end. Plain values that cross Temporal and reach the store."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from orchestrator.errors import RunError
from orchestrator.items import Items


class Status(StrEnum):
    """Where a run stands."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    TIMED_OUT = "TIMED_OUT"

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self not in (Status.RUNNING, Status.PAUSED)


class NodeStatus(StrEnum):
    """Where a node run stands."""

    RUNNING = "RUNNING"
    WAITING = "WAITING"
    RETRYING = "RETRYING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self in (NodeStatus.COMPLETED, NodeStatus.FAILED, NodeStatus.CANCELED)


@dataclass(frozen=True)
class Usage:
    """What a call of a model used: tokens, and what they cost in US dollars where the price is known."""

    provider: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True)
class NodeRecord:
    """The state of one node run. A later record of the same (node, run_index) replaces what it sets.

    Times are aware UTC datetimes. `inputs` are by input port position, `outputs` by port name; None leaves what
    was recorded before as it is. `failed_attempt` adds one attempt's error to those kept. `parent` is the agent that a
    node served.
    """

    node: str
    run_index: int
    status: NodeStatus
    attempt: int = 1
    started_at: datetime | None = None
    finished_at: datetime | None = None
    inputs: list[Items] | None = None
    outputs: dict[str, Items] | None = None
    error: RunError | None = None
    failed_attempt: RunError | None = None
    logs: list[str] = field(default_factory=list)
    reused: bool = False
    parent: str = ""
    usage: Usage | None = None
    cached: bool = False

    @property
    def key(self) -> str:
        """Names what is recorded: this state of this node run."""
        return f"{self.status}|{self.run_index}|{self.node}"


@dataclass(frozen=True)
class ExecutionRecord:
    """The state of a run; `outputs` (result items by node name) only at its end."""

    status: Status
    at: datetime
    error: RunError | None = None
    outputs: dict[str, Items] | None = None
